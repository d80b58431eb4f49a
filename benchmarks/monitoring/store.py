"""What the metrics store takes, beside plain rows in SQLite and beside Prometheus.

1,000 series, a sample each second. Stores take turns, a few minutes of samples each.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.monitoring.data import SERIES, ticks
from benchmarks.monitoring.figure import Bar, Figure
from benchmarks.monitoring.prometheus import Prometheus, running
from benchmarks.monitoring.sqlite_rows import SqliteRows
from intertie.monitor.duck import DuckStore
from intertie.monitor.sample import Sample, Series

DAY_MS, HOUR_S = 86_400_000, 3_600
BEGIN_MS = 20_000 * DAY_MS
TURN = 300
"""Ticks that a store takes in its turn."""
SYNCED = 20
"""Those that SQLite commits one by one: it would take minutes for all."""
ROUNDS, QUICK_ROUNDS = 7, 3


@dataclass(slots=True)
class _Times:
    """Seconds of each tick, samples a second of each turn, milliseconds of each query."""

    ticks: list[float] = field(default_factory=list[float])
    rates: list[float] = field(default_factory=list[float])
    p95: list[float] = field(default_factory=list[float])


@dataclass(slots=True)
class _Field:
    """Three stores on one disk, and what they took."""

    ours: DuckStore
    rows: SqliteRows
    theirs: Prometheus | None
    rounds: int
    begin_ms: int = BEGIN_MS
    mine: _Times = field(default_factory=_Times)
    sqlite: _Times = field(default_factory=_Times)
    prometheus: _Times = field(default_factory=_Times)


async def figures(quick: bool) -> Sequence[Figure]:
    """See the module."""
    hours = 1 if quick else 2
    with TemporaryDirectory() as folder:
        async with _opened(Path(folder), QUICK_ROUNDS if quick else ROUNDS) as field:
            for start in range(0, hours * HOUR_S, TURN):
                await _turn(field, start)
            return [*_told(field), *await _sizes(field), *await _queries(field)]


@asynccontextmanager
async def _opened(folder: Path, rounds: int) -> AsyncIterator[_Field]:
    async with DuckStore.open(folder / "metrics.duckdb") as ours:
        with closing(SqliteRows(folder / "rows.db")) as rows, running(folder) as theirs:
            yield _Field(ours, rows, theirs, rounds)


async def _turn(field: _Field, start: int) -> None:
    """The same samples for all, one after the other."""
    told = ticks(TURN)
    moments = [field.begin_ms + (start + place) * 1_000 for place in range(TURN)]
    before = len(field.mine.ticks)
    for at_ms, samples in zip(moments, told, strict=True):
        began = perf_counter()
        await field.ours.append(at_ms, samples)
        field.mine.ticks.append(perf_counter() - began)
    field.mine.rates.append(TURN * SERIES / sum(field.mine.ticks[before:]))
    took = field.rows.take(moments, told, synced=SYNCED)
    field.sqlite.rates.append(SYNCED * SERIES / took)
    if field.theirs is not None:
        took = field.theirs.take(moments, told)
        field.prometheus.rates.append(TURN * SERIES / took)


def _told(field: _Field) -> Sequence[Figure]:
    took = sorted(field.mine.ticks)
    milliseconds = [each * 1e3 for each in took]
    rivals = {"SQLite": field.sqlite.rates}
    if field.theirs is not None:
        rivals["Prometheus, remote write in batches"] = field.prometheus.rates
    return [
        Figure("store", "samples/s, one durable commit a tick", field.mine.rates,
               Bar(200_000, at_least=True), rivals),
        Figure("store", "ms of a tick, median", milliseconds),
        Figure("store", "ms of a tick, p99", [milliseconds[len(took) * 99 // 100]]),
        Figure("store", "ms of a tick, worst", [milliseconds[-1]]),
    ]  # fmt: skip


async def _queries(field: _Field) -> Sequence[Figure]:
    """The p95 of the first hour of every series, and the same from samples sorted by series."""
    for _ in range(field.rounds):
        field.mine.p95.append(await _percentile(field))
        field.sqlite.p95.append(field.rows.percentile(field.begin_ms, HOUR_S * 1_000))
        if field.theirs is not None:
            end_ms = field.begin_ms + (HOUR_S - 1) * 1_000
            field.prometheus.p95.append(field.theirs.percentile(end_ms))
    rivals = {"SQLite": field.sqlite.p95}
    if field.theirs is not None:
        rivals["Prometheus over HTTP"] = field.prometheus.p95
    packed, took = await _packed(field)
    again = [await _percentile(field) for _ in range(field.rounds)]
    return [
        Figure("store", f"ms for the p95 of 1 h, {SERIES:,} series, 256 MB", field.mine.p95,
               Bar(150), rivals),
        *packed,
        Figure("store", "ms for the same p95, compacted", again, Bar(150)),
        Figure("store", "s to compact", [took]),
    ]  # fmt: skip


async def _percentile(field: _Field) -> float:
    """Milliseconds."""
    hour = (field.begin_ms - 1, field.begin_ms + HOUR_S * 1_000 - 1)
    began = perf_counter()
    found = await field.ours.aggregate([], *hour, step="1h", functions=["95percentile"])
    took = (perf_counter() - began) * 1e3
    if len(found) != SERIES:
        raise SystemExit(f"the store answers for {len(found)} series")
    return took


async def _sizes(field: _Field) -> Sequence[Figure]:
    await field.ours.compact()  # no day is closed yet: what is in the log goes into the file
    stats = await field.ours.stats()
    rivals = {"SQLite": [field.rows.size_bytes() / stats.samples]}
    if field.theirs is not None:
        rivals["Prometheus, head and log"] = [field.theirs.size_bytes() / stats.samples]
    fresh = stats.size_bytes / stats.samples
    return [Figure("store", "bytes/sample, fresh", [fresh], Bar(8.5), rivals)]


async def _packed(field: _Field) -> tuple[Sequence[Figure], float]:
    """And the seconds that it took."""
    tomorrow = [Sample(Series.of("next_day"), 1.0)]
    await field.ours.append(field.begin_ms + DAY_MS, tomorrow)
    began = perf_counter()
    await field.ours.compact()
    took = perf_counter() - began
    stats = await field.ours.stats()
    size = stats.size_bytes / stats.samples
    return [Figure("store", "bytes/sample, compacted", [size], Bar(4.5))], took
