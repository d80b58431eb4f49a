"""The run ledger's tables, and each change of them. All of it runs within a transaction."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from intertie.automation.record import RunId, Trigger

SCHEMA = """
CREATE TABLE IF NOT EXISTS task (
    name TEXT PRIMARY KEY,
    schedule TEXT NOT NULL,
    last_seen_ms INTEGER NOT NULL,
    paused INTEGER NOT NULL DEFAULT 0,
    forgotten_ms INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS run (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    task TEXT NOT NULL,
    scheduled_ms INTEGER NOT NULL,
    source TEXT NOT NULL,
    status TEXT NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    owner TEXT NOT NULL DEFAULT '',
    lease_ms INTEGER,
    began_ms INTEGER,
    ended_ms INTEGER,
    exit INTEGER,
    output BLOB NOT NULL DEFAULT x'',
    error TEXT NOT NULL DEFAULT '',
    change TEXT NOT NULL DEFAULT '',
    cancel TEXT NOT NULL DEFAULT '',
    trace TEXT NOT NULL DEFAULT '',
    UNIQUE (task, scheduled_ms)
);
CREATE INDEX IF NOT EXISTS run_open ON run (task, status) WHERE status IN ('queued', 'running');
"""
_ADD_TRACE = "ALTER TABLE run ADD COLUMN trace TEXT NOT NULL DEFAULT ''"
REPLACED = "a newer run takes its place"
_EPOCH = datetime.fromtimestamp(0, UTC)
_MS = timedelta(milliseconds=1)

Row = tuple[
    int,
    str,
    int,
    str,
    str,
    int,
    str,
    int | None,
    int | None,
    int | None,
    int | None,
    bytes,
    str,
    str,
    str,
    str,
]
"""A run, in the order of the table."""
TaskRow = tuple[str, str, int, int]
"""Name, schedule, last_seen_ms, paused."""


class Name(NamedTuple):
    """What there is only one run of."""

    task: str
    scheduled_ms: int
    trigger: Trigger


class Lease(NamedTuple):
    """Who takes a run, when, and for how long."""

    owner: str
    now_ms: int
    span_ms: int
    trace: str = ""
    """The span of a run that is new, as a traceparent."""

    @property
    def until_ms(self) -> int:
        """When it is over."""
        return self.now_ms + self.span_ms


class Key(NamedTuple):
    """One attempt by one process: who holds it may change the row."""

    id: RunId
    attempt: int
    owner: str


@dataclass(frozen=True, slots=True)
class End:
    """How a run ended."""

    status: str
    at_ms: int
    exit: int | None
    output: bytes
    error: str
    change: str


def ms(at: datetime) -> int:
    """Whole milliseconds since 1970."""
    return (at - _EPOCH) // _MS


def at(value: int) -> datetime:
    """The moment in UTC."""
    return _EPOCH + value * _MS


def span_ms(seconds: float) -> int:
    """At least one."""
    return max(1, round(seconds * 1000))


def renew(db: sqlite3.Connection) -> None:
    """Give a file of an earlier version the columns that came since."""
    known = {row[1] for row in db.execute("PRAGMA table_info(run)")}
    if "trace" not in known:
        db.execute(_ADD_TRACE)


def meet(db: sqlite3.Connection, args: Sequence[tuple[str, str, int]]) -> Sequence[TaskRow]:
    """Name, schedule and now in; the tasks' rows out, in the same order."""
    db.executemany(
        "INSERT INTO task (name, schedule, last_seen_ms) VALUES (?, ?, ?) ON CONFLICT DO UPDATE "
        "SET schedule = excluded.schedule, last_seen_ms = excluded.last_seen_ms "
        "WHERE schedule != excluded.schedule",
        args,
    )
    text = "SELECT name, schedule, last_seen_ms, paused FROM task WHERE name = ?"
    return [db.execute(text, row[:1]).fetchone() for row in args]


def claim(db: sqlite3.Connection, name: Name, lease: Lease, overlap: str) -> Row | None:
    """The row, if it is new; as `overlap` says where others of the task run or wait."""
    if _is_known(db, name, lease.now_ms):
        return None
    return _insert(db, name, lease, overlap)


def claim_manual(db: sqlite3.Connection, task: str, lease: Lease, overlap: str) -> Row:
    """The row, at the first millisecond from now that is free."""
    text = "SELECT 1 FROM run WHERE task = ? AND scheduled_ms = ?"
    free_ms = lease.now_ms
    while db.execute(text, (task, free_ms)).fetchone():
        free_ms += 1
    return _insert(db, Name(task, free_ms, "manual"), lease, overlap)


def skip(db: sqlite3.Connection, name: Name, why: str) -> Row | None:
    """A row that never runs, if it is new."""
    if _is_known(db, name, name.scheduled_ms):
        return None
    return _one(
        db,
        "INSERT INTO run (task, scheduled_ms, source, status, ended_ms, error) "
        "VALUES (?, ?, ?, 'skipped', ?, ?) RETURNING *",
        (*name, name.scheduled_ms, why),
    )


def next_queued(db: sqlite3.Connection, task: str, lease: Lease) -> Row | None:
    """The oldest that waits, taken, if none of the task runs."""
    return _one(
        db,
        "UPDATE run SET status = 'running', attempt = 1, owner = ?, lease_ms = ?, began_ms = ? "
        "WHERE id = (SELECT id FROM run WHERE task = ? AND status = 'queued' "
        "ORDER BY scheduled_ms LIMIT 1) "
        "AND NOT EXISTS (SELECT 1 FROM run WHERE task = ? AND status = 'running') "
        "RETURNING *",
        (lease.owner, lease.until_ms, lease.now_ms, task, task),
    )


def open_ends(db: sqlite3.Connection, now_ms: int) -> tuple[Sequence[Row], Sequence[str]]:
    """Rows whose owner has not been heard of, the oldest first; tasks that have a row queued."""
    text = "SELECT * FROM run WHERE status = 'running' AND lease_ms < ? ORDER BY id"
    expired: list[Row] = db.execute(text, (now_ms,)).fetchall()
    queued = db.execute("SELECT DISTINCT task FROM run WHERE status = 'queued'").fetchall()
    return expired, [task for (task,) in queued]


def retake(db: sqlite3.Connection, key: Key, lease: Lease) -> Row | None:
    """Its next attempt, ours, if its lease is still over."""
    return _one(
        db,
        "UPDATE run SET attempt = attempt + 1, owner = ?, lease_ms = ? WHERE id = ? "
        "AND attempt = ? AND owner = ? AND status = 'running' AND lease_ms < ? "
        "RETURNING *",
        (lease.owner, lease.until_ms, *key, lease.now_ms),
    )


def give_up(db: sqlite3.Connection, key: Key, now_ms: int, why: str) -> Row | None:
    """It has crashed for good, or is cancelled as was asked, if its lease is still over."""
    return _one(
        db,
        "UPDATE run SET status = iif(cancel = '', 'crashed', 'cancelled'), ended_ms = ?, "
        "error = iif(cancel = '', ?, cancel) WHERE id = ? AND attempt = ? AND owner = ? "
        " AND status = 'running' AND lease_ms < ? RETURNING *",
        (now_ms, why, *key, now_ms),
    )


def again(db: sqlite3.Connection, key: Key, lease: Lease) -> Row | None:
    """Its next attempt, by the same owner."""
    return _one(
        db,
        "UPDATE run SET attempt = attempt + 1, lease_ms = ? WHERE id = ? AND attempt = ? "
        "AND owner = ? AND status = 'running' RETURNING *",
        (lease.until_ms, *key),
    )


def beat(db: sqlite3.Connection, key: Key, lease: Lease) -> tuple[str] | None:
    """Why it should end, or nothing; None when the key opens no row."""
    row: tuple[str] | None = db.execute(
        "UPDATE run SET lease_ms = ? WHERE id = ? AND attempt = ? AND owner = ? "
        "AND status = 'running' RETURNING cancel",
        (lease.until_ms, *key),
    ).fetchone()
    return row


def release(db: sqlite3.Connection, key: Key) -> None:
    """The lease is over."""
    text = "UPDATE run SET lease_ms = 0 WHERE id = ? AND attempt = ? AND owner = ? "
    db.execute(text + "AND status = 'running'", key)


def finish(db: sqlite3.Connection, key: Key, end: End, keep: int) -> Row | None:
    """The row as it ended; the oldest of the task beyond `keep` are gone."""
    row = _one(
        db,
        "UPDATE run SET status = ?, ended_ms = ?, exit = ?, output = ?, error = ?, change = ? "
        "WHERE id = ? AND attempt = ? AND owner = ? AND status = 'running' "
        "RETURNING *",
        (end.status, end.at_ms, end.exit, end.output, end.error, end.change, *key),
    )
    if row is not None:
        _forget(db, row[1], keep)
    return row


def cancel(db: sqlite3.Connection, task: str, now_ms: int, why: str) -> Sequence[Row]:
    """What waited or ran, as it was."""
    text = "SELECT * FROM run WHERE task = ? AND status IN ('queued', 'running')"
    found: list[Row] = db.execute(text, (task,)).fetchall()
    db.execute(
        "UPDATE run SET status = 'cancelled', ended_ms = ?, error = ? "
        "WHERE task = ? AND status = 'queued'",
        (now_ms, why, task),
    )
    _ask_to_end(db, task, why)
    return found


def history(db: sqlite3.Connection, task: str, start: int, most: int) -> tuple[Sequence[Row], int]:
    """Some rows, the newest first, and how many there are."""
    text = "SELECT * FROM run WHERE task = ? ORDER BY scheduled_ms DESC LIMIT ? OFFSET ?"
    found: list[Row] = db.execute(text, (task, most, start)).fetchall()
    (total,) = db.execute("SELECT count(*) FROM run WHERE task = ?", (task,)).fetchone()
    return found, int(total)


def get(db: sqlite3.Connection, run: RunId) -> Row | None:
    """One row."""
    return _one(db, "SELECT * FROM run WHERE id = ?", (run,))


def _one(db: sqlite3.Connection, text: str, args: tuple[object, ...]) -> Row | None:
    row: Row | None = db.execute(text, args).fetchone()
    return row


def _insert(db: sqlite3.Connection, name: Name, lease: Lease, overlap: str) -> Row:
    status, error = _standing(db, name.task, lease, overlap)
    running = status == "running"
    row = _one(
        db,
        "INSERT INTO run (task, scheduled_ms, source, status, attempt, owner, lease_ms, began_ms, "
        "ended_ms, error, trace) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *",
        (
            *name,
            status,
            int(running),
            lease.owner,
            lease.until_ms if running else None,
            lease.now_ms if running else None,
            lease.now_ms if status == "skipped" else None,
            error,
            lease.trace,
        ),
    )
    if row is None:
        raise sqlite3.DatabaseError("a row was inserted and is not there")
    return row


def _standing(db: sqlite3.Connection, task: str, lease: Lease, overlap: str) -> tuple[str, str]:
    """Status and error of a new row, by what else of the task is open."""
    text = "SELECT status, scheduled_ms FROM run WHERE task = ? AND status IN ('queued', 'running')"
    open_ = db.execute(text, (task,)).fetchall()
    if not open_ or overlap == "allow":
        return "running", ""
    told = at(open_[0][1]).isoformat(timespec="seconds")
    if overlap == "replace":
        _ask_to_end(db, task, REPLACED)
        db.execute(
            "UPDATE run SET status = 'skipped', ended_ms = ?, error = ? "
            "WHERE task = ? AND status = 'queued'",
            (lease.now_ms, REPLACED, task),
        )
        return "queued", ""
    if overlap == "line" or (overlap == "queue" and all(status != "queued" for status, _ in open_)):
        return "queued", ""
    return "skipped", f"the run of {told} was not over"


def _ask_to_end(db: sqlite3.Connection, task: str, why: str) -> None:
    text = "UPDATE run SET cancel = ? WHERE task = ? AND status = 'running'"
    db.execute(text, (why or "cancelled", task))


def _is_known(db: sqlite3.Connection, name: Name, now_ms: int) -> bool:
    """Whether it is in the ledger, or was and has been forgotten.

    A mark beyond now was set by a clock that has been put right since: it means nothing.
    """
    text = """
        SELECT 1 FROM run WHERE task = :task AND scheduled_ms = :due
        UNION ALL
        SELECT 1 FROM task WHERE name = :task AND forgotten_ms >= :due AND forgotten_ms <= :now
    """
    args = {"task": name.task, "due": name.scheduled_ms, "now": now_ms}
    return db.execute(text, args).fetchone() is not None


def _forget(db: sqlite3.Connection, task: str, keep: int) -> None:
    text = "SELECT scheduled_ms FROM run WHERE task = ? ORDER BY scheduled_ms DESC LIMIT 1 OFFSET ?"
    row = db.execute(text, (task, keep)).fetchone()
    if row is None:
        return
    db.execute(
        "DELETE FROM run WHERE task = ? AND scheduled_ms <= ? "
        "AND status NOT IN ('queued', 'running')",
        (task, row[0]),
    )
    db.execute("UPDATE task SET forgotten_ms = max(forgotten_ms, ?) WHERE name = ?", (row[0], task))
