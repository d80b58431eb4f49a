"""Change: one action on the suite, stored from its beginning, with an id to follow it by."""

import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from anyio import (
    CancelScope,
    Event,
    create_task_group,
    get_cancelled_exc_class,
    move_on_after,
    sleep,
    sleep_forever,
)
from anyio.abc import TaskGroup, TaskStatus
from pydantic import BaseModel

from intertie.errors import ChangeError, ConflictError, IntertieError, StoreError
from intertie.event import ChangeProgressed
from intertie.plan import Action, Step
from intertie.runtime.component import Health, Status
from intertie.runtime.hub import EventHub
from intertie.store import Records
from intertie.trace_context import Piece, TraceContext, Tracer, use

log = logging.getLogger(__name__)

COLLECTION = "changes"
_SAVE_EVERY_S = 0.2
_LAST_SAVE_S = 5.0
_ENDED = "the daemon ended"

ChangeStatus = Literal["doing", "done", "failed", "aborted"]
StepStatus = Literal["todo", "doing", "done", "failed"]


class StepRecord(BaseModel):
    """How one step of a change stands."""

    action: Action
    service: str
    why: tuple[str, ...] = ()
    status: StepStatus = "todo"
    error: str | None = None
    began_at: datetime | None = None
    ended_at: datetime | None = None


class Change(BaseModel):
    """What was asked for, by whom, and how it stands."""

    id: str
    title: str
    """For a person, for example `restart api`."""
    actor: str
    status: ChangeStatus = "doing"
    steps: tuple[StepRecord, ...] = ()
    error: str | None = None
    began_at: datetime
    ended_at: datetime | None = None
    trace_id: str = ""
    """Of its log lines and spans: that of the request that asked for it, if one did."""


@dataclass(frozen=True, slots=True)
class ChangePage:
    """Some changes, newest first, and how many there are in all."""

    items: tuple[Change, ...]
    total: int


class Progress(Protocol):
    """Told by the one who does a change how its steps go; returns at once."""

    def __call__(self, step: Step, status: StepStatus, error: str | None = None) -> None:
        """Step `step` is now `status`; a step not seen before is added."""
        ...


Work = Callable[[Progress], Awaitable[None]]


@dataclass(slots=True)
class _Doing:
    change: Change
    trace: TraceContext
    scope: CancelScope = field(default_factory=CancelScope)
    over: Event = field(default_factory=Event)
    touched: Event = field(default_factory=Event)
    aborted_by: str | None = None


