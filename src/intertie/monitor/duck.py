"""A metrics store on one DuckDB file, owned by one process."""

import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

import duckdb
import numpy as np
from anyio import CancelScope, CapacityLimiter, to_thread

from intertie.errors import StoreError
from intertie.monitor import duck_read, duck_tiers
from intertie.monitor.duck_catalog import MaxOf, Numbered, labels_text
from intertie.monitor.duck_file import TIERS, Columns, Database, copy, opened, told
from intertie.monitor.sample import Found, Matcher, Sample, Series, is_stale
from intertie.monitor.store import Aggregate, Removed, Stats, Summary
from intertie.suite.monitoring import Retention, Step

log = logging.getLogger(__name__)

T = TypeVar("T")

_STALE, _NAN = 1, 2
_ADD_SERIES = "INSERT INTO series SELECT id, name, labels FROM batch"
_ADD = """
INSERT INTO samples
SELECT id, $at_ms, CASE kind WHEN 0 THEN value WHEN 2 THEN 'nan'::DOUBLE END FROM batch
"""


class DuckStore:
    """See MetricsStore. A stale marker is kept as NULL: the engine knows only one NaN."""

    def __init__(self, database: Database, retention: Retention) -> None:
        self._database = database
        self._retention = retention
        self._one_at_a_time = CapacityLimiter(1)
        self._refused = Counter[str]()
        self._refused_of = Counter[str]()
        self._late = 0
        self._size_bytes = database.size_bytes()

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        path: Path,
        *,
        retention: Retention | None = None,
        max_series: int = 100_000,
        max_of: MaxOf = lambda _: None,
    ) -> AsyncIterator[Self]:
        """Open the file, or create it with the folder it is in. Raises StoreError.

        While it is open no other process can read it. `max_of`: how many series a tenant may have.
        """
        manager = opened(path, max_series=max_series, max_of=max_of)
        database = await to_thread.run_sync(manager.__enter__)
        try:
            yield cls(database, retention or Retention())
        finally:
            with CancelScope(shield=True):  # the engine ends what it does in bounded time
                await to_thread.run_sync(manager.__exit__, None, None, None)

    @property
    def refused(self) -> Mapping[str, int]:
        """See MetricsStore."""
        return dict(self._refused)

    @property
    def refused_of(self) -> Mapping[str, int]:
        """See MetricsStore."""
        return dict(self._refused_of)

    def of_tenant(self, tenant: str) -> int:
        """See MetricsStore."""
        return self._database.catalog.of_tenant(tenant)

    @property
    def late(self) -> int:
        """See MetricsStore."""
        return self._late

    @property
    def fullness(self) -> float:
        """See MetricsStore."""
        return self._size_bytes / self._retention.max_size

    async def append(self, at_ms: int, samples: Sequence[Sample]) -> None:
        """See MetricsStore."""
        refused = await self._call(partial(_append, self._database, at_ms, samples))
        if refused is None:
            self._late += len(samples)
        else:
            self._refused.update(refused.refused)
            self._refused_of.update(refused.refused_of)

    async def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int
    ) -> Sequence[Found]:
        """See MetricsStore."""
        return await self._call(partial(_select, self._database, matchers, start_ms, end_ms))

    async def aggregate(
        self,
        matchers: Sequence[Matcher],
        start_ms: int,
        end_ms: int,
        *,
        step: Step,
        functions: Sequence[Summary],
    ) -> Sequence[Aggregate]:
        """See MetricsStore."""
        asked = duck_read.wanted(step, start_ms, end_ms, functions)
        return await self._call(partial(_aggregate, self._database, matchers, asked))

    async def retain(self, now_ms: int) -> Removed:
        """See MetricsStore. Samples can be written between its parts."""
        database = self._database
        for step in TIERS:
            while await self._call(partial(_roll_up_next, database, step, now_ms)):
                pass
        aged = partial(duck_tiers.age_out, database, self._retention, now_ms)
        removed = [await self._call(aged)]
        while await self._measured() > self._retention.max_size:
            part = await self._call(partial(duck_tiers.remove_oldest, database, now_ms))
            if part is None:
                log.warning("metrics store is full", extra={"size_bytes": self._size_bytes})
                break
            removed.append(part)
        samples, intervals = (sum(each) for each in zip(*removed, strict=True))
        any_gone = samples + intervals > 0
        series = await self._call(partial(duck_tiers.forget_series, database)) if any_gone else 0
        return Removed(samples, intervals, series)

    async def compact(self) -> None:
        """See MetricsStore. Samples can be written between its parts."""
        while await self._call(partial(_pack_next, self._database)):
            pass
        await self._measured()

    async def series(self, matchers: Sequence[Matcher], limit: int) -> Sequence[Series]:
        """See MetricsStore."""
        return await self._call(partial(_series, self._database, matchers, limit))

    async def names(self) -> Sequence[str]:
        """See MetricsStore."""
        return await self._call(self._database.catalog.names)

    async def labels(self, name: str) -> Mapping[str, Sequence[str]]:
        """See MetricsStore."""
        return await self._call(partial(self._database.catalog.labels, name))

    async def snapshot(self, folder: Path) -> Path:
        """See MetricsStore."""
        return await self._call(partial(copy, self._database, folder))

    async def stats(self) -> Stats:
        """See MetricsStore."""
        found = await self._call(partial(_stats, self._database))
        self._size_bytes = found.size_bytes
        return found

    async def _measured(self) -> int:
        self._size_bytes = await self._call(partial(_checkpointed, self._database))
        return self._size_bytes

    async def _call(self, work: Callable[[], T]) -> T:
        try:
            return await to_thread.run_sync(work, limiter=self._one_at_a_time)
        except (duckdb.Error, OSError) as exc:
            raise StoreError(f"cannot use {self._database.path}: {told(exc)}") from exc


