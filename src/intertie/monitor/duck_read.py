"""Reading samples and intervals of a metrics store."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from intertie.errors import StoreError
from intertie.monitor.duck_file import Columns, Database
from intertie.monitor.duck_tiers import SLICE, floor
from intertie.monitor.sample import STALE, Found
from intertie.monitor.store import STEP_MS, Aggregate, Summary
from intertie.suite.monitoring import Step

MAX_READ = 5_000_000
"""Samples, or intervals, that one call may ask for: they are held in memory."""

_OF_SAMPLES: Mapping[Summary, str] = {
    "avg": "avg(value)",
    "max": "max(value)",
    "min": "min(value)",
    "95percentile": "quantile_cont(value, 0.95)",
    "count": "count(value)::DOUBLE",
    "sum": "sum(value)",
}
_OF_INTERVALS: Mapping[Summary, str] = {
    "avg": "sum / n",
    "max": "high",
    "min": "low",
    "95percentile": "p95",
    "count": "n::DOUBLE",
    "sum": "sum",
}
_RANGE = "series_id >= $low AND series_id <= $high"
_WANTED = "series_id >= $low AND series_id <= $high AND series_id IN (SELECT id FROM wanted)"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Intervals that are asked for, from `start_ms` to before `end_ms`."""

    step: Step
    start_ms: int
    end_ms: int
    functions: Sequence[Summary]

    @property
    def count(self) -> int:
        """Of one series."""
        return max(0, self.end_ms - self.start_ms) // STEP_MS[self.step]


def wanted(step: Step, start_ms: int, end_ms: int, functions: Sequence[Summary]) -> Wanted:
    """All intervals that overlap `start_ms` < time <= `end_ms`."""
    length = STEP_MS[step]
    if end_ms <= start_ms:
        return Wanted(step, 0, 0, functions)
    return Wanted(step, floor(start_ms + 1, length), floor(end_ms, length) + length, functions)


def select(database: Database, ids: Sequence[int], start_ms: int, end_ms: int) -> Sequence[Found]:
    """Samples of these series with `start_ms` < time <= `end_ms`."""
    if not ids or end_ms <= start_ms:
        return []
    with _given(database, ids) as (where, bounds):
        source = f"FROM samples WHERE at_ms > $start AND at_ms <= $end AND {where}"
        bounds |= {"start": start_ms, "end": end_ms}
        _not_too_many(database.number(f"SELECT count(*) {source}", bounds) or 0, "samples")
        sql = f"SELECT series_id, at_ms, value {source} ORDER BY series_id, at_ms"
        rows: Columns = database.connection.execute(sql, bounds).fetchnumpy()
    values = _filled(rows["value"], STALE)
    times = np.ma.getdata(rows["at_ms"])
    return sorted(
        (
            Found(database.catalog[id], times[part], values[part])
            for id, part in _parts(np.ma.getdata(rows["series_id"]))
        ),
        key=lambda each: each.series,
    )


def aggregate(database: Database, ids: Sequence[int], asked: Wanted) -> Sequence[Aggregate]:
    """Summaries of these series, from the samples wherever intervals are not rolled up yet."""
    if asked.count * len(ids) > MAX_READ:
        _not_too_many(_rows(database, asked), "intervals")
    if not ids or not asked.count:
        return []
    parts = [*_of_intervals(database, ids, asked), *_of_samples(database, ids, asked)]
    rows = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.lexsort((rows["at_ms"], rows["series_id"]))
    rows = {name: column[order] for name, column in rows.items()}
    found = sorted(_parts(rows["series_id"]), key=lambda each: database.catalog[each[0]])
    return [
        Aggregate(
            database.catalog[id],
            function,
            rows["at_ms"][part],
            rows[function][part],
            exact=function != "95percentile" or bool(rows["exact"][part].all()),
        )
        for id, part in found
        for function in asked.functions
    ]


def _of_intervals(database: Database, ids: Sequence[int], asked: Wanted) -> Iterator[Columns]:
    end = min(asked.end_ms, _rolled_up_to(database, asked.step))
    if asked.step == "1m" or asked.start_ms >= end:
        return
    columns = ", ".join(f'{_OF_INTERVALS[each]} AS "{each}"' for each in asked.functions)
    sql = (
        f"SELECT series_id, at_ms, exact, {columns} FROM tier_{asked.step}"  # noqa: S608 — fixed words only
        " WHERE at_ms >= $start AND at_ms < $end AND "
    )
    with _given(database, ids) as (where, bounds):
        bounds |= {"start": asked.start_ms, "end": end}
        yield _plain(database.connection.execute(sql + where, bounds).fetchnumpy())


