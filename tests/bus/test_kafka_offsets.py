"""Offsets that end in any order."""

from hypothesis import given, settings
from hypothesis import strategies as st

from intertie.bus.kafka_offsets import Offsets, Progress, progress


def _after(taken: int, *ended: int) -> Offsets:
    offsets = Offsets(Progress(0, 0))
    for offset in range(taken):
        assert offsets.take(offset)
    for offset in ended:
        offsets.end(offset)
    return offsets


def test_the_point_waits_for_the_lowest_open_one() -> None:
    """Nothing that is open lies below it, whatever ended above."""
    offsets = _after(5, 1, 2, 4)

    assert offsets.progress().point == 0
    offsets.end(0)
    assert offsets.progress().point == 3
    offsets.end(3)
    assert offsets.progress().point == 5


def test_what_ended_above_the_point_is_not_delivered_after_a_restart() -> None:
    """Only what was open comes again, and what is new."""
    before = _after(6, 1, 2, 4).progress()

    offsets = Offsets(progress(before.point, before.text))

    assert [offset for offset in range(8) if offsets.take(offset)] == [0, 3, 5, 6, 7]


def test_one_that_was_taken_is_not_taken_twice() -> None:
    """Reading again from an earlier place delivers nothing again."""
    offsets = _after(3, 1)

    assert not any(offsets.take(offset) for offset in range(3))
    assert offsets.take(3)


def test_gaps_of_a_compacted_partition_hold_nothing_up() -> None:
    """Offsets that never come count as dealt with."""
    offsets = Offsets(Progress(0, 0))
    offsets.take(10)
    offsets.take(20)
    offsets.end(10)

    assert offsets.progress().point == 20


def test_a_text_of_somebody_else_says_nothing() -> None:
    """The group begins at the point then."""
    for text in ("", "metadata", "1", "x/1-2", "3/1-2,", "1/" + "9" * 30 + "-1"):
        assert progress(7, text).point == 7
        assert Offsets(progress(7, text)).take(7)


def test_a_long_text_keeps_the_first_stretches() -> None:
    """It stays within what brokers take; what does not fit comes again."""
    offsets = _after(4000, *range(1, 4000, 2))

    text = offsets.progress().text

    assert len(text) <= 3000
    assert not Offsets(progress(0, text)).take(1)


def test_progress_counts_what_is_open() -> None:
    """Below the next one to take, and up to the end of the partition."""
    now = _after(6, 1, 2, 4).progress()

    assert now.open_below_next() == 3
    assert now.open_below(10) == 7


def test_only_news_is_to_be_stored() -> None:
    """Until something changes there is nothing to tell the broker."""
    offsets = _after(2, 0)
    now = offsets.unstored()
    assert now is not None
    offsets.stored(now)

    assert offsets.unstored() is None
    assert offsets.stored_point == 1
    offsets.end(1)
    assert offsets.unstored() is not None


@settings(deadline=None)
@given(st.integers(0, 60), st.sets(st.integers(0, 59)), st.sets(st.integers(0, 59)))
def test_nothing_open_is_ever_lost(taken: int, first: set[int], second: set[int]) -> None:
    """Over two restarts exactly the offsets that never ended are delivered."""
    done: set[int] = set()
    since = Progress(0, 0)
    for ended in (first, second):
        offsets = Offsets(since)
        got = {offset for offset in range(since.point, taken) if offsets.take(offset)}
        assert got == set(range(taken)) - done
        for offset in ended & got:
            offsets.end(offset)
        done |= ended & got
        now = offsets.progress()
        assert now.open_below_next() == taken - len(done)
        since = progress(now.point, now.text)
