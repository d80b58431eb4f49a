"""Cascade: when a service comes back, those that depend on it do what they declared."""

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from anyio import create_task_group
from anyio.abc import TaskStatus

from intertie.errors import IntertieError
from intertie.event import Event, ServiceStarted, ServiceStopped
from intertie.plan import Step
from intertie.runtime.change import Changes, Progress
from intertie.runtime.component import Health, Status
from intertie.runtime.hub import EventHub
from intertie.runtime.supervisor import Supervisor

log = logging.getLogger(__name__)

ACTOR = "cascade"
Reaction = Literal["restart", "hold", "reload"]


class Cascade:
    """A component that turns the ends and returns of services into changes of their dependents.

    A dependent that was started after its dependency came back is left alone, so that whoever
    restarts both restarts each once.
    """

    def __init__(self, supervisor: Supervisor, changes: Changes, hub: EventHub) -> None:
        self._supervisor = supervisor
        self._changes = changes
        self._hub = hub
        self._gone: set[str] = set()
        self._is_running = False

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """See Component."""
        async with create_task_group() as group:
            task_status.started()
            self._is_running = True
            while True:  # again, when so much happened at once that we were cut off
                async with self._hub.subscribe() as events:
                    async for event in events:
                        for name, reaction in self._reactions(event):
                            group.start_soon(self._react, event.subject, name, reaction)

    def health(self) -> Health:
        """See Component."""
        return Health(Status.UP if self._is_running else Status.DOWN)

    def _reactions(self, event: Event) -> Iterator[tuple[str, Reaction]]:
        """What must be done now, by the name of the dependent."""
        name = event.subject
        if event.type == ServiceStopped.type and name not in self._gone:
            self._gone.add(name)
            if not event.data["wanted"]:
                yield from self._dependents(name, {"hold"})
        elif (
            event.type == ServiceStarted.type
            and name in self._gone
            and self._supervisor.meets(name, "service_started")
        ):
            self._gone.discard(name)
            yield from self._dependents(name, {"restart", "reload"})

    def _dependents(self, name: str, wanted: set[str]) -> Iterator[tuple[str, Reaction]]:
        for other, status in self._supervisor.snapshot().services.items():
            need = status.spec.depends_on.get(name)
            if need is not None and need.on_restart != "ignore" and need.on_restart in wanted:
                yield other, need.on_restart

    async def _react(self, cause: str, name: str, reaction: Reaction) -> None:
        returned_at = None if reaction == "hold" else self._ready_at(cause)
        await self._supervisor.until_idle(name)
        if not self._is_affected(name, returned_at):
            return
        why = f"{cause} ended" if reaction == "hold" else f"{cause} came back"
        step = Step("reload" if reaction == "reload" else "restart", name, (why,))

        async def work(progress: Progress) -> None:
            await self._do(reaction, name, progress)

        try:
            title = f"{step.action} {name}: {why}"
            await self._changes.begin(title, work, actor=ACTOR, steps=[step])
        except IntertieError as exc:
            log.warning("dependent not told", extra={"service": name, "why": str(exc)})

    async def _do(self, reaction: Reaction, name: str, progress: Progress) -> None:
        if reaction == "hold":
            await self._supervisor.hold(name, progress)
            return
        await self._supervisor.until_met(name)
        if reaction == "restart":
            await self._supervisor.restart([name], progress)
        else:
            await self._supervisor.reload([name], progress)

    def _ready_at(self, name: str) -> datetime | None:
        standings = self._supervisor.standings().get(name, ())
        return max((s.timing.ready_at for s in standings if s.timing.ready_at), default=None)

    def _is_affected(self, name: str, returned_at: datetime | None) -> bool:
        """Whether it runs, and did so before its dependency came back."""
        standings = self._supervisor.standings().get(name, ())
        spawned = [s.timing.spawned_at for s in standings if s.pid is not None]
        return any(at is not None and (returned_at is None or at < returned_at) for at in spawned)
