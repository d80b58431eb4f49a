"""Every answer to an alert, durable. What was being done as its process died counts as tried."""

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Self

from pydantic import TypeAdapter, ValidationError

from intertie.automation.remediation import Entry
from intertie.errors import StoreError
from intertie.store.wal import Transactions, opened

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    is_open INTEGER NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS entry_open ON entry (is_open, id);
"""
_ENTRIES = TypeAdapter(Entry)
_KEPT = 10_000
_INTERRUPTED = "the daemon ended while it was being done"


class RemediationLedger:
    """Entries by id. What a call has returned is durable. All of it raises StoreError."""

    def __init__(self, transactions: Transactions) -> None:
        self._file = transactions

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path | None) -> AsyncIterator[Self]:
        """Open or create the file; None keeps all of it in memory."""
        async with opened(path, _SCHEMA, "the ledger of remediation") as connection:
            yield cls(Transactions(connection, "the ledger of remediation"))

    async def write(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """All of them or none; those that were new have their ids after it."""
        if not entries:
            return []
        return await self._file.do(partial(_write, entries=entries))

    async def interrupted(self, now: datetime) -> Sequence[Entry]:
        """What a process that died was doing: over, and counted."""
        return await self._file.do(partial(_interrupt, now=now))

    async def newest(self, most: int = 1000) -> Sequence[Entry]:
        """Entries, the oldest first."""
        text = "SELECT id, body FROM entry ORDER BY id DESC LIMIT ?"
        rows = await self._file.do(lambda db: db.execute(text, (most,)).fetchall())
        return [_entry(row) for row in reversed(rows)]

    async def purge(self) -> None:
        """Forget the oldest."""
        text = "DELETE FROM entry WHERE id <= (SELECT max(id) FROM entry) - ?"
        await self._file.do(lambda db: db.execute(text, (_KEPT,)))


def _write(db: sqlite3.Connection, *, entries: Sequence[Entry]) -> list[Entry]:
    return [_put(db, each) for each in entries]


def _put(db: sqlite3.Connection, entry: Entry) -> Entry:
    id = entry.id
    values = (entry.is_open, _ENTRIES.dump_json(entry).decode())
    if id:
        db.execute("UPDATE entry SET is_open = ?, body = ? WHERE id = ?", (*values, id))
        return entry
    made = db.execute("INSERT INTO entry (is_open, body) VALUES (?, ?)", values).lastrowid
    return replace(entry, id=made or 0)


def _interrupt(db: sqlite3.Connection, *, now: datetime) -> list[Entry]:
    rows = db.execute("SELECT id, body FROM entry WHERE is_open").fetchall()
    doing = [each for each in map(_entry, rows) if each.status == "doing"]
    return [
        _put(db, replace(each, status="interrupted", why=_INTERRUPTED, ended_at=now))
        for each in doing
    ]


def _entry(row: tuple[int, str]) -> Entry:
    try:
        return replace(_ENTRIES.validate_json(row[1]), id=row[0])
    except ValidationError as exc:
        raise StoreError(f"cannot read the ledger of remediation: {exc}") from exc
