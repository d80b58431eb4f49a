"""What alerting must not forget, on one SQLite file: states, silences, acknowledgements, notices.

A notice is written down before it is sent, in the transaction that also moves its group on. So a
crash leaves it either not planned, and it is planned again, or waiting to be sent under its id.
"""

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

from anyio import CapacityLimiter, to_thread
from pydantic import TypeAdapter, ValidationError

from intertie.errors import ConflictError, IntertieError, NotFoundError, StoreError
from intertie.monitor import ledger
from intertie.monitor.escalation import Ack
from intertie.monitor.flap import Flap
from intertie.monitor.ledger import Outcome, Row
from intertie.monitor.notices import Episode, Notice, Plan, State
from intertie.monitor.proof import Proof, rows_of
from intertie.monitor.silences import check
from intertie.monitor.stages import Alert, Silence
from intertie.store.wal import opened, transaction

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS version (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    number INTEGER NOT NULL
);
INSERT INTO version VALUES (1, 0) ON CONFLICT DO NOTHING;
"""
_PUT = """
INSERT INTO entries (kind, key, body) VALUES (?, ?, ?)
ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body WHERE body != excluded.body
"""

_RULE = "rule"
_ALERT = "alert"
_EPISODE = "episode"
_FLAP = "flap"
_ACK = "ack"
_ACKED = "acked"
"""All of them, also those that others came after; the key begins with the moment."""
_SILENCE = "silence"
_ALERTS = TypeAdapter(Alert)
_EPISODES = TypeAdapter(Episode)
_FLAPS = TypeAdapter(Flap)
_ACKS = TypeAdapter(Ack)
_SILENCES = TypeAdapter(Silence)

T = TypeVar("T")
Render = Callable[[Notice, str], str]
"""Notice and channel become what is sent, kept with the notice."""


class AlertDesk:
    """The state of alerting on a file. One connection, one thread at a time, off the event loop.

    Any number of processes may open it; of two that plan at once one gets a ConflictError, looks at
    the state again, and plans anew. Each method raises StoreError when the file cannot be used.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._one_at_a_time = CapacityLimiter(1)

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path | None) -> AsyncIterator[Self]:
        """Open or create the file, for its owner only; None: in memory."""
        async with opened(path, _SCHEMA + ledger.SCHEMA, "alert desk") as connection:
            yield cls(connection)

    async def save(self, rules: Mapping[str, str], alerts: Sequence[Alert]) -> None:
        """Keep what one evaluation gave, all of it or nothing: states by rule, and active alerts.

        What is not there any more is forgotten.
        """
        told = {each.fingerprint: _json(_ALERTS, each) for each in alerts}
        await self._write(partial(_replace_all, kept={_RULE: rules, _ALERT: told}))

    async def rules(self) -> dict[str, str]:
        """What was saved of each rule."""
        return await self._read(lambda db: _all(db, _RULE))

    async def active(self) -> list[Alert]:
        """The alerts saved last."""
        found = await self._read(lambda db: _all(db, _ALERT))
        return [_parsed(_ALERTS, each) for each in found.values()]

    async def state(self) -> State:
        """What the next plan is to be made from."""
        return await self._read(_state)

    async def plan(self, plan: Plan, render: Render) -> list[Row]:
        """Keep a plan: a row for each notice and channel, and the state after it. The new rows.

        Raises ConflictError when it was not made from the newest state.
        """
        rows = [
            Row(
                id=f"{each.id}:{channel}",
                group=each.group,
                kind=each.kind,
                channel=channel,
                planned_at=each.due_at,
                text=render(each, channel),
            )
            for each in plan.notices
            for channel in each.channels
        ]
        return await self._write(partial(_keep_plan, plan=plan, rows=rows))

    async def unsent(self, most: int = 1000) -> list[Row]:
        """Those to be sent, or to be sent again, oldest first."""
        return await self._read(lambda db: ledger.unsent(db, most))

    async def settle(
        self, id: str, outcome: Outcome, *, at: datetime, answer: str = "", tries: int = 1
    ) -> bool:
        """Keep how sending went. False: it was sent or given up before, and nothing changes.

        Raises NotFoundError.
        """
        entry = partial(ledger.settle, id=id, outcome=outcome, at=at, answer=answer, tries=tries)
        return await self._write(entry)

    async def hand_over(self, id: str, channel: str, *, at: datetime) -> Row | None:
        """Plan a notice that its own channel did not take for another; None: it was before.

        Raises NotFoundError.
        """
        return await self._write(partial(ledger.hand_over, id=id, channel=channel, at=at))

    async def notices(
        self, *, group: str | None = None, most: int = 100, tenant: str = ""
    ) -> list[Row]:
        """The newest first. Tenant `""` sees those of every tenant."""
        return await self._read(lambda db: ledger.newest(db, group, most=most, tenant=tenant))

    async def proof(self, id: str) -> Proof:
        """Rows of the ledger that prove a notice. Raises NotFoundError, IntertieError."""
        return await self._read(partial(rows_of, id=id))

    async def verify(self) -> list[str]:
        """What is wrong with the ledger, in words; nothing: it is as it was written."""
        return await self._read(ledger.verify)

    async def purge(self, now: datetime, keep: timedelta) -> int:
        """Forget settled notices, silences and acknowledgements older than that; how many notices.

        The oldest go first: nothing goes that came after a notice which still waits.
        """
        return await self._write(lambda db: _purge(db, now - keep))

    async def silence(self, silence: Silence) -> None:
        """Keep it. Raises ConflictError when its id is taken, and as `silences.check` does."""
        check(silence)
        body = _json(_SILENCES, silence)
        if not await self._write(lambda db: _add(db, _SILENCE, silence.id, body)):
            raise ConflictError(f"cannot add silence {silence.id!r}: there is one with that id")

    async def expire(self, tenant: str, id: str, now: datetime) -> Silence:
        """End a silence now. Tenant `""` may end any. Raises NotFoundError."""
        return await self._write(partial(_expire, tenant=tenant, id=id, now=now))

    async def silences(self, tenant: str, now: datetime | None = None) -> list[Silence]:
        """Those that have not ended by then, None: all; the first to end first.

        Tenant `""` sees those of every tenant.
        """
        found = await self._read(lambda db: _all(db, _SILENCE))
        all_ = (_parsed(_SILENCES, each) for each in found.values())
        mine = [each for each in all_ if tenant in {"", each.tenant}]
        open_ = [each for each in mine if now is None or each.ends_at > now]
        return sorted(open_, key=lambda each: (each.ends_at, each.id))

    async def acknowledge(self, group: str, ack: Ack) -> None:
        """Keep that somebody looks after a group, in place of what was said before.

        Raises NotFoundError when nothing fires there, IntertieError without a name or when it ends
        before it begins.
        """
        if not ack.who.strip():
            raise IntertieError("cannot acknowledge: somebody's name is needed")
        if ack.until is not None and ack.until <= ack.at:
            raise IntertieError("cannot acknowledge: it ends before it begins")
        await self._write(partial(_acknowledge, group=group, ack=ack))

    async def acknowledged(self) -> list[tuple[str, Ack]]:
        """Groups, and who said that he looks after them; oldest first."""
        found = await self._read(lambda db: _all(db, _ACKED))
        return [(key.partition(" ")[2], _parsed(_ACKS, body)) for key, body in found.items()]

    async def unacknowledge(self, group: str, now: datetime) -> None:
        """End an acknowledgement now. Raises NotFoundError."""
        await self._write(partial(_unacknowledge, group=group, now=now))

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await self._do("BEGIN", work)

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await self._do("BEGIN IMMEDIATE", work)

    async def _do(self, begin: str, work: Callable[[sqlite3.Connection], T]) -> T:
        whole = partial(_transact, self._connection, begin, work)
        try:
            return await to_thread.run_sync(whole, limiter=self._one_at_a_time)
        except sqlite3.Error as exc:
            raise StoreError(f"cannot use the alert desk: {exc}") from exc