def _append(database: Database, at_ms: int, samples: Sequence[Sample]) -> Numbered | None:
    """What was kept and what was refused; None: all came too late."""
    if at_ms < database.mark("raw"):
        return None
    batch = database.catalog.number(samples)
    if not batch.ids:
        return batch
    changed = duck_tiers.changed_by(database, at_ms)
    alone = not batch.new and not changed  # then the one statement is a transaction by itself
    with nullcontext() if alone else database.transaction():
        if batch.new:
            _insert(database, _ADD_SERIES, _series_columns(batch.new))
        _insert(database, _ADD, _sample_columns(batch), at_ms=at_ms)
        for step, start in changed:
            database.connection.execute("INSERT INTO redo VALUES (?, ?)", [step, start])
    database.catalog.learn(batch.new)
    for step, start in changed:
        database.redo.setdefault(step, set()).add(start)
    return batch


def _insert(database: Database, sql: str, batch: Columns, **parameters: int) -> None:
    """The engine finds `batch` here by its name; to register it would take a third of the time."""
    database.connection.execute(sql, parameters)


def _series_columns(new: Mapping[Series, int]) -> Columns:
    return {
        "id": np.array(list(new.values()), dtype=np.int32),
        "name": np.array([each.name for each in new], dtype=object),
        "labels": np.array([labels_text(each) for each in new], dtype=object),
    }


def _sample_columns(batch: Numbered) -> Columns:
    values = np.array(batch.values, dtype=np.float64)
    kinds = np.zeros(len(values), dtype=np.uint8)
    for place in np.flatnonzero(np.isnan(values)).tolist():
        kinds[place] = _STALE if is_stale(batch.values[place]) else _NAN
    return {"id": np.array(batch.ids, dtype=np.int32), "value": values, "kind": kinds}


def _select(
    database: Database, matchers: Sequence[Matcher], start_ms: int, end_ms: int
) -> Sequence[Found]:
    return duck_read.select(database, database.catalog.find(matchers), start_ms, end_ms)


def _aggregate(
    database: Database, matchers: Sequence[Matcher], asked: duck_read.Wanted
) -> Sequence[Aggregate]:
    return duck_read.aggregate(database, database.catalog.find(matchers), asked)


def _roll_up_next(database: Database, step: Step, now_ms: int) -> bool:
    span = duck_tiers.next_span(database, step, now_ms)
    if span is not None:
        duck_tiers.roll_up(database, span)
    return span is not None


def _pack_next(database: Database) -> bool:
    span = duck_tiers.next_pack(database)
    if span is not None:
        duck_tiers.pack(database, span)
    return span is not None


def _series(database: Database, matchers: Sequence[Matcher], limit: int) -> Sequence[Series]:
    catalog = database.catalog
    return sorted(catalog[id] for id in catalog.find(matchers))[:limit]


def _checkpointed(database: Database) -> int:
    database.connection.execute("CHECKPOINT metrics")
    database.release()
    return database.size_bytes()


def _stats(database: Database) -> Stats:
    samples = database.number("SELECT count(*) FROM samples") or 0
    oldest = database.number("SELECT min(at_ms) FROM samples")
    return Stats(len(database.catalog), samples, database.size_bytes(), oldest)
