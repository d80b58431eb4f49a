import math
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intertie.monitor.ring import Ring
from intertie.monitor.sample import STALE, Found, Matcher, Sample, Series

pytestmark = pytest.mark.anyio

UP = Series.of("up", {"service": "web"})
DOWN = Series.of("down", {"service": "web"})
ALL = [Matcher("service", "=", "web")]


def filled(ring: Ring, *times: int, series: Series = UP) -> Ring:
    """With a tick at each of the times, whose value is the time."""
    for at_ms in times:
        ring.append(at_ms, [Sample(series, float(at_ms))])
    return ring


def times(found: list[Found]) -> list[list[int]]:
    """Of each series."""
    return [each.times.tolist() for each in found]


async def told(ring: Ring, start_ms: int, end_ms: int) -> list[list[int]]:
    """Times of what is in a range."""
    return times(list(await ring.select(ALL, start_ms, end_ms)))


async def test_a_range_has_its_end_but_not_its_start() -> None:
    """As PromQL looks at a window."""
    ring = filled(Ring(), 1000, 2000, 3000)

    assert await told(ring, 1000, 3000) == [[2000, 3000]]
    assert await told(ring, 0, 999) == []
    assert await told(ring, 3000, 9000) == []


async def test_values_come_as_they_were_given() -> None:
    """The marker that ends a series too, and not as any other NaN."""
    ring = Ring()
    for at_ms, value in enumerate([1.5, math.nan, STALE, math.inf], 1):
        ring.append(at_ms, [Sample(UP, value)])

    (found,) = await ring.select(ALL, 0, 9)

    given = struct.pack("<4d", 1.5, math.nan, STALE, math.inf)
    assert found.values.tobytes() == given
    assert found.times.dtype == np.int64
    assert found.values.dtype == np.float64


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(), min_size=1, max_size=30))
async def test_old_values_are_kept_bit_for_bit(values: list[float]) -> None:
    """However they are held: whole numbers, huge ones, fractions, zeros with a sign, any NaN."""
    values = [*values, STALE]
    ring, count = Ring(), 1000
    for at_ms in range(count):
        ring.append(at_ms, [Sample(UP, values[at_ms // 240 * 7 % len(values)])])

    (found,) = await ring.select(ALL, -1, count)

    given = [values[at_ms // 240 * 7 % len(values)] for at_ms in range(count)]
    assert found.values.tobytes() == struct.pack(f"<{count}d", *given)


async def test_what_is_older_than_the_span_is_gone() -> None:
    """However much was asked for."""
    ring = filled(Ring(span_ms=100), *range(0, 1000, 10))

    assert await told(ring, -1, 2000) == [list(range(900, 1000, 10))]


async def test_a_series_without_samples_in_the_span_is_dropped() -> None:
    """So that what came and went does not fill the memory."""
    ring = filled(filled(Ring(span_ms=100), 10), 20, series=DOWN)

    filled(ring, *range(30, 300, 10), series=DOWN)

    assert len(ring) == 1
    assert [each.series for each in await ring.select(ALL, 0, 999)] == [DOWN]


async def test_a_clock_that_was_put_back_does_not_stop_the_ring() -> None:
    """What it measured from then on is replaced, and times stay in order."""
    ring = filled(Ring(span_ms=1000), 100, 200, 300)

    filled(ring, 150, 160)

    assert await told(ring, 0, 999) == [[100, 150, 160]]


async def test_a_new_series_is_found_by_a_question_asked_before() -> None:
    """What fits is remembered only while the series are the same."""
    ring = filled(Ring(), 10)
    before = await ring.select(ALL, 0, 99)

    filled(ring, 20, series=DOWN)

    assert [each.series for each in before] == [UP]
    assert [each.series for each in await ring.select(ALL, 0, 99)] == [DOWN, UP]


async def test_matchers_choose_by_name_and_labels() -> None:
    """All of them must fit."""
    ring = filled(filled(Ring(), 10), 20, series=DOWN)

    for matcher, expected in (
        (Matcher("__name__", "=", "up"), [UP]),
        (Matcher("__name__", "=~", "u.|d.*"), [DOWN, UP]),
        (Matcher("__name__", "!=", "up"), [DOWN]),
        (Matcher("__name__", "=", "none"), []),
    ):
        assert [each.series for each in await ring.select([matcher, *ALL], 0, 99)] == expected


async def test_what_was_given_stays_as_it_was() -> None:
    """A rule that still reads does not see the next tick, nor does the ring fail to grow."""
    ring = filled(Ring(), 10)
    (found,) = await ring.select(ALL, 0, 99)

    filled(ring, *range(20, 2000, 10))

    assert found.times.tolist() == [10]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 400), st.sets(st.sampled_from("abc"))), max_size=60),
    st.integers(0, 400),
    st.integers(0, 400),
)
async def test_it_holds_what_a_plain_list_would(
    ticks: list[tuple[int, set[str]]], start_ms: int, end_ms: int
) -> None:
    """Whatever comes and goes, for times that only grow."""
    ring, span_ms = Ring(span_ms=100), 100
    kept: list[tuple[int, str]] = []
    newest = 0
    for at_ms, names in sorted(ticks, key=lambda tick: tick[0]):
        newest = at_ms
        ring.append(at_ms, [Sample(Series(name), float(at_ms)) for name in names])
        kept += [(at_ms, name) for name in names if (at_ms, name) not in kept]

    found = await ring.select([Matcher("__name__", "=~", ".*")], start_ms, end_ms)

    expected: dict[str, list[int]] = {}
    for at_ms, name in kept:
        if max(start_ms, newest - span_ms) < at_ms <= end_ms:
            expected.setdefault(name, []).append(at_ms)
    assert {each.series.name: each.times.tolist() for each in found} == expected


def held_bytes(step: float) -> float:
    """For each sample, of series whose values go up by the step."""
    series = [Series.of("cpu", {"n": str(number)}) for number in range(20)]
    ring = Ring(span_ms=7200)
    tracemalloc.start()
    try:
        for at_ms in range(9000):
            ring.append(at_ms, [Sample(each, at_ms * step) for each in series])
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return held / (20 * 7200)


async def test_two_hours_of_a_thousand_series_fit_into_memory() -> None:
    """10 bytes a sample at most, also while old ones make place for new ones: times are shared.

    And 6 where the values are whole numbers.
    """
    assert held_bytes(0.1) < 10
    assert held_bytes(1.0) < 6


async def test_series_of_the_same_ticks_are_kept_apart_when_one_is_put_back() -> None:
    """Though they hold their times together: what one forgets the other keeps."""
    ring = Ring(span_ms=10_000)
    for at_ms in range(1, 1001):
        ring.append(at_ms, [Sample(UP, 1.0), Sample(DOWN, 2.0)])

    filled(ring, 100, series=UP)

    down, up = await ring.select(ALL, 0, 9999)
    assert up.times.tolist() == list(range(1, 101))
    assert down.times.tolist() == list(range(1, 1001))


async def test_what_was_measured_before_comes_before_the_ticks() -> None:
    """In slices, the newest first; ticks go on after them, and the oldest goes with time."""
    ring, past = Ring(span_ms=1000), filled(Ring(), *range(1, 701))
    for start_ms, end_ms in ((400, 700), (0, 400)):
        ring.load(await past.select(ALL, start_ms, end_ms))
    loaded = await told(ring, 0, 9999)

    filled(ring, *range(701, 1201))

    assert loaded == [list(range(1, 701))]
    assert await told(ring, 0, 9999) == [list(range(201, 1201))]


async def test_more_questions_than_are_remembered_are_answered_alike() -> None:
    """Answers are forgotten, questions are not refused."""
    ring = filled(Ring(), 10)

    found = [
        await ring.select([Matcher("service", "!=", f"other {number}")], 0, 99)
        for number in range(10_050)
    ]

    assert all([each.series for each in part] == [UP] for part in found)


async def test_more_of_a_tick_belongs_to_it() -> None:
    """What is computed of a tick is found with it, and nothing else changes."""
    ring = filled(Ring(), 1000, 2000)
    ring.add([Sample(DOWN, 7.0)])
    ring.add([Sample(UP, 9.0)])
    filled(ring, 3000)

    found = {each.series: each for each in await ring.select(ALL, 0, 3000)}

    assert found[DOWN].times.tolist() == [2000]
    assert found[UP].times.tolist() == [1000, 2000, 3000]
    assert found[UP].values.tolist() == [1000.0, 9.0, 3000.0]
