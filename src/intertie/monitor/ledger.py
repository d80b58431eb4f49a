"""The ledger of notices: what was planned and how each try went, in a chain nobody can change.

Rows of `ledger` are only added. Each carries the hash of the one before and of itself: a row that
is changed, moved or taken out breaks the chain. `notices` is where each notice stands by it.
"""

import json
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice
from typing import Literal

from intertie.errors import NotFoundError
from intertie.monitor.escalation import Kind

Outcome = Literal["sent", "failed", "given_up"]
Status = Literal["planned", "sent", "failed", "given_up"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS ledger (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    event TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    body TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS ledger_id ON ledger (id, seq);
CREATE TABLE IF NOT EXISTS notices (
    id TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    group_key TEXT NOT NULL,
    kind TEXT NOT NULL,
    channel TEXT NOT NULL,
    planned_us INTEGER NOT NULL,
    text TEXT NOT NULL,
    status TEXT NOT NULL,
    tries INTEGER NOT NULL,
    answer TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS notices_seq ON notices (seq);
CREATE INDEX IF NOT EXISTS notices_group ON notices (group_key, seq);
CREATE INDEX IF NOT EXISTS notices_open ON notices (seq) WHERE status IN ('planned', 'failed');
CREATE TABLE IF NOT EXISTS chain (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    base TEXT NOT NULL,
    head TEXT NOT NULL
);
INSERT INTO chain VALUES (1, '', '') ON CONFLICT DO NOTHING;
"""
_ROW = "id, group_key, kind, channel, planned_us, text, status, tries, answer"
_LONGEST_ANSWER = 2000
_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """One notice to one channel."""

    id: str
    """Idempotency key: however often it is sent, whoever takes it can tell that it is the same."""
    group: str
    kind: Kind
    channel: str
    planned_at: datetime
    text: str
    """As it was rendered."""
    status: Status = "planned"
    tries: int = 0
    answer: str = ""
    """What the channel said to the last try."""


def plan(db: sqlite3.Connection, row: Row) -> bool:
    """Add a notice that is to be sent. False: it is there already."""
    if _find(db, row.id) is not None:
        return False
    body = [row.group, row.kind, row.channel, row.text]
    seq = _append(db, row.id, "planned", at_us=_us(row.planned_at), body=body)
    db.execute(
        f"INSERT INTO notices (seq, last_seq, {_ROW})"  # noqa: S608 — our own words
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'planned', 0, '')",
        (seq, seq, row.id, row.group, row.kind, row.channel, _us(row.planned_at), row.text),
    )
    return True


def settle(
    db: sqlite3.Connection,
    *,
    id: str,
    outcome: Outcome,
    at: datetime,
    answer: str,
    tries: int = 1,
) -> bool:
    """Add how sending went, after so many tries. False: it was settled for good before."""
    row = _known(db, id)
    if row.status in {"sent", "given_up"}:
        return False
    answer, all_tries = answer[:_LONGEST_ANSWER], row.tries + tries
    seq = _append(db, id, outcome, at_us=_us(at), body=[answer, str(all_tries)])
    db.execute(
        "UPDATE notices SET status = ?, tries = ?, answer = ?, last_seq = ? WHERE id = ?",
        (outcome, all_tries, answer, seq, id),
    )
    return True


def hand_over(db: sqlite3.Connection, *, id: str, channel: str, at: datetime) -> Row | None:
    """Add the same notice for another channel; None: it is there already."""
    row = _known(db, id)
    fresh = Row(
        id=f"{id.rpartition(':')[0]}:{channel}",
        group=row.group,
        kind=row.kind,
        channel=channel,
        planned_at=at,
        text=row.text,
    )
    return fresh if plan(db, fresh) else None


def unsent(db: sqlite3.Connection, most: int) -> list[Row]:
    """Oldest first."""
    text = f"SELECT {_ROW} FROM notices WHERE status IN ('planned', 'failed')"  # noqa: S608
    return [_row(each) for each in db.execute(f"{text} ORDER BY seq LIMIT ?", (most,))]


def newest(db: sqlite3.Connection, group: str | None, *, most: int, tenant: str = "") -> list[Row]:
    """Newest first; of a group, None: of all, and of groups of a tenant, empty: of all."""
    text = (
        f"SELECT {_ROW} FROM notices WHERE (? IS NULL OR group_key = ?)"  # noqa: S608
        " AND instr(group_key, ?) > 0 ORDER BY seq DESC"
    )
    like = f'tenant="{tenant}"' if tenant else ""
    rows = map(_row, db.execute(text, (group, group, like)))
    return list(islice((each for each in rows if tenant in {"", _tenant_of(each)}), most))


def _tenant_of(row: Row) -> str:
    """By the labels that the message tells its alerts to share; empty: it tells none."""
    try:
        return str(dict(json.loads(row.text)["group"]).get("tenant", ""))
    except (ValueError, KeyError, TypeError):
        return ""


def purge(db: sqlite3.Connection, limit: datetime) -> int:
    """Remove the oldest part of the chain: up to the first row that is newer, or still open."""
    (keep,) = db.execute(
        "SELECT min(seq) FROM (SELECT min(seq) AS seq FROM ledger WHERE at_us >= ?"
        " UNION ALL SELECT min(seq) FROM notices WHERE status IN ('planned', 'failed')"
        " UNION ALL SELECT max(seq) + 1 FROM ledger)",
        (_us(limit),),
    ).fetchone()
    last = db.execute("SELECT max(seq) FROM ledger WHERE seq < ?", (keep or 0,)).fetchone()[0]
    if last is None:
        return 0
    (base,) = db.execute("SELECT hash FROM ledger WHERE seq = ?", (last,)).fetchone()
    db.execute("DELETE FROM ledger WHERE seq <= ?", (last,))
    db.execute("UPDATE chain SET base = ?", (base,))
    return db.execute("DELETE FROM notices WHERE last_seq <= ?", (last,)).rowcount


def verify(db: sqlite3.Connection) -> list[str]:
    """What does not fit together, in words."""
    faults: list[str] = []
    before, head = db.execute("SELECT base, head FROM chain").fetchone()
    for seq, id, event, at_us, body, found in db.execute(
        "SELECT seq, id, event, at_us, body, hash FROM ledger ORDER BY seq"
    ):
        if found != row_hash(before, id, event, at_us, body):
            faults.append(f"row {seq} ({event} {id}) is not as it was written, or follows another")
        before = found
    if before != head:
        faults.append("the newest rows are missing")
    return faults + _misplaced(db)


def _misplaced(db: sqlite3.Connection) -> list[str]:
    """Notices that do not stand as the ledger says."""
    lost = db.execute("SELECT DISTINCT id FROM ledger WHERE id NOT IN (SELECT id FROM notices)")
    faults = [f"notice {id} is missing" for (id,) in lost]
    for id, group, kind, channel, us, text, planned_us, planned in db.execute(
        "SELECT n.id, group_key, kind, channel, planned_us, text, at_us, body"
        " FROM notices n JOIN ledger l ON l.seq = n.seq AND l.id = n.id"
    ):
        if planned_us != us or json.loads(planned) != [group, kind, channel, text]:
            faults.append(f"notice {id} is not what was planned")
    for id, status, answer, tries, event, body in db.execute(
        "SELECT n.id, status, answer, tries, event, body FROM notices n LEFT JOIN ledger l"
        " ON l.seq = (SELECT max(seq) FROM ledger WHERE id = n.id)"
    ):
        told = ["", "0"] if event in {"planned", None} else json.loads(body)
        if [status, answer, str(tries)] != [event, *told]:
            faults.append(f"notice {id} is told to be {status}, which the ledger does not say")
    return faults


def _append(db: sqlite3.Connection, id: str, event: Status, *, at_us: int, body: list[str]) -> int:
    text = json.dumps(body, ensure_ascii=False)
    (before,) = db.execute("SELECT head FROM chain").fetchone()
    head = row_hash(before, id, event, at_us, text)
    cursor = db.execute(
        "INSERT INTO ledger (id, event, at_us, body, hash) VALUES (?, ?, ?, ?, ?)",
        (id, event, at_us, text, head),
    )
    db.execute("UPDATE chain SET head = ?", (head,))
    return cursor.lastrowid or 0


def row_hash(before: str, id: str, event: str, at_us: int, body: str) -> str:
    """Of a row that follows one with the hash `before`."""
    return sha256(json.dumps([before, id, event, at_us, body]).encode()).hexdigest()


def _known(db: sqlite3.Connection, id: str) -> Row:
    found = _find(db, id)
    if found is None:
        raise NotFoundError(f"cannot settle notice {id!r}: there is none")
    return found


def _find(db: sqlite3.Connection, id: str) -> Row | None:
    text = f"SELECT {_ROW} FROM notices WHERE id = ?"  # noqa: S608 — our own words
    found = db.execute(text, (id,)).fetchone()
    return None if found is None else _row(found)


def _row(found: tuple[str, str, Kind, str, int, str, Status, int, str]) -> Row:
    id, group, kind, channel, us, text, status, tries, answer = found
    at = datetime.fromtimestamp(us / _US, UTC)
    return Row(id, group, kind, channel, at, text, status, tries, answer)


def _us(at: datetime) -> int:
    return round(at.timestamp() * _US)
