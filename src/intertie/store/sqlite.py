"""Records on one SQLite file in WAL mode; any number of processes may share it."""

import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

from anyio import CapacityLimiter, to_thread

from intertie.errors import ConflictError, NotFoundError, StoreError
from intertie.store import Document, Page, Record
from intertie.store.wal import opened, transaction

_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    collection TEXT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    document TEXT NOT NULL,
    UNIQUE (collection, id)
)
"""

T = TypeVar("T")


class SqliteRecords:
    """Records on a file. One connection, one thread at a time, off the event loop."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._one_at_a_time = CapacityLimiter(1)

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path) -> AsyncIterator[Self]:
        """Open or create the file. Raises StoreError when that is impossible."""
        async with opened(path, _SCHEMA, "database") as connection:
            yield cls(connection)

    async def get(self, collection: str, id: str) -> Record:
        """See Records."""
        return await self._call(partial(_get, self._connection, collection, id))

    async def put(
        self, collection: str, id: str, document: Document, *, expect: int | None = None
    ) -> Record:
        """See Records."""
        return await self._call(partial(_put, self._connection, collection, id, document, expect))

    async def find(
        self,
        collection: str,
        where: Mapping[str, object] | None = None,
        *,
        newest_first: bool = True,
        limit: int = 20,
        offset: int = 0,
    ) -> Page:
        """See Records."""
        return await self._call(
            partial(
                _find,
                self._connection,
                collection,
                dict(where or {}),
                "DESC" if newest_first else "ASC",
                (limit, offset),
            )
        )

    async def delete(self, collection: str, id: str) -> bool:
        """See Records."""
        return await self._call(partial(_delete, self._connection, collection, id))

    async def _call(self, work: Callable[[], T]) -> T:
        try:
            return await to_thread.run_sync(work, limiter=self._one_at_a_time)
        except sqlite3.Error as exc:
            raise StoreError(f"cannot use the database: {exc}") from exc


def open_url(url: str) -> AbstractAsyncContextManager[SqliteRecords]:
    """`sqlite://` and an absolute path."""
    return SqliteRecords.open(Path(url.removeprefix("sqlite://")))


def _get(connection: sqlite3.Connection, collection: str, id: str) -> Record:
    row = connection.execute(
        "SELECT version, document FROM records WHERE collection = ? AND id = ?", (collection, id)
    ).fetchone()
    if row is None:
        raise NotFoundError(f"cannot find {id!r} in {collection}")
    return Record(id, row[0], json.loads(row[1]))


def _put(
    connection: sqlite3.Connection, collection: str, id: str, document: Document, expect: int | None
) -> Record:
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    with transaction(connection):
        row = connection.execute(
            "SELECT version FROM records WHERE collection = ? AND id = ?", (collection, id)
        ).fetchone()
        current: int = row[0] if row else 0
        if expect is not None and expect != current:
            raise ConflictError(
                f"cannot write {id!r} in {collection}: it is at version {current}, not {expect}"
            )
        connection.execute(
            "INSERT INTO records (collection, id, version, document) VALUES (?, ?, 1, ?)"
            " ON CONFLICT (collection, id)"
            " DO UPDATE SET version = version + 1, document = excluded.document",
            (collection, id, text),
        )
    return Record(id, current + 1, document)


def _find(
    connection: sqlite3.Connection,
    collection: str,
    where: Mapping[str, object],
    direction: str,
    span: tuple[int, int],
) -> Page:
    # Everything of the caller's is bound as a value: nothing of it is SQL.
    clauses = ["collection = ?"]
    values: list[object] = [collection]
    for name, value in where.items():
        if not name.isidentifier():
            raise StoreError(f"cannot search {name!r}: expected the name of a top-level field")
        clauses.append("json_extract(document, ?) IS ?")
        values += [f"$.{name}", value]
    matching = " AND ".join(clauses)
    rows = connection.execute(
        f"SELECT id, version, document FROM records WHERE {matching}"  # noqa: S608
        f" ORDER BY seq {direction} LIMIT ? OFFSET ?",
        (*values, *span),
    ).fetchall()
    (total,) = connection.execute(
        f"SELECT count(*) FROM records WHERE {matching}",  # noqa: S608
        values,
    ).fetchone()
    return Page([Record(id, version, json.loads(text)) for id, version, text in rows], total)


def _delete(connection: sqlite3.Connection, collection: str, id: str) -> bool:
    cursor = connection.execute(
        "DELETE FROM records WHERE collection = ? AND id = ?", (collection, id)
    )
    return cursor.rowcount > 0
