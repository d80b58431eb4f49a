"""When trouble begins and ends."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.control.incident_stretch import Trouble, stretches
from intertie.event import Event
from intertie.runtime.change import Change
from tests.control.incident_events import (
    at,
    change,
    failed,
    firing,
    health,
    resolved,
    started,
    stopped,
)

Spans = list[tuple[float, float | None]]


def spans(
    events: Sequence[Event], changes: Sequence[Change] = (), still: set[Trouble] | None = None
) -> Spans:
    """Begin and end of each, in seconds."""
    begin = at(0)
    return [
        (
            (s.begin - begin).total_seconds(),
            None if s.end is None else (s.end - begin).total_seconds(),
        )
        for s in stretches(events, changes, still)
    ]


def test_a_failure_lasts_from_the_end_of_the_process_until_it_is_ready_again() -> None:
    """The process had ended before its failure was told."""
    assert spans([started(0), stopped(10), failed(11), started(15)]) == [(10, 15)]


@pytest.mark.parametrize(
    "events",
    [
        [started(0), stopped(5, wanted=True), started(6)],
        [started(0), stopped(5, code=0)],
        [health(1, "DOWN"), health(2, "UP"), started(2)],
        [resolved(3)],
    ],
    ids=["stopped on request", "a job done", "not ready yet", "an end without a beginning"],
)
def test_what_is_no_trouble_is_no_incident(events: Sequence[Event]) -> None:
    """Only what failed, was unwell after it had been ready, or alarmed is one."""
    assert spans(events) == []


def test_an_unwell_service_is_in_trouble_until_its_check_is_good() -> None:
    """Once it had been ready."""
    assert spans([started(0), health(5, "DOWN"), health(9, "UP")]) == [(5, 9)]


def test_troubles_that_overlap_are_one() -> None:
    """It is over when the last of them is."""
    events = [failed(0), firing(2), started(4), failed(5, "db"), resolved(6), started(8, "db")]

    assert spans(events) == [(0, 8)]


@pytest.mark.parametrize(("second", "count"), [(70, 1), (71, 2)])
def test_trouble_within_a_minute_is_the_same_incident(second: float, count: int) -> None:
    """Later it is another one."""
    assert len(spans([failed(0), started(10), failed(second), started(second + 1)])) == count


def test_each_replica_must_be_well_again() -> None:
    """One of them is not enough."""
    events = [failed(0), failed(1, replica=1), started(3)]

    assert spans(events) == [(0, None)]
    assert spans([*events, started(5, replica=1)]) == [(0, 5)]


def test_a_restart_ends_trouble_when_the_service_is_ready() -> None:
    """Not when it is stopped for that; a stop for good ends it at once."""
    events = [started(0), health(5, "DOWN"), stopped(10, wanted=True), started(20)]

    assert spans(events, [change(9, 21)]) == [(5, 20)]
    assert spans(events) == [(5, 10)]


def test_a_failed_service_that_is_removed_is_no_trouble_any_more() -> None:
    """It has no process that could end."""
    assert spans([failed(0, retry_in_s=None)], [change(5, 7, action="remove")]) == [(0, 7)]


def test_what_is_in_trouble_no_more_ended_with_the_last_word_of_it() -> None:
    """As the alert of a rule that was removed: later incidents are none of its."""
    events = [firing(0), failed(200), started(201), failed(400)]
    web = Trouble.of_replica("web", 0)

    assert spans(events, still={web}) == [(0, 0), (200, 201), (400, None)]
    assert spans(events, still=set()) == [(0, 0), (200, 201), (400, 400)]
    assert spans(events) == [(0, None)]


def test_a_foreign_entry_of_the_journal_does_no_harm() -> None:
    """Whatever its payload is."""
    odd = failed(1).model_copy(update={"data": {"service": 5, "replica": "x"}})
    odder = firing(2).model_copy(update={"data": {"labels": [1]}})

    assert spans([odd, failed(3), started(4)]) == [(3, 4)]
    assert len(spans([odder])) == 1


@given(
    st.lists(st.tuples(st.integers(0, 500), st.sampled_from([failed, started, firing, resolved])))
)
def test_incidents_never_touch(told: list[tuple[int, object]]) -> None:
    """In order, each over before the next begins, with more than a minute in between."""
    events = sorted((make(second) for second, make in told), key=lambda e: e.time)  # type: ignore[operator]
    found = spans(events)

    for (begin, end), (later, _) in pairwise(found):
        assert end is not None
        assert begin <= end < later - 60