def _of_samples(database: Database, ids: Sequence[int], asked: Wanted) -> Iterator[Columns]:
    length = STEP_MS[asked.step]
    complete = -(-database.mark("raw") // length) * length
    start = max(asked.start_ms, _rolled_up_to(database, asked.step), complete)
    columns = ", ".join(f'{_OF_SAMPLES[each]} AS "{each}"' for each in asked.functions)
    place, groups = _grouping(asked.end_ms - start, length)
    sql = (
        f"SELECT series_id, {place} AS place, true AS exact, {columns} FROM samples"  # noqa: S608 — as above
        " WHERE at_ms >= $start AND at_ms < $end AND NOT isnan(value) AND "
    )
    for part in _sliced(database, ids, start, asked.end_ms):
        with _given(database, part) as (where, bounds):
            bounds |= {"start": start, "end": asked.end_ms}
            grouped = f"{sql}{where} GROUP BY {groups}"
            rows = _plain(database.connection.execute(grouped, bounds).fetchnumpy())
        times = start + rows.pop("place").astype(np.int64) * length
        yield {**rows, "at_ms": times}


def _grouping(span_ms: int, length_ms: int) -> tuple[str, str]:
    """The number of a sample's interval, and what to group by."""
    if span_ms <= length_ms:
        return "0", "series_id"  # a tenth less to do than when each sample's time is looked at
    # small numbers of intervals are grouped in half the time that their times take
    return f"((at_ms - $start) // {length_ms})::INTEGER", "series_id, place"


def _rows(database: Database, asked: Wanted) -> int:
    """Of all series, samples and intervals, in what is asked for."""
    tables = ("samples",) if asked.step == "1m" else ("samples", f"tier_{asked.step}")
    sql = "SELECT count(*) FROM {} WHERE at_ms >= ? AND at_ms < ?"
    bounds = [asked.start_ms, asked.end_ms]
    return sum(database.number(sql.format(table), bounds) or 0 for table in tables)


def _rolled_up_to(database: Database, step: Step) -> int:
    """Up to where a tier has it all; later intervals are computed from their samples."""
    return 0 if step == "1m" else min([database.mark(step), *database.redo.get(step, ())])


def _sliced(
    database: Database, ids: Sequence[int], start_ms: int, end_ms: int
) -> Iterator[Sequence[int]]:
    """The series in groups, each with few enough samples for the memory limit."""
    sql = "SELECT count(*) FROM samples WHERE at_ms >= ? AND at_ms < ?"
    count = database.number(sql, [start_ms, end_ms]) or 0
    share = count * len(ids) // len(database.catalog)
    size = len(ids) // (share // SLICE + 1) + 1
    for begin in range(0, len(ids), size):
        yield ids[begin : begin + size]


@contextmanager
def _given(database: Database, ids: Sequence[int]) -> Iterator[tuple[str, dict[str, int]]]:
    """The condition for these series, and the parameters for it; they must be ascending."""
    low, high = ids[0], ids[-1]
    if len(ids) in (high - low + 1, len(database.catalog)):
        yield _RANGE, {"low": low, "high": high}
        return
    with database.given("wanted", {"id": np.array(ids, dtype=np.int32)}):
        yield _WANTED, {"low": low, "high": high}


def _not_too_many(count: int, what: str) -> None:
    if count > MAX_READ:
        why = f"{count:,} are asked for, at most {MAX_READ:,} may be"
        raise StoreError(
            f"cannot read {what}: {why}; ask for less time, fewer series or wider steps"
        )


def _plain(rows: Columns) -> dict[str, NDArray[Any]]:
    return {name: np.ma.getdata(column) for name, column in rows.items()}


def _filled(column: NDArray[np.float64], value: float) -> NDArray[np.float64]:
    """Without a mask: the value where nothing was."""
    plain: NDArray[np.float64] = np.ma.getdata(column)
    plain[np.ma.getmaskarray(column)] = value
    return plain


def _parts(ids: NDArray[np.int32]) -> Iterator[tuple[int, slice]]:
    """Where each series is in sorted rows."""
    if not ids.size:
        return
    edges = [0, *(np.flatnonzero(np.diff(ids)) + 1).tolist(), ids.size]
    for begin, end in pairwise(edges):
        yield int(ids[begin]), slice(begin, end)
