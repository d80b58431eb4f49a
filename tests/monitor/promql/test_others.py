import math

import pytest

from tests.monitor.promql.stage import Answer, ask, differs, line

LINES = (
    line("x", "3", job="a"),
    line("x", "1", job="b"),
    line("x", "nan", job="c"),
    line("x", "2", job="d"),
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("absent(x)", {}),
        ("absent(nothing)", {"{}": 1}),
        ('absent(x{job="z", a=~"b", c!="d", e="f"})', {'{e="f", job="z"}': 1}),
        ('absent(x{job="z", e="f", e="g"})', {'{job="z"}': 1}),
        ("absent(sum(nothing))", {"{}": 1}),
        ('absent_over_time(x{job="z"}[1m])', {'{job="z"}': 1}),
        ("absent_over_time(x[1m])", {}),
        ("absent_over_time(nothing[5m:1m])", {"{}": 1}),
        ("vector(3)", {"{}": 3}),
        ('scalar(x{job="a"})', {"{}": 3}),
        ("scalar(x)", {"{}": math.nan}),
        ("scalar(nothing)", {"{}": math.nan}),
        ("time()", {"{}": 7}),
        ('timestamp(x{job="a"})', {'{job="a"}': 0}),
        ('timestamp(x{job="a"} + 0)', {'{job="a"}': 7}),
    ],
)
def test_functions_of_series_as_a_whole(text: str, found: Answer) -> None:
    """An absent series has the labels that only one value would have fitted."""
    assert not differs(ask(text, *LINES, at_s=7), found), ask(text, *LINES, at_s=7)


@pytest.mark.parametrize(("text", "order"), [("sort(x)", "bdac"), ("sort_desc(x)", "adbc")])
def test_series_are_sorted_by_value(text: str, order: str) -> None:
    """NaN last, whichever way."""
    found = ask(text, *LINES, at_s=0) or {}

    assert [key.split('job="')[1][0] for key in found] == list(order)


def test_a_histogram_is_told_by_its_buckets() -> None:
    """Each set of other labels is one; what has no edge takes no part."""
    buckets = [
        line("s_bucket", count, le=edge, job="a")
        for edge, count in (("1", "5"), ("2.0", "10"), ("+Inf", "10"), ("x", "99"), ("1_0", "99"))
    ]
    other = [line("s_bucket", "4", le=edge) for edge in ("1", "+Inf")]

    found = ask("histogram_quantile(0.75, s_bucket)", *buckets, *other, at_s=0)

    assert found == {'{job="a"}': 1.5, "{}": 0.75}
