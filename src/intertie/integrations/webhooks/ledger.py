"""What came in, durable: each event once, until it is published and for some time after that.

Its own file, for one reason: many deliveries share one transaction. A disk that flushes in 4 ms
takes 250 transactions a second, and vendors send more than that at once.
"""

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Protocol, Self, TypeVar

from anyio import Event, to_thread

from intertie.errors import StoreError
from intertie.integrations.webhooks.webhook import Arrival
from intertie.store.wal import Transactions, connect

_SCHEMA = """
CREATE TABLE IF NOT EXISTS deliveries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    type TEXT NOT NULL,
    received_us INTEGER NOT NULL,
    payload BLOB NOT NULL,
    published_us INTEGER,
    fault TEXT NOT NULL DEFAULT '',
    UNIQUE (tenant, name, id)
);
CREATE INDEX IF NOT EXISTS deliveries_waiting ON deliveries (seq)
    WHERE published_us IS NULL AND fault = '';
CREATE INDEX IF NOT EXISTS deliveries_age ON deliveries (published_us)
    WHERE published_us IS NOT NULL;
"""
_INSERT = """
INSERT INTO deliveries (tenant, name, id, kind, type, received_us, payload)
VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
_WAITING = """
SELECT seq, tenant, name, kind, id, type, received_us, payload FROM deliveries
WHERE published_us IS NULL AND fault = '' ORDER BY seq LIMIT ?
"""
_PURGE = """
DELETE FROM deliveries WHERE seq IN
    (SELECT seq FROM deliveries WHERE published_us < ? ORDER BY published_us LIMIT ?)
"""
_PRAGMAS = ("wal_autocheckpoint = 0",)
_FOLD_EVERY = 2000
_PURGE_AT_ONCE = 1000
_US = 1_000_000

T = TypeVar("T")
Seal = Callable[[str, str, bytes], Awaitable[bytes]]
"""Tenant, connection and payload become what is stored, and back."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An event that waits to be published; `number` is its place in the ledger."""

    number: int
    event: Arrival


@dataclass(frozen=True, slots=True)
class Counts:
    """How full it is."""

    waiting: int
    published: int
    faulty: int
    """Refused by the bus for good; they stay until somebody looks."""


class Ledger(Protocol):
    """Events by tenant, connection and id. What a call has returned is durable."""

    async def add(self, arrivals: Sequence[Arrival]) -> Sequence[bool]:
        """Keep them, all or none; for each whether it is new. Raises StoreError."""
        ...

    async def waiting(self, most: int) -> Sequence[Entry]:
        """The oldest that are not published, in order. Raises StoreError."""
        ...

    async def published(self, numbers: Sequence[int], at: datetime) -> None:
        """These are; they are kept to know repeats by. Raises StoreError."""
        ...

    async def faulty(self, number: int, why: str) -> None:
        """This one cannot be published, ever: the others go on. Raises StoreError."""
        ...

    async def purge(self, now: datetime, keep: timedelta) -> int:
        """Forget what was published longer ago; how many. Raises StoreError."""
        ...

    async def counts(self) -> Counts:
        """How full it is. Raises StoreError."""
        ...

    async def news(self) -> None:
        """Return once something was added by this process since the last call."""
        ...


async def plain(tenant: str, name: str, payload: bytes) -> bytes:
    """A seal that seals nothing."""
    return payload


