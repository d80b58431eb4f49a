"""Journal: every event, on disk before anybody hears of it, and how far it has been passed on.

A killed daemon loses none: a write is with the kernel when `append` returns. Only a crash of the
whole machine may take the last moments, as the disk is not waited for.
"""

import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from anyio import CapacityLimiter, to_thread
from anyio import Event as Bell
from pydantic import ValidationError

from intertie.errors import StoreError
from intertie.event import Event

log = logging.getLogger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, body TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS passed_on (reader TEXT PRIMARY KEY, seq INTEGER NOT NULL);
"""
_KEPT = 20_000
_TRIM_EVERY = 1_000
_BUSY_S = 5.0


class Journal:
    """One writer, on the event loop's thread; appending takes some 30 microseconds."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._one_at_a_time = CapacityLimiter(1)
        self._bell = Bell()
        self._passed = Bell()
        self._appended = 0

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator["Journal"]:
        """Open or create the file. Raises StoreError."""
        try:
            connection = sqlite3.connect(
                path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
            )
            connection.execute("PRAGMA journal_mode = WAL")
            # Waits for the disk now and then, at checkpoints: without, a crash could garble it all.
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.executescript(_SCHEMA)
        except sqlite3.Error as exc:
            raise StoreError(f"cannot open the journal of events {path}: {exc}") from exc
        try:
            yield cls(connection)
        finally:
            connection.close()

    def append(self, event: Event) -> bool:
        """Keep it; False when an event with this id is there already. Raises StoreError."""
        try:
            cursor = self._connection.execute(
                "INSERT OR IGNORE INTO events (id, body) VALUES (?, ?)",
                (event.id, event.model_dump_json()),
            )
        except (sqlite3.Error, ValueError) as exc:
            raise StoreError(f"cannot keep an event: {exc}") from exc
        if cursor.rowcount == 0:
            return False
        self._appended += 1
        if self._appended % _TRIM_EVERY == 0:
            with suppress(sqlite3.Error):  # the event is kept; the next time may do
                self._trim()
        self._bell.set()
        return True

    def latest(self, count: int) -> Sequence[Event]:
        """The last ones, oldest first."""
        with _readable():
            rows = self._connection.execute(
                "SELECT seq, body FROM events ORDER BY seq DESC LIMIT ?", (count,)
            ).fetchall()
        return [event for _, event in _events(rows[::-1])]

    def begin_reader(self, reader: str) -> None:
        """A reader new to the journal begins with what comes from now on."""
        with _readable():
            self._connection.execute(
                "INSERT OR IGNORE INTO passed_on (reader, seq)"
                " VALUES (?, (SELECT coalesce(max(seq), 0) FROM events))",
                (reader,),
            )

    def forget_reader(self, reader: str) -> None:
        """It comes no more: nothing is kept for it."""
        with _readable():
            self._connection.execute("DELETE FROM passed_on WHERE reader = ?", (reader,))

    async def unread(self, reader: str, limit: int) -> Sequence[tuple[int, Event]]:
        """The oldest events this reader has not passed on; waits until there is one."""
        while True:
            self._bell = bell = Bell()
            rows = await to_thread.run_sync(
                self._unread, reader, limit, limiter=self._one_at_a_time
            )
            if found := _events(rows):
                return found
            if rows:
                await self.pass_on(reader, rows[-1][0])
            else:
                await bell.wait()

    async def pass_on(self, reader: str, seq: int) -> None:
        """Everything up to `seq` has been passed on."""
        await to_thread.run_sync(self._pass_on, reader, seq, limiter=self._one_at_a_time)
        self._passed.set()

    async def caught_up(self, reader: str) -> None:
        """Return once the reader has passed everything on."""
        while True:
            self._passed = bell = Bell()
            if not await to_thread.run_sync(self._unread, reader, 1, limiter=self._one_at_a_time):
                return
            await bell.wait()

    def _unread(self, reader: str, limit: int) -> list[tuple[int, str]]:
        with _readable():
            return self._connection.execute(
                "SELECT seq, body FROM events WHERE seq >"
                " coalesce((SELECT seq FROM passed_on WHERE reader = ?), 0) ORDER BY seq LIMIT ?",
                (reader, limit),
            ).fetchall()

    def _pass_on(self, reader: str, seq: int) -> None:
        with _readable():
            self._connection.execute(
                "INSERT INTO passed_on (reader, seq) VALUES (?, ?)"
                " ON CONFLICT (reader) DO UPDATE SET seq = excluded.seq",
                (reader, seq),
            )

    def _trim(self) -> None:
        """Keep the newest, and whatever a reader has not passed on, up to ten times as many."""
        self._connection.execute(
            "DELETE FROM events WHERE seq <="
            " max(min((SELECT max(seq) FROM events) - ?,"
            " coalesce((SELECT min(seq) FROM passed_on), 9e15)),"
            " (SELECT max(seq) FROM events) - ?)",
            (_KEPT, 10 * _KEPT),
        )


def _events(rows: Sequence[tuple[int, str]]) -> Sequence[tuple[int, Event]]:
    """Those that are events: what another program left there must not hold all others up."""
    found: list[tuple[int, Event]] = []
    for seq, body in rows:
        try:
            found.append((seq, Event.model_validate_json(body)))
        except ValidationError:
            log.error("entry of the journal passed over", extra={"seq": seq})
    return found


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as exc:
        raise StoreError(f"cannot read the journal of events: {exc}") from exc
