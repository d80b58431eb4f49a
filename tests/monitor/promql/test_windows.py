import pytest

from intertie.monitor.promql.query import Options
from tests.monitor.promql.stage import ask, line

OLD = Options(closed=True)
# Samples at 0, 15, 30, 45 and 60 s.
ONE = line("x", "1 2 3 4 5")


@pytest.mark.parametrize(
    ("at_s", "value"), [(60, 5), (59.999, 4), (0, 1), (359.999, 5), (360, None), (-1, None)]
)
def test_the_newest_value_counts_for_five_minutes(at_s: float, value: float | None) -> None:
    """Exactly five minutes later it does not any more."""
    found = ask("x", ONE, at_s=at_s)

    assert found == ({} if value is None else {'{__name__="x"}': value})


def test_a_closed_lookback_includes_its_edge() -> None:
    """As in 2.42."""
    assert ask("x", ONE, at_s=360, options=OLD)
    assert not ask("x", ONE, at_s=360.001, options=OLD)


@pytest.mark.parametrize(("at_s", "count"), [(60, 3), (59, 3), (75, 2), (104, 1), (105, None)])
def test_a_range_leaves_its_oldest_edge_out(at_s: float, count: float | None) -> None:
    """45 s hold three samples 15 s apart, wherever they begin."""
    found = ask("count_over_time(x[45s])", ONE, at_s=at_s)

    assert found == ({} if count is None else {"{}": count})


def test_a_closed_range_includes_its_edge() -> None:
    """As in 2.42: the same 45 s hold four samples when they begin at one."""
    assert ask("count_over_time(x[45s])", ONE, options=OLD) == {"{}": 4}
    assert ask("count_over_time(x[45s])", ONE, at_s=59, options=OLD) == {"{}": 3}


def test_a_marker_ends_a_series_until_its_next_sample() -> None:
    """For selectors; ranges just do not see it."""
    ended = line("x", "1 2 stale _ 5")

    assert ask("x", ended, at_s=29)
    assert ask("x", ended, at_s=30) == {}
    assert ask("x", ended, at_s=59) == {}
    assert ask("x", ended, at_s=60) == {'{__name__="x"}': 5}
    assert ask("sum_over_time(x[5m])", ended) == {"{}": 8}
    assert ask("last_over_time(x[2m])", ended, at_s=50) == {'{__name__="x"}': 2}


def test_a_gap_is_no_end() -> None:
    """And a NaN is a value."""
    assert ask("x", line("x", "1 _ _ _ _")) == {'{__name__="x"}': 1}
    assert ask("x != x", line("x", "1 nan"), at_s=15)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x offset 15s", 4),
        ("x offset -15s", 5),
        ("x @ 15", 2),
        ("x @ 30 offset 15s", 2),
        ("x @ start()", 5),
    ],
)
def test_another_time_may_be_looked_at(text: str, value: float) -> None:
    """Earlier, later, or fixed."""
    assert ask(text, ONE) == {'{__name__="x"}': value}


@pytest.mark.parametrize(
    ("text", "now", "before"),
    [
        # At 60 s: 40 and 60; closed also 20, which is the edge.
        ("count_over_time(x[40s:20s])", 2, 3),
        ("sum_over_time(x[40s:20s])", 3 + 5, 2 + 3 + 5),
        ("count_over_time(x[40s:20s] offset 1s)", 2, 2),
        ("count_over_time(vector(1)[10m:])", 10, 11),
        ("sum_over_time(vector(time())[1m:30s] @ 90)", 60 + 90, 30 + 60 + 90),
    ],
)
def test_a_subquery_looks_at_whole_multiples_of_its_step(
    text: str, now: float, before: float
) -> None:
    """Whenever it is asked; one that names no step has that of the options, a minute."""
    assert ask(text, ONE) == {"{}": now}
    assert ask(text, ONE, options=OLD) == {"{}": before}


def test_a_subquery_sees_only_what_is_there() -> None:
    """Its inside may be there at some moments only."""
    assert ask("count_over_time((x > 3)[1m:15s])", ONE) == {"{}": 2}