def _transact(
    connection: sqlite3.Connection, begin: str, work: Callable[[sqlite3.Connection], T]
) -> T:
    with transaction(connection, begin):
        return work(connection)


def _state(db: sqlite3.Connection) -> State:
    silences = (_parsed(_SILENCES, each) for each in _all(db, _SILENCE).values())
    return State(
        version=_version(db),
        episodes={key: _parsed(_EPISODES, each) for key, each in _all(db, _EPISODE).items()},
        flaps={key: _parsed(_FLAPS, each) for key, each in _all(db, _FLAP).items()},
        silences=tuple(silences),
        acks={key: _parsed(_ACKS, each) for key, each in _all(db, _ACK).items()},
    )


def _version(db: sqlite3.Connection) -> int:
    (found,) = db.execute("SELECT number FROM version").fetchone()
    return int(found)


def _keep_plan(db: sqlite3.Connection, *, plan: Plan, rows: Sequence[Row]) -> list[Row]:
    after = plan.after
    if _version(db) != after.version:
        raise ConflictError("cannot keep the plan of notices: another one was kept since")
    before = db.total_changes
    episodes = {key: _json(_EPISODES, each) for key, each in after.episodes.items()}
    flaps = {key: _json(_FLAPS, each) for key, each in after.flaps.items()}
    _replace_all(db, kept={_EPISODE: episodes, _FLAP: flaps})
    fresh = [each for each in rows if ledger.plan(db, each)]
    # Most rounds change nothing, and then nothing is written.
    if db.total_changes != before:
        db.execute("UPDATE version SET number = number + 1")
    return fresh


