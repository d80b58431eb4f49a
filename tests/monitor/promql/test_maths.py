import calendar
import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.monitor.promql.stage import ask, differs, line


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("abs(x)", 2.5),
        ("ceil(x)", -2),
        ("floor(x)", -3),
        ("round(x)", -2),
        ("round(x, 5)", 0),
        ("round(x, 0.2)", -2.4),
        ("round(x + 5)", 3),
        ("clamp(x, -1, 1)", -1),
        ("clamp_min(x, -1)", -1),
        ("clamp_max(x, -3)", -3),
        ("exp(x * 0)", 1),
        ("ln(x * 0)", -math.inf),
        ("ln(x)", math.nan),
        ("log2(abs(x) * 3.2)", 3),
        ("log10(abs(x) * 400)", 3),
        ("sqrt(x ^ 2)", 2.5),
        ("sgn(x)", -1),
        ("sgn(x * 0)", 0),
    ],
)
def test_a_function_of_each_value(text: str, value: float) -> None:
    """Without the name; halves are rounded up."""
    found = ask(text, line("x", "-2.5", a="b"), at_s=0)

    assert not differs(found, {'{a="b"}': value}), found


def test_nothing_is_between_a_greater_and_a_lesser_limit() -> None:
    """Not even the limits."""
    assert ask("clamp(x, 1, -1)", line("x", "0"), at_s=0) == {}


@given(st.integers(-(2**33), 2**36))
def test_parts_of_a_date_are_those_of_the_calendar(seconds: int) -> None:
    """In UTC, before 1970 too."""
    at = datetime.fromtimestamp(seconds, UTC)
    wanted = {
        "year": at.year, "month": at.month, "day_of_month": at.day, "hour": at.hour,
        "minute": at.minute, "day_of_week": (at.weekday() + 1) % 7,
        "days_in_month": calendar.monthrange(at.year, at.month)[1],
    }  # fmt: skip

    found = {name: ask(f"{name}(vector({seconds}))") for name in wanted}

    assert found == {name: {"{}": value} for name, value in wanted.items()}


def test_without_a_date_it_is_that_of_the_question() -> None:
    """And a time that is none has no parts."""
    assert ask("minute()", at_s=3661) == {"{}": 1}
    assert not differs(ask("year(vector(NaN))"), {"{}": math.nan})
    assert not differs(ask("year(vector(1e300))"), {"{}": math.nan})
