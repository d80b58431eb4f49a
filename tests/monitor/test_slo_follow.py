"""What counters grew by, and how it was over windows."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.monitor.sample import STALE, Found, Series
from intertie.monitor.slo_follow import Follower, History

A, B = Series.of("hits", {"replica": "0"}), Series.of("hits", {"replica": "1"})


def found(series: Series, *values: float, start: int = 1) -> Found:
    """A sample each minute, from that minute on."""
    times = (np.arange(len(values), dtype=np.int64) + start) * 60_000
    return Found(series, times, np.array(values, dtype=np.float64))


def test_each_counter_is_followed_by_itself() -> None:
    """One that began again loses nothing, and takes nothing from the others."""
    follower = Follower()
    follower.grown([found(A, 100), found(B, 10)], from_zero=False)

    grown = follower.grown([found(A, 110, 4, start=2), found(B, 11, 12, start=2)], from_zero=True)

    assert grown == {120_000: 11, 180_000: 5}


def test_a_counter_not_seen_yet_counts_only_where_it_is_known_to_be_new() -> None:
    """Nobody knows what an old one has counted since when."""
    assert Follower().grown([found(A, 100, 101)], from_zero=False) == {60_000: 0, 120_000: 1}
    assert Follower().grown([found(A, 1, 2)], from_zero=True) == {60_000: 1, 120_000: 1}


def test_it_goes_on_from_what_was_kept() -> None:
    """Over a restart of ours, which is none of the counter's."""
    follower = Follower()
    follower.prime([found(A, 90, 100, STALE)])

    assert follower.is_primed
    assert follower.grown([found(A, 103, start=9)], from_zero=False) == {540_000: 3}


def test_an_end_is_no_number() -> None:
    """A counter that ended and came back goes on."""
    grown = Follower().grown([found(A, 5, STALE, float("nan"), 7)], from_zero=False)

    assert grown == {60_000: 0, 240_000: 2}


@given(st.lists(st.lists(st.integers(0, 1000), min_size=1, max_size=20), min_size=1, max_size=6))
def test_nothing_is_lost_over_restarts(lives: Sequence[Sequence[int]]) -> None:
    """As long as each life is seen to be less than the one before ended with."""
    values: list[float] = [0.0]
    expected = 0
    for life in lives:
        sums = np.cumsum(life)
        begins_lower = sums[0] < values[-1]
        sums = sums if begins_lower else sums + values[-1]
        values += [float(each) for each in sums]
        expected += sum(life)

    assert sum(Follower().grown([found(A, *values)], from_zero=True).values()) == expected


def test_a_gauge_tells_of_the_time_up_to_its_sample() -> None:
    """A gap that is too long is told by nothing."""
    follower = Follower()
    growth = follower.lasted([found(A, 1, 1, 0, 1)], longest_ms=300_000)
    later = follower.lasted([found(A, 1, start=10)], longest_ms=300_000)

    assert growth.total == {120_000: 60, 180_000: 60, 240_000: 60}
    assert sum(growth.good.values()) == 120
    assert later.total == {}


def test_a_window_tells_of_what_happened_in_it() -> None:
    """Or since the beginning, where it is longer than that; nothing is no error."""
    history = History([300.0, 3600.0])
    assert history.error_ratio(0, 300) == 0
    for minute in range(121):
        bad = max(0, minute - 100) * 5.0
        history.add(minute * 60_000, minute * 10.0 - bad, minute * 10.0)

    assert history.error_ratio(120 * 60_000, 300) == 0.5
    assert history.error_ratio(120 * 60_000, 3600) == pytest.approx(100 / 600)
    history.add(125 * 60_000, 1100.0, 1200.0)
    assert history.error_ratio(125 * 60_000, 300) == 0


def test_the_past_takes_bounded_room_and_stays_right() -> None:
    """A point each second is thinned; a window is right within a thirtieth of the shortest."""
    history = History([300.0, 3600.0])
    for second in range(20_000):
        bad = max(0, second - 19_700) * 0.5
        history.add(second * 1000, second - bad, float(second))

    assert len(history) <= 2 * 3600 / 10 + 2
    assert history.error_ratio(19_999_000, 300) == pytest.approx(0.5, rel=1 / 30)
    assert history.error_ratio(19_999_000, 3600) == pytest.approx(149.5 / 3600, rel=1 / 30)


def test_a_count_that_fell_back_is_no_error() -> None:
    """It began again."""
    history = History([300.0])
    history.add(0, 100, 100)
    history.add(60_000, 1, 1)

    assert history.error_ratio(60_000, 300) == 0