def _purge(db: sqlite3.Connection, limit: datetime) -> int:
    for key, body in _all(db, _SILENCE).items():
        if _parsed(_SILENCES, body).ends_at < limit:
            _remove(db, _SILENCE, [key])
    episodes = _all(db, _EPISODE)
    for key, body in _all(db, _ACK).items():
        if key not in episodes and _parsed(_ACKS, body).at < limit:
            _remove(db, _ACK, [key])
    for key, body in _all(db, _ACKED).items():
        if _parsed(_ACKS, body).at < limit:
            _remove(db, _ACKED, [key])
    return ledger.purge(db, limit)


def _expire(db: sqlite3.Connection, *, tenant: str, id: str, now: datetime) -> Silence:
    body = _one(db, _SILENCE, id)
    found = _parsed(_SILENCES, body) if body is not None else None
    if found is None or tenant not in {"", found.tenant}:
        raise NotFoundError(f"cannot end silence {id!r}: there is none")
    if found.ends_at <= now:
        return found
    ended = replace(found, starts_at=min(found.starts_at, now), ends_at=now)
    db.execute(_PUT, (_SILENCE, id, _json(_SILENCES, ended)))
    return ended


def _acknowledge(db: sqlite3.Connection, *, group: str, ack: Ack) -> None:
    if _one(db, _EPISODE, group) is None:
        raise NotFoundError(f"cannot acknowledge {group}: nothing is told of such a group")
    body = _json(_ACKS, ack)
    db.execute(_PUT, (_ACK, group, body))
    db.execute(_PUT, (_ACKED, f"{ack.at.isoformat()} {group}", body))


def _unacknowledge(db: sqlite3.Connection, *, group: str, now: datetime) -> None:
    body = _one(db, _ACK, group)
    if body is None:
        raise NotFoundError(f"cannot end the acknowledgement of {group}: there is none")
    ack = _parsed(_ACKS, body)
    if ack.until is None or ack.until > now:
        db.execute(_PUT, (_ACK, group, _json(_ACKS, replace(ack, until=now))))


def _all(db: sqlite3.Connection, kind: str) -> dict[str, str]:
    return dict(db.execute("SELECT key, body FROM entries WHERE kind = ? ORDER BY key", (kind,)))


def _one(db: sqlite3.Connection, kind: str, key: str) -> str | None:
    text = "SELECT body FROM entries WHERE kind = ? AND key = ?"
    row = db.execute(text, (kind, key)).fetchone()
    return None if row is None else str(row[0])


def _add(db: sqlite3.Connection, kind: str, key: str, body: str) -> bool:
    text = "INSERT INTO entries (kind, key, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
    return db.execute(text, (kind, key, body)).rowcount > 0


def _replace_all(db: sqlite3.Connection, *, kept: Mapping[str, Mapping[str, str]]) -> None:
    for kind, bodies in kept.items():
        _replace(db, kind, bodies)


def _replace(db: sqlite3.Connection, kind: str, bodies: Mapping[str, str]) -> None:
    gone = [key for key in _all(db, kind) if key not in bodies]
    _remove(db, kind, gone)
    db.executemany(_PUT, [(kind, key, body) for key, body in bodies.items()])


def _remove(db: sqlite3.Connection, kind: str, keys: Iterable[str]) -> None:
    text = "DELETE FROM entries WHERE kind = ? AND key = ?"
    db.executemany(text, [(kind, key) for key in keys])


def _json(adapter: TypeAdapter[T], value: T) -> str:
    return adapter.dump_json(value).decode()


def _parsed(adapter: TypeAdapter[T], body: str) -> T:
    try:
        return adapter.validate_json(body)
    except ValidationError as exc:
        raise StoreError(f"cannot read the alert desk: {exc}") from exc
