"""SQLite files of our own: opened alike, written in whole transactions, shared by who waits.

A disk that flushes in 4 ms takes 250 transactions a second; a thousand tasks may be due at once.
"""

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar, cast

from anyio import CancelScope, Lock, to_thread

from intertie.errors import StoreError

_BUSY_TIMEOUT_S = 10.0
_MOST_WAITING = 10_000

T = TypeVar("T")


@dataclass(slots=True)
class _Job(Generic[T]):
    """Work on the file. All jobs that wait are done in one transaction."""

    work: Callable[[sqlite3.Connection], T]
    results: list[T] = field(default_factory=list[T])
    """One, once it is durable."""
    fault: sqlite3.Error | None = None


class Transactions:
    """Whoever comes while a transaction is being written shares the next."""

    def __init__(self, connection: sqlite3.Connection, what: str) -> None:
        self._connection = connection
        self._what = what
        self._waiting: list[_Job[object]] = []
        self._one_at_a_time = Lock()

    async def do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Its result, once it is durable. `work` runs in a thread, within a transaction.

        What was begun is done to its end, also when the caller is cancelled. Raises StoreError.
        """
        if len(self._waiting) >= _MOST_WAITING:
            raise StoreError(f"cannot write {self._what}: the disk does not keep up")
        job = _Job(work)
        self._waiting.append(cast("_Job[object]", job))
        async with self._one_at_a_time:
            if not job.results and job.fault is None:
                jobs, self._waiting = self._waiting, []
                with CancelScope(shield=True):  # bounded by SQLite's own busy timeout
                    await to_thread.run_sync(_commit, self._connection, jobs)
        if job.fault is not None:
            raise StoreError(f"cannot use {self._what}: {job.fault}") from job.fault
        return job.results[0]

    async def alone(self, act: Callable[[sqlite3.Connection], object]) -> None:
        """Do something in a thread while nobody writes, outside of transactions."""
        async with self._one_at_a_time:
            await to_thread.run_sync(act, self._connection)


def connect(path: Path | None, schema: str, *, pragmas: Sequence[str] = ()) -> sqlite3.Connection:
    """Open or create the file, readable by its owner only; None: in memory.

    `pragmas` hold before the first table is made, as `auto_vacuum = INCREMENTAL`. Raises OSError
    and sqlite3.Error.
    """
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.chmod(0o600)
    connection = sqlite3.connect(
        ":memory:" if path is None else path,
        timeout=_BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        for pragma in (*pragmas, "journal_mode = WAL", "synchronous = FULL"):
            connection.execute(f"PRAGMA {pragma}")
        connection.executescript(schema)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


@asynccontextmanager
async def opened(path: Path | None, schema: str, what: str) -> AsyncIterator[sqlite3.Connection]:
    """The same for a while, off the event loop. Raises StoreError: "cannot open <what> <path>"."""
    try:
        connection = await to_thread.run_sync(connect, path, schema)
    except (OSError, sqlite3.Error) as exc:
        raise StoreError(f"cannot open {what} {path}: {exc}") from exc
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def transaction(connection: sqlite3.Connection, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    """All of it, or nothing. Raises sqlite3.Error."""
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _commit(connection: sqlite3.Connection, jobs: Sequence[_Job[object]]) -> None:
    try:
        with transaction(connection):
            done = [each.work(connection) for each in jobs]
    except sqlite3.Error as exc:
        for each in jobs:
            each.fault = exc
        return
    for each, result in zip(jobs, done, strict=True):
        each.results.append(result)
