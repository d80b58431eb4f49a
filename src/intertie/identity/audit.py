"""The audit trail: who did what, in rows that nobody can change without it being noticed.

Each row holds the hash of the one before, so that a changed, removed or inserted row breaks the
chain. What no chain shows is a cut at its end: an `Anchor` that is kept elsewhere does.
"""

import json
import re
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Literal, Self, TypeVar

from anyio import CapacityLimiter, to_thread

from intertie.errors import StoreError
from intertie.store.wal import opened, transaction

Outcome = Literal["done", "refused"]
Detail = Mapping[str, str | int | bool | None]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS audit (
    seq INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL,
    via TEXT NOT NULL,
    address TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS audit_actor ON audit (actor, seq);
CREATE INDEX IF NOT EXISTS audit_target ON audit (target, seq);
CREATE TRIGGER IF NOT EXISTS audit_no_update BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER IF NOT EXISTS audit_no_delete BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
-- INSERT OR REPLACE deletes without asking the trigger above.
CREATE TRIGGER IF NOT EXISTS audit_at_end BEFORE INSERT ON audit
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM audit)
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
"""
_COLUMNS = "seq, at, actor, action, target, outcome, detail, via, address, previous, hash"
_FIRST = "0" * 64
_BUSY_TIMEOUT_S = 10.0
_MAX_TEXT = 1000
_MAX_DETAILS = 30
_BATCH = 1000
_KEY_TEXT = re.compile(r"(itk_[0-9A-Za-z]+_)[0-9A-Za-z]{20,}(_[0-9A-Za-z]+)?")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks for something, and from where."""

    name: str
    via: str = ""
    """The way it came: `cli`, `api`, `login`."""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row. `detail` is canonical JSON; `at` is ISO 8601 in UTC."""

    seq: int
    at: str
    actor: str
    action: str
    target: str
    outcome: str
    detail: str
    via: str
    address: str
    previous: str
    hash: str = ""

    def digest(self) -> str:
        """The hash it must have: SHA-256 of everything else in it as canonical JSON."""
        told = asdict(self)
        del told["hash"]
        return sha256(_canonical(told).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Broken:
    """The first row that is not what was written."""

    seq: int
    why: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """How long the chain is and where it ends; kept elsewhere, it shows that rows were cut off."""

    count: int
    head: str

    def __str__(self) -> str:
        return f"{self.count}:{self.head}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """From its text. Raises StoreError."""
        match = re.fullmatch(r"([0-9]{1,15}):([0-9a-f]{64})", text.strip())
        if match is None:
            raise StoreError("cannot read the anchor: expected <count>:<hash>")
        return cls(int(match[1]), match[2])


class Audit:
    """The trail on a SQLite file of its own, which several processes may write."""

    def __init__(self, connection: sqlite3.Connection, now: Callable[[], datetime]) -> None:
        self._connection = connection
        self._now = now
        self._one_at_a_time = CapacityLimiter(1)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, path: Path, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> AsyncIterator[Self]:
        """Open or create the file. Raises StoreError when that is impossible."""
        async with opened(path, _SCHEMA, "the audit trail") as connection:
            yield cls(connection, now)

    async def append(
        self,
        actor: Actor,
        action: str,
        *,
        target: str,
        outcome: Outcome = "done",
        detail: Detail | None = None,
    ) -> Entry:
        """Add a row at the end. API keys in its text are blotted out; long text is cut."""
        entry = Entry(
            seq=0,
            at=self._now().astimezone(UTC).isoformat(timespec="milliseconds"),
            actor=_clean(actor.name),
            action=_clean(action),
            target=_clean(target),
            outcome=outcome,
            detail=_detail(detail or {}),
            via=_clean(actor.via),
            address=_clean(actor.address),
            previous="",
        )
        return await self._call(partial(_append, self._connection, entry))

    async def page(
        self, *, limit: int = 50, before: int | None = None, actor: str = "", target: str = ""
    ) -> list[Entry]:
        """The newest rows first; `before` is the number of the last row of the page before."""
        wanted = {"actor": actor, "target": target}
        return await self._call(partial(_page, self._connection, limit, before, wanted))

    async def anchor(self) -> Anchor:
        """The chain as it ends now."""
        last = await self._call(partial(_last, self._connection))
        return Anchor(last.seq, last.hash) if last else Anchor(0, _FIRST)

    async def verify(self, anchor: Anchor | None = None) -> Broken | None:
        """The first row that was changed, removed or put in, if any; `anchor` from before."""
        return await self._call(partial(_verify, self._connection, anchor))

    async def export(self) -> AsyncIterator[str]:
        """Every row, oldest first, as a line of JSON."""
        after = 0
        while batch := await self._call(partial(_batch, self._connection, after)):
            for entry in batch:
                yield _canonical(asdict(entry))
            after = batch[-1].seq

    async def _call(self, work: Callable[[], T]) -> T:
        try:
            return await to_thread.run_sync(work, limiter=self._one_at_a_time)
        except sqlite3.Error as exc:
            raise StoreError(f"cannot use the audit trail: {exc}") from exc


def _append(connection: sqlite3.Connection, entry: Entry) -> Entry:
    with transaction(connection):
        last = _last(connection)
        seq, previous = (last.seq + 1, last.hash) if last else (1, _FIRST)
        chained = replace(entry, seq=seq, previous=previous)
        whole = replace(chained, hash=chained.digest())
        connection.execute(
            f"INSERT INTO audit ({_COLUMNS}) VALUES"  # noqa: S608
            " (:seq, :at, :actor, :action, :target, :outcome, :detail, :via, :address,"
            " :previous, :hash)",
            asdict(whole),
        )
    return whole


def _last(connection: sqlite3.Connection) -> Entry | None:
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM audit ORDER BY seq DESC LIMIT 1"  # noqa: S608
    ).fetchone()
    return Entry(*row) if row else None


def _batch(connection: sqlite3.Connection, after: int) -> list[Entry]:
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM audit WHERE seq > ? ORDER BY seq LIMIT ?",  # noqa: S608
        (after, _BATCH),
    )
    return [Entry(*row) for row in rows]


def _page(
    connection: sqlite3.Connection, limit: int, before: int | None, wanted: Mapping[str, str]
) -> list[Entry]:
    clauses, values = ["1"], list[str | int]()
    for column, value in wanted.items():
        if value:
            clauses.append(f"{column} = ?")
            values.append(value)
    if before is not None:
        clauses.append("seq < ?")
        values.append(before)
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM audit WHERE {' AND '.join(clauses)}"  # noqa: S608
        " ORDER BY seq DESC LIMIT ?",
        (*values, limit),
    )
    return [Entry(*row) for row in rows]


def _verify(connection: sqlite3.Connection, anchor: Anchor | None) -> Broken | None:
    seq, head = 0, _FIRST
    while batch := _batch(connection, seq):
        for entry in batch:
            if why := _fault(entry, seq, head):
                return Broken(seq + 1, why)
            seq, head = entry.seq, entry.hash
            if anchor and anchor.count == seq and anchor.head != head:
                return Broken(seq, "it is not the row of the anchor: the chain was made anew")
    if anchor and anchor.count > seq:
        return Broken(seq + 1, f"rows were cut off: the anchor counts {anchor.count}")
    return None


def _fault(entry: Entry, seq: int, head: str) -> str:
    if entry.seq != seq + 1:
        return "the row is missing"
    if entry.previous != head:
        return "it does not follow the row before"
    return "" if entry.hash == entry.digest() else "it was changed"


def _canonical(told: Mapping[str, object]) -> str:
    return json.dumps(told, sort_keys=True, separators=(",", ":"))


def _detail(detail: Detail) -> str:
    kept = list(detail.items())[:_MAX_DETAILS]
    return _canonical(
        {_clean(key): _clean(value) if isinstance(value, str) else value for key, value in kept}
    )


def _clean(text: str) -> str:
    # Half a surrogate pair cannot be written to the file.
    sound = text.encode("utf-8", "replace").decode()
    return _KEY_TEXT.sub(r"\1****", sound)[:_MAX_TEXT]
