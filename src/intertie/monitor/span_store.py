"""Spans on one SQLite file: the newest of them, as long and as many as is allowed."""

import sqlite3
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

from anyio import CapacityLimiter, to_thread

from intertie.errors import NotFoundError, StoreError
from intertie.monitor import span_rows
from intertie.monitor.spans import Call, Span, StoreStats, Trace, TraceSummary, Wanted
from intertie.store.wal import connect, transaction

RETENTION_S = 86400.0
MAX_BYTES = 512 << 20
MOST_SHOWN = 10_000
"""Spans of a trace that are read at once."""

_ROOM_LEFT = 0.9
"""How full it is after something was removed for want of room."""
_REMOVED_AT_ONCE = 200
_WAL_BYTES = 4 << 20
# Room that is free again goes back to the disk.
_PRAGMAS = ("auto_vacuum = INCREMENTAL", f"journal_size_limit = {_WAL_BYTES}")
T = TypeVar("T")


class SpanStore:
    """One connection, one thread at a time, off the event loop.

    What `append` returned from survives a kill and a power cut. Each method raises StoreError when
    the file cannot be used.
    """

    def __init__(
        self, connection: sqlite3.Connection, *, retention_s: float, max_bytes: int
    ) -> None:
        self._connection = connection
        self._one_at_a_time = CapacityLimiter(1)
        self._retention_ms = round(retention_s * 1000)
        self._max_bytes = max_bytes
        self._evicted = 0

    @classmethod
    @asynccontextmanager
    async def open(
        cls, path: Path, *, retention_s: float = RETENTION_S, max_bytes: int = MAX_BYTES
    ) -> AsyncIterator[Self]:
        """Open or create the file, for its owner only."""
        try:
            connection = await to_thread.run_sync(
                partial(connect, path, span_rows.SCHEMA, pragmas=_PRAGMAS)
            )
        except (OSError, sqlite3.Error) as exc:
            raise StoreError(f"cannot open the store of traces {path}: {exc}") from exc
        store = cls(connection, retention_s=retention_s, max_bytes=max_bytes)
        try:
            yield store
        finally:
            connection.close()

    async def append(self, spans: Sequence[Span], now_ms: int) -> int:
        """Keep all of them or, with an error, none; how many were new.

        A span that is kept already stays as it is, so a batch may be sent again. When the file is
        full, traces without errors go first, and of those the ones heard of longest ago.
        """
        return await self._do(partial(self._append, spans=spans, now_ms=now_ms))

    async def retain(self, now_ms: int) -> int:
        """Remove traces that nothing was heard of for longer than they are kept; how many."""
        limit_ms = now_ms - self._retention_ms
        return await self._do(partial(_retain, limit_ms=limit_ms))

    async def find(self, wanted: Wanted, *, skip: int = 0, most: int = 50) -> list[TraceSummary]:
        """Those that began last first."""
        return await self._do(partial(span_rows.find, wanted=wanted, skip=skip, most=most))

    async def trace(self, trace_id: str) -> Trace:
        """One with all its spans, at most MOST_SHOWN. Raises NotFoundError."""
        try:
            found = await self._do(partial(span_rows.trace, trace_id=trace_id, most=MOST_SHOWN))
        except (zlib.error, ValueError, KeyError, TypeError) as exc:
            raise StoreError(f"cannot read trace {trace_id}: what is kept of it is torn") from exc
        if found is None:
            raise NotFoundError(f"cannot show trace {trace_id!r:.80}: none such is kept")
        return found

    async def calls(self, since_ns: int, until_ns: int) -> list[Call]:
        """Which service called which, in traces that began then, the most frequent first."""
        return await self._do(partial(span_rows.calls, since_ns=since_ns, until_ns=until_ns))

    async def stats(self) -> StoreStats:
        """How full it is."""
        traces, spans, size = await self._do(_stats)
        return StoreStats(traces, spans, size, self._evicted)

    def _append(self, db: sqlite3.Connection, *, spans: Sequence[Span], now_ms: int) -> int:
        added = _transact(db, partial(span_rows.insert, spans=spans, now_ms=now_ms))
        if _used_bytes(db) > self._max_bytes:
            while _used_bytes(db) > self._max_bytes * _ROOM_LEFT:
                removed = _transact(db, partial(span_rows.evict, most=_REMOVED_AT_ONCE))
                self._evicted += removed
                if not removed:
                    break
            _shrink(db)
        return added

    async def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await to_thread.run_sync(work, self._connection, limiter=self._one_at_a_time)
        except sqlite3.Error as exc:
            raise StoreError(f"cannot use the store of traces: {exc}") from exc


def _transact(db: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    with transaction(db):
        return work(db)


def _retain(db: sqlite3.Connection, *, limit_ms: int) -> int:
    count = 0
    remove = partial(span_rows.expire, limit_ms=limit_ms, most=_REMOVED_AT_ONCE)
    while removed := _transact(db, remove):
        count += removed
    if count:
        _shrink(db)
    return count


def _shrink(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA incremental_vacuum").fetchall()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _used_bytes(db: sqlite3.Connection) -> int:
    pages, free, size = (
        int(db.execute(f"PRAGMA {each}").fetchone()[0])
        for each in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def _stats(db: sqlite3.Connection) -> tuple[int, int, int]:
    traces, spans = db.execute("SELECT count(*), coalesce(sum(spans), 0) FROM traces").fetchone()
    return traces, spans, _used_bytes(db)