class Changes:
    """A component that does changes, each in a task of its own, and remembers them all.

    Steps are saved a few times a second, off the path of the work; the beginning and the end of a
    change are durable before anybody hears of them.
    """

    def __init__(
        self,
        records: Records,
        hub: EventHub,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], str] = lambda: secrets.token_hex(6),
        tracer: Tracer | None = None,
    ) -> None:
        self._records = records
        self._hub = hub
        self._now = now
        self._new_id = new_id
        self._tracer = tracer or Tracer()
        self._doing: dict[str, _Doing] = {}
        self._group: TaskGroup | None = None

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """See Component. Begins by closing the changes a dead daemon left unfinished.

        When cancelled, changes still being done are aborted.
        """
        await self._close_unfinished()
        async with create_task_group() as group:
            self._group = group
            try:
                task_status.started()
                await sleep_forever()
            finally:
                self._group = None

    def health(self) -> Health:
        """See Component."""
        return Health(Status.UP if self._group else Status.DOWN)

    async def begin(
        self, title: str, work: Work, *, actor: str, steps: Sequence[Step] = ()
    ) -> Change:
        """Store the change, start doing it, and return at once.

        `work` gets a Progress; what it raises becomes the change's error. `steps` lists those
        already known. Raises ChangeError when the daemon is ending.
        """
        trace = self._tracer.child()
        change = Change(
            id=self._new_id(),
            title=title,
            actor=actor,
            steps=tuple(StepRecord(action=s.action, service=s.service, why=s.why) for s in steps),
            began_at=self._now(),
            trace_id=trace.trace_text,
        )
        await self._records.put(COLLECTION, change.id, change.model_dump(mode="json"), expect=0)
        if self._group is None:
            await self._save(_ended(change, "aborted", _ENDED, self._now()))
            raise ChangeError(f"cannot {title}: the daemon is ending")
        doing = _Doing(change, trace)
        self._doing[change.id] = doing
        with use(trace):
            log.info("change began", extra={"change": change.id, "title": title, "actor": actor})
            self._tell(change, "")
            self._group.start_soon(self._do, doing, work)
        return change

    async def wait(self, id: str) -> Change:
        """The change once it is no longer being done. Raises NotFoundError."""
        doing = self._doing.get(id)
        if doing is not None:
            await doing.over.wait()
            return doing.change
        return await self.get(id)

    async def abort(self, id: str, *, actor: str) -> Change:
        """End it as soon as possible; what was done stays done. Waits for the end.

        Raises NotFoundError, or ConflictError when it had ended already.
        """
        doing = self._doing.get(id)
        if doing is None:
            change = await self.get(id)
            raise ConflictError(f"cannot abort change {id}: it is {change.status} already")
        doing.aborted_by = actor
        doing.scope.cancel()
        return await self.wait(id)

    async def get(self, id: str) -> Change:
        """The change as it is now. Raises NotFoundError."""
        doing = self._doing.get(id)
        if doing is not None:
            return doing.change
        record = await self._records.get(COLLECTION, id)
        return Change.model_validate(record.document)

    async def list(self, *, page: int = 1, limit: int = 20) -> ChangePage:
        """Changes, newest first; `page` is 1-based."""
        found = await self._records.find(COLLECTION, limit=limit, offset=(page - 1) * limit)
        stored = (Change.model_validate(record.document) for record in found.items)
        current = tuple(self._doing[c.id].change if c.id in self._doing else c for c in stored)
        return ChangePage(current, found.total)

    async def _do(self, doing: _Doing, work: Work) -> None:
        status: ChangeStatus = "aborted"
        error: str | None = _ENDED
        with self._traced(doing) as piece:
            try:
                async with create_task_group() as group:
                    group.start_soon(self._keep_saved, doing)
                    status, error = await self._outcome(doing, work)
                    group.cancel_scope.cancel()
            finally:
                await self._finish(doing, status, error)
                piece.failed = error

    def _traced(self, doing: _Doing) -> AbstractContextManager[Piece]:
        change = doing.change
        fields = {"intertie.change": change.id, "intertie.actor": change.actor}
        name = f"change: {change.title.partition(' ')[0].rstrip(':')}"
        return self._tracer.within(doing.trace, name, fields=fields)

    async def _outcome(self, doing: _Doing, work: Work) -> tuple[ChangeStatus, str | None]:
        def progress(step: Step, status: StepStatus, error: str | None = None) -> None:
            self._advance(
                doing,
                StepRecord(
                    action=step.action,
                    service=step.service,
                    why=step.why,
                    status=status,
                    error=error,
                ),
            )

        try:
            with doing.scope:
                await work(progress)
        except IntertieError as exc:
            return "failed", str(exc)
        except get_cancelled_exc_class():
            raise
        except Exception:  # a fault of ours must not take the daemon down
            log.exception("change failed by a fault", extra={"change": doing.change.id})
            return "failed", "an internal fault; see the daemon's log"
        if doing.scope.cancelled_caught:
            return "aborted", f"aborted by {doing.aborted_by}"
        return "done", None

    def _advance(self, doing: _Doing, step: StepRecord) -> None:
        at = self._now()
        steps = list(doing.change.steps)
        place = _place(steps, step)
        began_at = at if place is None else steps[place].began_at or at
        over = step.status in {"done", "failed"}
        step = step.model_copy(
            update={"began_at": began_at, "ended_at": at if over else None},
        )
        if place is None:
            steps.append(step)
        else:
            steps[place] = step
        if over:
            self._trace_step(doing, step)
        doing.change = doing.change.model_copy(update={"steps": tuple(steps)})
        doing.touched.set()
        self._tell(doing.change, f"{step.action} {step.service} {step.status}", step.error)

    def _trace_step(self, doing: _Doing, step: StepRecord) -> None:
        fields = {"intertie.service": step.service, "intertie.change": doing.change.id}
        piece = Piece(self._tracer.child(doing.trace), f"step: {step.action}", fields=dict(fields))
        if step.began_at is not None:
            piece.start_ns = round(step.began_at.timestamp() * 1e6) * 1000
        piece.failed = step.error
        self._tracer.end(piece)

    async def _keep_saved(self, doing: _Doing) -> None:
        while True:
            await doing.touched.wait()
            doing.touched = Event()
            with suppress(StoreError):  # the end of the change is saved again, and reported
                await self._save(doing.change)
            await sleep(_SAVE_EVERY_S)

    async def _finish(self, doing: _Doing, status: ChangeStatus, error: str | None) -> None:
        doing.change = _ended(doing.change, status, error, self._now())
        try:
            with move_on_after(_LAST_SAVE_S, shield=True):
                await self._save(doing.change)
        except StoreError as exc:
            log.error("change cannot be saved", extra={"change": doing.change.id, "why": str(exc)})
        finally:
            del self._doing[doing.change.id]
            doing.over.set()
            self._tell(doing.change, "", error)
            fields = {"change": doing.change.id, "status": status, "error": error}
            log.info("change ended", extra=fields)

    async def _save(self, change: Change) -> None:
        await self._records.put(COLLECTION, change.id, change.model_dump(mode="json"))

    async def _close_unfinished(self) -> None:
        while True:
            left = await self._records.find(COLLECTION, {"status": "doing"}, limit=100)
            for record in left.items:
                change = Change.model_validate(record.document)
                await self._save(_ended(change, "aborted", _ENDED, self._now()))
            if not left.items:
                return

    def _tell(self, change: Change, step: str, error: str | None = None) -> None:
        payload = ChangeProgressed(change=change.id, status=change.status, step=step, error=error)
        self._hub.publish(payload, change.id)


def _place(steps: Sequence[StepRecord], step: StepRecord) -> int | None:
    same = [i for i, s in enumerate(steps) if (s.action, s.service) == (step.action, step.service)]
    return same[0] if same else None


def _ended(change: Change, status: ChangeStatus, error: str | None, at: datetime) -> Change:
    return change.model_copy(update={"status": status, "error": error, "ended_at": at})
