"""Every run of every task, durable, and shared by as many processes as open the file.

A run is named by its task and the time it was due, and there can be only one row of that name:
that no run is begun twice is the schema's doing. Whoever runs it holds a lease on the row; every
change of the row names the owner and the attempt, so that one who lost his lease changes nothing.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Literal, Self

from intertie.automation import rows
from intertie.automation.record import OUTPUT_BYTES, Outcome, Run, RunId, Status, Trigger
from intertie.errors import NotFoundError
from intertie.store.wal import Transactions, opened

Overlap = Literal["skip", "queue", "replace", "allow", "line"]
"""As a task's timing has it; `line` is a queue without end, for runs that were missed."""
REPLACED = rows.REPLACED
"""Why a run was cancelled."""
KEPT_RUNS = 1000
"""Of each task, the newest."""
_MOST_ROWS = 200


class Mark(Enum):
    """What a heartbeat learns."""

    HELD = "held"
    CANCEL = "cancel"
    """Somebody wants the run to end."""
    LOST = "lost"
    """The run is not ours any more: another process took it that we had died."""


@dataclass(frozen=True, slots=True)
class Beat:
    """What a heartbeat learned; `why` the run is to end."""

    mark: Mark
    why: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Some runs of a task, the newest first."""

    runs: Sequence[Run]
    total: int


@dataclass(frozen=True, slots=True)
class OpenEnds:
    """Runs whose process has died, see `retake` and `give_up`; tasks of which a run waits."""

    expired: Sequence[Run]
    queued: Sequence[str]


@dataclass(frozen=True, slots=True)
class TaskState:
    """What is known of a task; `last_seen_at` is up to when its due times were seen to."""

    name: str
    schedule: str
    last_seen_at: datetime
    paused: bool


class RunLedger:
    """Runs and their tasks. What a call has returned is durable. All of it raises StoreError."""

    def __init__(self, transactions: Transactions, owner: str) -> None:
        self._file = transactions
        self.owner = owner

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path | None, *, owner: str) -> AsyncIterator[Self]:
        """Open or create the file; None keeps all of it in memory, to try things out.

        `owner` names this process for certain: never twice, also not on another machine.
        """
        async with opened(path, rows.SCHEMA, "run ledger") as connection:
            file = Transactions(connection, "the run ledger")
            await file.do(rows.renew)
            yield cls(file, owner)

    async def meet(self, tasks: Mapping[str, str], now: datetime) -> Sequence[TaskState]:
        """Remember tasks, by name with their schedule as text, and say what is known of them.

        One that is new, or has a new schedule, is seen to up to now: nothing was missed.
        """
        args = [(name, schedule, rows.ms(now)) for name, schedule in tasks.items()]
        return [_task(row) for row in await self._file.do(lambda db: rows.meet(db, args))]

    async def seen(self, task: str, at: datetime) -> None:
        """Every run due up to this time is in the ledger, or not wanted."""
        text = "UPDATE task SET last_seen_ms = ? WHERE name = ?"
        await self._file.do(lambda db: db.execute(text, (rows.ms(at), task)))

    async def claim(
        self,
        task: str,
        scheduled_at: datetime,
        *,
        lease_s: float,
        now: datetime,
        overlap: Overlap = "skip",
        trace: str = "",
    ) -> Run | None:
        """The run, if no process has claimed it before: RUNNING and ours, attempt 1.

        While another run of the task goes on it is as `overlap` says: SKIPPED, or QUEUED until
        `next_queued` gives it out. `trace` is the span that it is to be, as a traceparent.
        """
        lease = rows.Lease(self.owner, rows.ms(now), rows.span_ms(lease_s), trace)
        name = rows.Name(task, rows.ms(scheduled_at), "schedule")
        row = await self._file.do(lambda db: rows.claim(db, name, lease, overlap))
        return None if row is None else _run(row)

    async def claim_manual(
        self,
        task: str,
        *,
        lease_s: float,
        now: datetime,
        overlap: Overlap = "skip",
        trace: str = "",
    ) -> Run:
        """A run of its own, due now; see `claim`."""
        lease = rows.Lease(self.owner, rows.ms(now), rows.span_ms(lease_s), trace)
        return _run(await self._file.do(lambda db: rows.claim_manual(db, task, lease, overlap)))

    async def record_skipped(self, task: str, scheduled_at: datetime, why: str) -> Run | None:
        """Say that it was due and will not run; None when it is in the ledger already."""
        name = rows.Name(task, rows.ms(scheduled_at), "schedule")
        row = await self._file.do(lambda db: rows.skip(db, name, why))
        return None if row is None else _run(row)

    async def next_queued(self, task: str, *, lease_s: float, now: datetime) -> Run | None:
        """The oldest queued run, now RUNNING and ours, if no other run of the task goes on."""
        lease = rows.Lease(self.owner, rows.ms(now), rows.span_ms(lease_s))
        row = await self._file.do(lambda db: rows.next_queued(db, task, lease))
        return None if row is None else _run(row)

    async def open_ends(self, now: datetime) -> OpenEnds:
        """What a process may have to see to. Nothing changes."""
        expired, queued = await self._file.do(lambda db: rows.open_ends(db, rows.ms(now)))
        return OpenEnds([_run(row) for row in expired], queued)

    async def retake(self, run: Run, *, lease_s: float, now: datetime) -> Run | None:
        """An expired run, ours with the next attempt; None when somebody else was first."""
        lease = rows.Lease(self.owner, rows.ms(now), rows.span_ms(lease_s))
        row = await self._file.do(lambda db: rows.retake(db, _key(run), lease))
        return None if row is None else _run(row)

    async def give_up(self, run: Run, now: datetime, why: str) -> Run | None:
        """An expired run, now CRASHED for good, or CANCELLED where that was asked.

        None when somebody else was first.
        """
        row = await self._file.do(lambda db: rows.give_up(db, _key(run), rows.ms(now), why))
        return None if row is None else _run(row)

    async def again(self, run: Run, *, lease_s: float, now: datetime) -> Run | None:
        """Our run with its next attempt; None when it is not ours any more."""
        lease = rows.Lease(self.owner, rows.ms(now), rows.span_ms(lease_s))
        row = await self._file.do(lambda db: rows.again(db, _key(run), lease))
        return None if row is None else _run(row)

    async def beat(self, run: Run, *, lease_s: float, now: datetime) -> Beat:
        """Hold our run for so much longer."""
        lease = rows.Lease(self.owner, rows.ms(now), rows.span_ms(lease_s))
        row = await self._file.do(lambda db: rows.beat(db, _key(run), lease))
        if row is None:
            return Beat(Mark.LOST)
        why = str(row[0])
        return Beat(Mark.CANCEL, why) if why else Beat(Mark.HELD)

    async def release(self, run: Run) -> None:
        """Let others, or us after a restart, take our run for crashed at once."""
        await self._file.do(lambda db: rows.release(db, _key(run)))

    async def finish(self, run: Run, status: Status, outcome: Outcome, now: datetime) -> Run | None:
        """Our run is over; None when it is not ours any more. Forgets the oldest of the task."""
        end = rows.End(
            status.value,
            rows.ms(now),
            outcome.exit,
            outcome.output[-OUTPUT_BYTES:],
            outcome.error,
            outcome.change,
        )
        row = await self._file.do(lambda db: rows.finish(db, _key(run), end, KEPT_RUNS))
        return None if row is None else _run(row)

    async def cancel(self, task: str, now: datetime, why: str) -> Sequence[Run]:
        """End what waits, and ask for the end of what runs; all of those, as they were."""
        found = await self._file.do(lambda db: rows.cancel(db, task, rows.ms(now), why))
        return [_run(row) for row in found]

    async def pause(self, task: str, *, paused: bool) -> None:
        """Whether it runs by itself. Raises NotFoundError for a task never met."""
        text = "UPDATE task SET paused = ? WHERE name = ?"
        count = await self._file.do(lambda db: db.execute(text, (paused, task)).rowcount)
        if not count:
            raise NotFoundError(f"cannot find task {task!r}: no task of that name was ever begun")

    async def tasks(self) -> Sequence[TaskState]:
        """All that were met, by name."""
        text = "SELECT name, schedule, last_seen_ms, paused FROM task ORDER BY name"
        found = await self._file.do(lambda db: db.execute(text).fetchall())
        return [_task(row) for row in found]

    async def history(self, task: str, *, page: int = 1, limit: int = 50) -> Page:
        """Runs of a task, the newest first; `page` from 1."""
        most = max(1, min(limit, _MOST_ROWS))
        start = (max(page, 1) - 1) * most
        found, total = await self._file.do(lambda db: rows.history(db, task, start, most))
        return Page([_run(row) for row in found], total)

    async def get(self, run: RunId) -> Run:
        """One run. Raises NotFoundError."""
        row = await self._file.do(lambda db: rows.get(db, run))
        if row is None:
            raise NotFoundError(f"cannot find run {run}: there is none, or it was forgotten")
        return _run(row)


def _key(run: Run) -> rows.Key:
    return rows.Key(run.id, run.attempt, run.owner)


def _task(row: rows.TaskRow) -> TaskState:
    return TaskState(row[0], row[1], rows.at(row[2]), bool(row[3]))


def _run(row: rows.Row) -> Run:
    trigger: Trigger = "manual" if row[3] == "manual" else "schedule"
    return Run(
        id=RunId(row[0]),
        task=row[1],
        scheduled_at=rows.at(row[2]),
        trigger=trigger,
        status=Status(row[4]),
        attempt=row[5],
        owner=row[6],
        lease_until=_maybe(row[7]),
        began_at=_maybe(row[8]),
        ended_at=_maybe(row[9]),
        exit=row[10],
        output=row[11],
        error=row[12],
        change=row[13],
        cancel=row[14],
        trace=row[15],
    )


def _maybe(ms: int | None) -> datetime | None:
    return None if ms is None else rows.at(ms)
