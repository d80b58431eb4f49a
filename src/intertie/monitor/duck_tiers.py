"""Rolling samples up into intervals, removing what is old, and packing closed days.

Each function is one transaction or a few, short enough for samples to be written in between, and
leaves the file as good as before when it is killed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from intertie.monitor.duck_file import TIERS, Database
from intertie.monitor.store import STEP_MS
from intertie.suite.monitoring import Retention, Step

HOUR_MS, DAY_MS = STEP_MS["1h"], STEP_MS["1d"]
SLICE = 4_000_000
"""Samples that are worked on at once; fits into the memory limit."""

_FROM_SAMPLES = """
SELECT series_id, at_ms - at_ms % {step}, count(value), sum(value), min(value), max(value),
    quantile_cont(value, 0.95), true
FROM samples
WHERE at_ms >= $start AND at_ms < $end AND series_id >= $low AND series_id < $high
    AND NOT isnan(value)
GROUP BY ALL ORDER BY ALL
"""
_FROM_SMALLER = """
SELECT series_id, at_ms - at_ms % {step}, sum(n) FILTER (place = 0), sum(sum) FILTER (place = 0),
    min(low), max(high),
    quantile_cont(CASE
        WHEN share <= 0.95 THEN low + (p95 - low) * share / 0.95
        ELSE p95 + (high - p95) * (share - 0.95) / 0.05
    END, 0.95), false