class SqliteLedger:
    """A Ledger on a file. Whoever comes while a transaction is being written shares the next."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        folder: sqlite3.Connection,
        *,
        seal: Seal,
        unseal: Seal,
    ) -> None:
        self._file = Transactions(connection, "the ledger")
        self._folder = folder
        self._seal = seal
        self._unseal = unseal
        self._news = Event()
        self._unfolded = 0

    @classmethod
    @asynccontextmanager
    async def open(
        cls, path: Path, *, seal: Seal = plain, unseal: Seal = plain
    ) -> AsyncIterator[Self]:
        """Open or create the file. Raises StoreError when that is impossible."""
        try:
            connection, folder = await to_thread.run_sync(_open, path)
        except (OSError, sqlite3.Error) as exc:
            raise StoreError(f"cannot open ledger {path}: {exc}") from exc
        try:
            yield cls(connection, folder, seal=seal, unseal=unseal)
        finally:
            folder.close()
            connection.close()

    async def add(self, arrivals: Sequence[Arrival]) -> Sequence[bool]:
        """See Ledger."""
        rows = [
            (
                each.tenant,
                each.name,
                each.id,
                each.kind,
                each.type,
                _us(each.received_at),
                await self._seal(each.tenant, each.name, each.payload),
            )
            for each in arrivals
        ]
        fresh = await self._do(
            lambda connection: [connection.execute(_INSERT, row).rowcount > 0 for row in rows]
        )
        self._news.set()
        return fresh

    async def waiting(self, most: int) -> Sequence[Entry]:
        """See Ledger."""
        rows = await self._do(lambda connection: connection.execute(_WAITING, (most,)).fetchall())
        return [await self._entry(row) for row in rows]

    async def _entry(self, row: tuple[int, str, str, str, str, str, int, bytes]) -> Entry:
        number, tenant, name, kind, id, type, us, payload = row
        clear = await self._unseal(tenant, name, payload)
        return Entry(number, Arrival(tenant, name, kind, id, type, _at(us), clear))

    async def published(self, numbers: Sequence[int], at: datetime) -> None:
        """See Ledger."""
        text = "UPDATE deliveries SET published_us = ? WHERE seq = ?"
        rows = [(_us(at), number) for number in numbers]
        await self._do(lambda connection: connection.executemany(text, rows))

    async def faulty(self, number: int, why: str) -> None:
        """See Ledger."""
        text = "UPDATE deliveries SET fault = ? WHERE seq = ?"
        await self._do(lambda connection: connection.execute(text, (why or "unknown", number)))

    async def purge(self, now: datetime, keep: timedelta) -> int:
        """See Ledger. Some at a time: deliveries do not wait for long."""
        before, count = _us(now - keep), 0
        while True:
            gone = await self._do(
                lambda connection: connection.execute(_PURGE, (before, _PURGE_AT_ONCE)).rowcount
            )
            count += gone
            if gone < _PURGE_AT_ONCE:
                return count

    async def counts(self) -> Counts:
        """See Ledger."""
        text = """
            SELECT count(*) FILTER (WHERE published_us IS NULL AND fault = ''),
                   count(*) FILTER (WHERE published_us IS NOT NULL),
                   count(*) FILTER (WHERE fault != '') FROM deliveries
        """
        row = await self._do(lambda connection: connection.execute(text).fetchone())
        return Counts(*row)

    async def news(self) -> None:
        """See Ledger."""
        await self._news.wait()
        self._news = Event()

    async def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        found = await self._file.do(work)
        self._unfolded += 1
        if self._unfolded >= _FOLD_EVERY:
            await self._fold()
        return found

    async def _fold(self) -> None:
        """Take what was written into the file itself: most of it while others go on writing.

        SQLite's own way holds up the one who writes, and everybody behind him.
        """
        self._unfolded = 0
        await to_thread.run_sync(_checkpoint, self._folder, "PASSIVE")
        await self._file.alone(partial(_checkpoint, how="RESTART"))


def _checkpoint(connection: sqlite3.Connection, how: str) -> None:
    # What cannot be taken over now (somebody reads) is taken over the next time.
    with suppress(sqlite3.OperationalError):
        connection.execute(f"PRAGMA wal_checkpoint({how})").fetchone()


def _open(path: Path) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    connection = connect(path, _SCHEMA, pragmas=_PRAGMAS)
    try:
        return connection, connect(path, "", pragmas=_PRAGMAS)
    except sqlite3.Error:
        connection.close()
        raise


def _us(at: datetime) -> int:
    return round(at.timestamp() * _US)


def _at(us: int) -> datetime:
    return datetime.fromtimestamp(us / _US, UTC)
