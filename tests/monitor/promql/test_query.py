import math

import pytest

from intertie.monitor.promql.query import MAX_STEPS, Options, QueryError, Scalar, Word, compile
from tests.monitor.promql.stage import Memory, as_answer, line

pytestmark = pytest.mark.anyio
SOURCE = Memory([line("x", "1 2 3 4 5", job="a"), line("x", "5 _ _ stale", job="b")])


async def test_a_query_is_answered_for_a_moment() -> None:
    """From any source of samples."""
    query = compile("sum(x)")

    assert as_answer(await query.instant(SOURCE, 0)) == {"{}": 6}
    assert as_answer(await query.instant(SOURCE, 60_000)) == {"{}": 5}


async def test_numbers_and_texts_are_answers_too() -> None:
    """Without any samples."""
    empty = Memory([])

    assert await compile("1 + 1").instant(empty, 5) == Scalar(5, 2.0)
    assert await compile('"ok"').instant(empty, 5) == Word(5, "ok")
    assert empty.asked == 0


async def test_a_query_is_answered_for_a_range() -> None:
    """Both ends included; where a series has no value there is a gap."""
    tracks = await compile("x").range(SOURCE, 0, end_ms=60_000, step_ms=30_000)

    assert [(str(one.series), one.times.tolist(), one.values.tolist()) for one in tracks] == [
        ('x{job="a"}', [0, 30_000, 60_000], [1, 3, 5]),
        ('x{job="b"}', [0, 30_000], [5, 5]),
    ]


async def test_a_number_over_a_range_is_a_series_without_labels() -> None:
    """As in Prometheus."""
    (track,) = await compile("time()").range(SOURCE, 0, end_ms=2000, step_ms=1000)

    assert (str(track.series), track.values.tolist()) == ("", [0, 1, 2])


async def test_times_that_are_apart_are_put_together() -> None:
    """Two reads of one selector make one series."""
    found = await compile("x - x offset 1h").instant(
        Memory([line("x", " ".join(map(str, range(300))))]), 3_700_000
    )

    assert as_answer(found) == {"{}": 240}


async def test_edges_of_the_query_are_those_of_the_range() -> None:
    """`@ start()` and `@ end()`, the same at each step."""
    tracks = await compile('x{job="a"} @ end() - x @ start()').range(
        SOURCE, 15_000, end_ms=60_000, step_ms=15_000
    )

    assert tracks[0].values.tolist() == [3, 3, 3, 3]


@pytest.mark.parametrize(
    ("start", "end", "step", "why"),
    [
        (0, MAX_STEPS * 1000, 1000, "more than 11000 steps"),
        (0, 1000, 0, "step must be more than 0"),
        (1000, 0, 1, "end not before the start"),
    ],
)
async def test_a_range_that_makes_no_sense_is_refused(
    start: int, end: int, step: int, why: str
) -> None:
    """Before anything is read."""
    with pytest.raises(QueryError, match=why):
        await compile("x").range(Memory([]), start, end_ms=end, step_ms=step)


async def test_as_many_steps_as_may_be_are_answered() -> None:
    """One fewer than too many."""
    tracks = await compile("x").range(SOURCE, 0, end_ms=MAX_STEPS * 1000 - 1, step_ms=1000)

    assert len(tracks[0].times) == 60 + 300


async def test_a_text_has_no_range() -> None:
    """Only a moment."""
    with pytest.raises(QueryError, match="no values over a range"):
        await compile('"x"').range(SOURCE, 0, end_ms=1, step_ms=1)


@pytest.mark.parametrize("text", ["x", "sum_over_time(x[1m])", "sum_over_time(vector(1)[1h:1s])"])
async def test_too_many_samples_are_refused(text: str) -> None:
    """Read or made; the message tells what to do."""
    query = compile(text, options=Options(max_samples=3))

    with pytest.raises(QueryError, match="ask for fewer series"):
        await query.instant(SOURCE, 60_000)


@pytest.mark.parametrize("text", ["1 / 0", "0 / 0", "x / 0", "ln(x * -1)", "(x * 1e308) ^ 9"])
async def test_what_floats_cannot_hold_is_no_error(text: str) -> None:
    """It is infinite, or NaN."""
    answer = as_answer(await compile(text).instant(SOURCE, 0))

    assert answer
    assert not any(math.isfinite(value) for value in answer.values())
