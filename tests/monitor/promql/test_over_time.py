import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.monitor.promql.stage import ask, differs, line

# Samples at 0, 15, 30, 45 and 60 s; [1m] at 60 s sees the last four.
FOUR = line("x", "9 4 1 1 3", a="b")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("avg_over_time(x[1m])", 2.25),
        ("sum_over_time(x[1m])", 9),
        ("min_over_time(x[1m])", 1),
        ("max_over_time(x[1m])", 4),
        ("max_over_time(x[2m])", 9),
        ("count_over_time(x[1m])", 4),
        ("present_over_time(x[1m])", 1),
        ("stddev_over_time(x[1m])", 1.299038105676658),
        ("quantile_over_time(0.5, x[1m])", 2),
        ("quantile_over_time(0.9, x[1m])", 3.7),
        ("quantile_over_time(-1, x[1m])", -math.inf),
        ("quantile_over_time(2, x[1m])", math.inf),
        ("changes(x[1m])", 2),
        ("resets(x[1m])", 1),
        ("resets(x[2m])", 2),
        # By least squares through (15, 4), (30, 1), (45, 1), (60, 3).
        ("deriv(x[1m])", -0.02),
        ("predict_linear(x[1m], 0)", 1.8),
        ("predict_linear(x[1m], 60)", 0.6),
        ("predict_linear(x[1m:15s], scalar(x) * 20)", 0.6),
    ],
)
def test_a_range_becomes_one_value(text: str, value: float) -> None:
    """Without the name of the series."""
    found = ask(text, FOUR)

    assert not differs(found, {'{a="b"}': value}), found


def test_the_last_value_keeps_its_name() -> None:
    """It is one that was measured."""
    assert ask("last_over_time(x[1m])", FOUR) == {'{__name__="x", a="b"}': 3}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("deriv(x[20s])", 0),
        ("rate(x[20s])", 0),
        ("changes(x[20s])", 1),
        ("sum_over_time(x[1s])", 1),
    ],
)
def test_a_line_needs_two_samples(text: str, count: int) -> None:
    """The rest are content with one; without any there is no value."""
    lonely = line("x", "_ _ _ _ 3")

    assert ask(text, lonely, at_s=200) == {}
    assert len(ask(text, lonely) or {}) == count


def test_extremes_pass_over_nan() -> None:
    """Unless there is nothing else; sums do not."""
    odd = line("x", "_ nan 1 nan 2")

    assert ask("max_over_time(x[1m])", odd) == {"{}": 2}
    assert ask("min_over_time(x[1m])", odd) == {"{}": 1}
    assert ask("changes(x[1m])", odd) == {"{}": 3}
    assert not differs(ask("sum_over_time(x[1m])", odd), {"{}": math.nan})
    assert not differs(ask("max_over_time(x[10s])", line("x", "nan"), at_s=1), {"{}": math.nan})


def test_a_level_series_stays() -> None:
    """Exactly, whatever rounding would make of it; an infinite one has no line."""
    assert ask("predict_linear(x[5m], 3600)", line("x", "0.1 0.1 0.1")) == {"{}": 0.1}
    assert not differs(ask("deriv(x[5m])", line("x", "inf inf")), {"{}": math.nan})


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40))
def test_values_over_time_are_those_of_the_samples(numbers: list[float]) -> None:
    """Checked by plain Python."""
    one = line("x", " ".join(map(repr, numbers)))
    at_s = (len(numbers) - 1) * 15
    wanted = {
        "sum": math.fsum(numbers), "min": min(numbers), "max": max(numbers),
        "count": len(numbers), "last": numbers[-1], "avg": math.fsum(numbers) / len(numbers),
    }  # fmt: skip

    for name, value in wanted.items():
        (found,) = (ask(f"{name}_over_time(x[1h])", one, at_s=at_s) or {}).values()
        assert found == pytest.approx(value, rel=1e-12, abs=1e-9), name
