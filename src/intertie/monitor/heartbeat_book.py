"""What was heard of others, on a SQLite file: an old heartbeat is refused after a crash too."""

import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Self

from pydantic import TypeAdapter, ValidationError

from intertie.monitor.heartbeat import Heard
from intertie.store.wal import Transactions, opened

_SCHEMA = """
CREATE TABLE IF NOT EXISTS heard (name TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
"""
_PUT = """
INSERT INTO heard (name, body) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET body = excluded.body WHERE body != excluded.body
"""
_HEARD = TypeAdapter(Heard)


class HeartbeatBook:
    """Each method raises StoreError when the file cannot be used."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._rows = Transactions(connection, "what was heard of heartbeats")

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path) -> AsyncIterator[Self]:
        """Open or create the file, for its owner only."""
        async with opened(path, _SCHEMA, "the book of heartbeats") as connection:
            yield cls(connection)

    async def all(self) -> dict[str, Heard]:
        """By name."""
        return await self._rows.do(_all)

    async def keep(self, heard: Mapping[str, Heard]) -> None:
        """In place of what was known of those; durable once it returns."""
        rows = {name: _HEARD.dump_json(each).decode() for name, each in heard.items()}
        await self._rows.do(partial(_keep, rows=rows))


def _all(db: sqlite3.Connection) -> dict[str, Heard]:
    try:
        rows = db.execute("SELECT name, body FROM heard").fetchall()
        return {str(name): _HEARD.validate_json(body) for name, body in rows}
    except ValidationError as exc:
        raise sqlite3.DatabaseError(f"a row makes no sense: {exc}") from exc


def _keep(db: sqlite3.Connection, *, rows: Mapping[str, str]) -> None:
    db.executemany(_PUT, list(rows.items()))