FROM (
    SELECT *, place / greatest(1, least(n, 20) - 1) AS share
    FROM (SELECT *, unnest(range(least(n, 20))) AS place FROM tier_5m)
    WHERE at_ms >= $start AND at_ms < $end AND series_id >= $low AND series_id < $high
)
GROUP BY ALL ORDER BY ALL
"""
"""The percentile is an estimate: of points spread between what is known of each five minutes."""
_SORTED = """
CREATE OR REPLACE TEMP TABLE packed AS
SELECT * FROM samples WHERE at_ms >= ? AND at_ms < ?
ORDER BY series_id, CASE series_id % 2 WHEN 0 THEN at_ms ELSE -at_ms END
"""
"""Times go up and down by turns: where one series follows another there is no leap in them, which
would make the differences of a whole block large, and with them the file by a quarter."""


@dataclass(frozen=True, slots=True)
class Span:
    """Intervals of a step from `start_ms` to before `end_ms`."""

    step: Step
    start_ms: int
    end_ms: int


def floor(at_ms: int, step_ms: int) -> int:
    """The last multiple of the step."""
    return at_ms - at_ms % step_ms


def next_span(database: Database, step: Step, now_ms: int) -> Span | None:
    """What is to be rolled up next; None: all is. Long spans come in parts."""
    if changed := database.redo.get(step):
        return Span(step, min(changed), min(changed) + STEP_MS[step])
    end = floor(now_ms, STEP_MS[step])
    sql = "SELECT min(at_ms) FROM samples WHERE at_ms >= ? AND at_ms < ?"
    oldest = database.number(sql, [database.mark(step), end])
    if oldest is None:
        return None
    part = max(STEP_MS[step], HOUR_MS)
    start = max(database.mark(step), floor(oldest, STEP_MS[step]))
    return Span(step, start, min(end, floor(oldest, part) + part))


def roll_up(database: Database, span: Span) -> None:
    """Compute the intervals of a span from its samples, again if they were there."""
    whole = span.start_ms >= database.mark("raw")
    source = _FROM_SAMPLES if whole else _FROM_SMALLER
    into = f"INSERT INTO tier_{span.step} " + source.format(step=STEP_MS[span.step])
    bounds = {"start": span.start_ms, "end": span.end_ms}
    with database.transaction():
        run = database.connection.execute
        run(f"DELETE FROM tier_{span.step} WHERE at_ms >= $start AND at_ms < $end", bounds)  # noqa: S608 — a step of ours
        for low, high in _slices(database, span):
            run(into, {**bounds, "low": low, "high": high})
        run("DELETE FROM redo WHERE step = ? AND at_ms = ?", [span.step, span.start_ms])
        if span.end_ms > database.mark(span.step):
            database.set_mark(span.step, span.end_ms)
    database.redo.get(span.step, set()).discard(span.start_ms)


def settle(database: Database, now_ms: int) -> None:
    """Roll up all that is complete, at once."""
    for step in TIERS:
        while span := next_span(database, step, now_ms):
            roll_up(database, span)


def changed_by(database: Database, at_ms: int) -> Sequence[tuple[Step, int]]:
    """Intervals that were rolled up already and that a sample of this moment changes."""
    return [
        (step, start)
        for step in TIERS
        if at_ms < database.mark(step)
        and (start := floor(at_ms, STEP_MS[step])) not in database.redo.get(step, ())
    ]


def age_out(database: Database, retention: Retention, now_ms: int) -> tuple[int, int]:
    """Remove what is older than it may be: samples, intervals. All go in whole UTC days."""
    settle(database, now_ms)  # what came since the last part of `retain`
    raw_ms = now_ms - int(retention.high_resolution * 1000)
    samples = remove_samples(database, min(floor(raw_ms, DAY_MS), database.mark("1d")))
    medium, low = retention.medium_resolution, retention.low_resolution
    kept = {"5m": medium, "1h": max(medium, low), "1d": max(medium, low)}
    intervals = 0
    for step in TIERS:
        intervals += remove_intervals(
            database, step, floor(now_ms - int(kept[step] * 1000), DAY_MS)
        )
    return samples, intervals


def remove_samples(database: Database, before_ms: int) -> int:
    """Remove older samples; how many there were. Not to be called before they are rolled up."""
    if before_ms <= database.mark("raw"):
        return 0
    with database.transaction():
        count = database.number("DELETE FROM samples WHERE at_ms < ?", [before_ms]) or 0
        database.set_mark("raw", before_ms)
    return count


def remove_intervals(database: Database, step: Step, before_ms: int) -> int:
    """Remove the intervals of a tier that have begun earlier; how many there were."""
    with database.transaction():
        sql = f"DELETE FROM tier_{step} WHERE at_ms < ?"  # noqa: S608 — a step of ours
        return database.number(sql, [before_ms]) or 0


def remove_oldest(database: Database, now_ms: int) -> tuple[int, int] | None:
    """Remove the oldest day, or hour of today: samples first. None: nothing may go any more."""
    settle(database, now_ms)
    oldest = database.number("SELECT min(at_ms) FROM samples")
    for length in (DAY_MS, HOUR_MS):
        end = floor(oldest, length) + length if oldest is not None else now_ms
        if oldest is not None and end <= floor(now_ms, length):
            return remove_samples(database, end), 0
    for step in TIERS:
        first = database.number(f"SELECT min(at_ms) FROM tier_{step}")  # noqa: S608 — a step of ours
        if first is not None:
            return 0, remove_intervals(database, step, floor(first, DAY_MS) + DAY_MS)
    return None


def forget_series(database: Database) -> int:
    """Forget those of which nothing is kept; how many there were."""
    used = " UNION ".join(
        f"SELECT DISTINCT series_id FROM {table}"  # noqa: S608 — a table of ours
        for table in ("samples", *(f"tier_{step}" for step in TIERS))
    )
    sql = f"DELETE FROM series WHERE id NOT IN ({used}) RETURNING id"  # noqa: S608 — as above
    with database.transaction():
        gone = [row[0] for row in database.connection.execute(sql).fetchall()]
    database.catalog.forget(gone)
    return len(gone)


def next_pack(database: Database) -> Span | None:
    """Samples to be packed next: of a whole day, or of hours where a day has too many."""
    newest = database.number("SELECT max(at_ms) FROM samples")
    sql = "SELECT min(at_ms) FROM samples WHERE at_ms >= ? AND at_ms < ?"
    closed = floor(newest or 0, DAY_MS)
    oldest = database.number(sql, [database.mark("sorted"), closed])
    if oldest is None:
        return None
    day = floor(oldest, DAY_MS)
    sql = "SELECT count(*) FROM samples WHERE at_ms >= ? AND at_ms < ?"
    if (database.number(sql, [day, day + DAY_MS]) or 0) <= SLICE:
        return Span("1d", day, day + DAY_MS)
    start = floor(oldest, HOUR_MS)
    return Span("1h", start, start + HOUR_MS)


def pack(database: Database, span: Span) -> None:
    """Put the samples of a span in the order of their series, which takes half the room."""
    bounds = [span.start_ms, span.end_ms]
    run = database.connection.execute
    with database.transaction():
        run(_SORTED, bounds)
        run("DELETE FROM samples WHERE at_ms >= ? AND at_ms < ?", bounds)
        run("INSERT INTO samples SELECT * FROM packed")
        run("DROP TABLE packed")
        database.set_mark("sorted", span.end_ms)


def _slices(database: Database, span: Span) -> Iterator[tuple[int, int]]:
    """Ranges of series numbers, each with few enough samples for the memory limit."""
    sql = "SELECT count(*) FROM samples WHERE at_ms >= ? AND at_ms < ?"
    parts = (database.number(sql, [span.start_ms, span.end_ms]) or 0) // SLICE + 1
    end = database.catalog.end
    width = end // parts + 1
    for low in range(0, end, width):
        yield low, low + width
