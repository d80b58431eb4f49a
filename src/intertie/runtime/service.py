"""One service: all its replicas, and what can be asked of them together."""

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import assert_never

from anyio import CancelScope, Event, create_task_group
from anyio.abc import TaskGroup

from intertie.drivers import Instance, Launch
from intertie.errors import ChangeError, DriverError, IntertieError, NeedError
from intertie.plan import ServiceStatus, State
from intertie.runtime.ledger import Entry
from intertie.runtime.logs import LogLine
from intertie.runtime.replica import Links, ReplicaLife
from intertie.runtime.run import Tools
from intertie.runtime.standing import Standing
from intertie.suite.service import Condition, Dependency, Service

Needs = Callable[[str, Service], Awaitable[None]]
Urls = Callable[[], Mapping[str, str]]

_LAST_LINES = 10
_OF_A_RUNNING_ONE: Mapping[Condition, str] = {
    "service_healthy": "healthy",
    "service_log_ready": "log-ready",
}


class ServiceLife:
    """The replicas of one service. Each change of will outdates the waiting for earlier ones."""

    def __init__(self, name: str, spec: Service, tools: Tools, *, needs: Needs, urls: Urls) -> None:
        self.name = name
        self.spec = spec
        self.is_wanted = False
        """Whether it was started and not stopped since, on request."""
        self._reported = spec
        self._tools = tools
        self._links = Links(lambda spec: needs(name, spec), urls, self.ring)
        self._bell = Event()
        self._will = 0
        self._lives: list[ReplicaLife] = []
        self._fit()

    @property
    def standings(self) -> Sequence[Standing]:
        """Of its replicas, by index."""
        return [life.standing for life in self._lives]

    @property
    def is_active(self) -> bool:
        """Whether any replica lives."""
        return any(life.is_active for life in self._lives)

    @property
    def port(self) -> int | None:
        """Of its first replica, also before that is started."""
        return self._lives[0].standing.port

    @property
    def is_settled(self) -> bool:
        """Whether every replica was ready since it was begun, or completed."""
        return all(
            _has_begun_well(life) and (life.is_active or life.standing.state is State.COMPLETED)
            for life in self._lives
        )

    async def settled(self) -> None:
        """Return once every replica that lives was ready, or has ended."""
        await self._until(
            lambda: all(_has_begun_well(life) or not life.is_active for life in self._lives)
        )

    def status(self) -> ServiceStatus:
        """As it is now; the spec is the last that all replicas were brought to."""
        views = tuple(life.standing.view() for life in self._lives)
        return ServiceStatus(self.name, self._reported, views)

    def has_process(self, index: int) -> bool:
        """Whether a process of this replica may still write."""
        return any(
            life.standing.pid is not None for life in self._lives if life.standing.index == index
        )

    def ring(self) -> None:
        """Wake everybody who waits for something of this service."""
        self._bell.set()
        self._bell = Event()

    def begin(self, group: TaskGroup, *, alone: bool = False) -> int:
        """Start every replica that does not live; the number to wait with (see `started`).

        `alone` starts them whatever they depend on.
        """
        if not self.is_wanted:
            self.is_wanted = True
            self._will += 1
        for life in self._lives:
            if not life.is_active:
                life.begin(group, self.spec, alone=alone)
        return self._will

    async def started(
        self, group: TaskGroup, will: int, *, blocked: Callable[[], str | None]
    ) -> None:
        """Return when every replica is ready or completed.

        Raises ChangeError when one fails, `blocked` names a service that did, or somebody wanted
        otherwise.
        """
        for life in list(self._lives):
            if life.is_ending:
                await life.over()
                self._begin(life, group, will)
            await self._ready(life, will, blocked)

    async def end(self) -> None:
        """Stop all replicas; return when nothing is left. Raises IntertieError if something is."""
        self.is_wanted = False
        self._will += 1
        await self._end(self._lives)

    async def roll(self, group: TaskGroup, spec: Service) -> None:
        """Restart from `spec`, one replica at a time; the others serve meanwhile.

        Raises ChangeError at the first that does not become ready; the rest is left as it is, and
        the status tells the old spec, so that the next plan has this step again.
        """
        will = self._new_will(spec)
        kept = self._lives[: spec.replicas]
        try:
            if spec.update.order == "start-first" and self.is_active:
                await self._add_one(group, will)
            for life in kept:
                await life.end()
                self._begin(life, group, will)
                await self._ready(life, will)
        finally:
            with CancelScope(shield=True):
                await self._drop_surplus()
        await self._resize(group, will)

    async def hold(self, group: TaskGroup) -> None:
        """End every replica, and have it wait for what it depends on, as at a first start."""
        will = self._will
        await self._end(self._lives)
        if self._will == will:
            for life in self._lives:
                self._begin(life, group, will)

    def signal(self, number: int) -> None:
        """Send it to the main process of every replica that has one."""
        for life in self._lives:
            if life.standing.pid is not None:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(life.standing.pid, number)

    async def resize(self, group: TaskGroup, spec: Service) -> None:
        """Have as many replicas as `spec` says; the others are not touched."""
        await self._resize(group, self._new_will(spec))

    async def meet(self, need: Dependency, dependent: str) -> None:
        """Return once the condition holds. Raises ChangeError when it no longer can.

        Where this service is not required, returns then, too.
        """

        def is_in_vain() -> bool:
            if self._never(need.condition) is not None:
                return True
            return not need.required and not self.is_active

        await self._until(lambda: self.meets(need.condition) or is_in_vain())
        why = None if self.meets(need.condition) else self._never(need.condition)
        if why is not None and need.required:
            root, cause = why
            told = f"cannot start service {dependent!r}: it needs {root!r}, {cause}"
            raise NeedError(told, root=root, cause=cause)

    def adopt(self, group: TaskGroup, entry: Entry, instance: Instance) -> None:
        """Go on with a process that runs already, as it was written down."""
        self.is_wanted = True
        self._lives[entry.replica].adopt(group, self.spec, entry, instance)

    def launch(self) -> Launch:
        """How its first replica would be started now. Raises IntertieError."""
        return self._lives[0].launch(self.spec)

    def life(self, index: int) -> ReplicaLife | None:
        """The replica with this index."""
        return self._lives[index] if index < len(self._lives) else None

    def release(self) -> None:
        """Give back what an ended service holds."""
        for life in self._lives:
            life.release_port()

    def _begin(self, life: ReplicaLife, group: TaskGroup, will: int) -> None:
        self._require(will)
        if not life.is_active:
            life.begin(group, self.spec)

    async def _ready(
        self, life: ReplicaLife, will: int, blocked: Callable[[], str | None] = lambda: None
    ) -> None:
        await self._until(
            lambda: (
                _has_begun_well(life)
                or life.trouble is not None
                or self._will != will
                or blocked() is not None
            )
        )
        if _has_begun_well(life):
            return
        self._require(will)
        if life.needed is not None:
            raise life.needed
        if life.trouble is not None:
            raise ChangeError(life.trouble + await self._last_words(life))
        root = blocked() or ""
        cause = "which could not be started"
        told = f"cannot start service {self.name!r}: it needs {root!r}, {cause}"
        raise NeedError(told, root=root, cause=cause)

    async def _resize(self, group: TaskGroup, will: int) -> None:
        await self._drop_surplus()
        self._require(will)
        for life in self._fit():
            self._begin(life, group, will)
            await self._ready(life, will)
        self._reported = self.spec

    async def _add_one(self, group: TaskGroup, will: int) -> None:
        """Run one replica more than wanted, until the surplus is dropped."""
        life = ReplicaLife(self.name, len(self._lives), self._tools, self._links)
        life.reserve_port(self.spec)
        self._lives.append(life)
        self._begin(life, group, will)
        await self._ready(life, will)

    async def _drop_surplus(self) -> None:
        surplus = self._lives[self.spec.replicas :]
        await self._end(surplus)
        for life in surplus:
            if life in self._lives:
                life.release_port()
                self._lives.remove(life)

    async def _end(self, lives: Sequence[ReplicaLife]) -> None:
        failed: list[str] = []

        async def end(life: ReplicaLife) -> None:
            try:
                await life.end()
            except IntertieError as exc:
                failed.append(str(exc))

        async with create_task_group() as group:
            for life in lives:
                group.start_soon(end, life)
        if failed:
            raise DriverError("\n".join(failed), service=self.name)

    def _new_will(self, spec: Service) -> int:
        self.spec = spec
        self.is_wanted = True
        self._will += 1
        self.ring()
        return self._will

    def _fit(self) -> list[ReplicaLife]:
        """Have a life for each replica of the spec; the new ones."""
        new = [
            ReplicaLife(self.name, index, self._tools, self._links)
            for index in range(len(self._lives), self.spec.replicas)
        ]
        for life in new:
            life.reserve_port(self.spec)
        self._lives += new
        return new

    def _require(self, will: int) -> None:
        if self._will != will:
            raise ChangeError(f"cannot go on with {self.name!r}: a later change took over")

    def meets(self, condition: Condition) -> bool:
        """Whether it is true of every replica now."""
        states = {life.standing.state for life in self._lives}
        match condition:
            case "service_started":
                return all(
                    life.standing.pid is not None
                    or life.standing.state in {State.COMPLETED, State.LISTENING}
                    for life in self._lives
                )
            case "service_healthy":
                return states <= {State.RUNNING, State.LISTENING}
            case "service_log_ready":
                return all(life.log_is_ready for life in self._lives)
            case "service_completed":
                return states <= {State.COMPLETED, State.FAILED}
            case "service_completed_successfully":
                return states == {State.COMPLETED}
            case _:
                assert_never(condition)

    def _never(self, condition: Condition) -> tuple[str, str] | None:
        """The service and the reason why the condition will not hold without a new start."""
        for life in self._lives:
            standing = life.standing
            if life.needed is not None and standing.state is State.FAILED:
                return life.needed.root, life.needed.cause
            if standing.state is State.FAILED and condition != "service_completed":
                return self.name, f"which failed: {standing.reason}"
            if standing.state is State.COMPLETED and condition in _OF_A_RUNNING_ONE:
                wish = _OF_A_RUNNING_ONE[condition]
                return self.name, f"which {standing.reason} and so is not {wish}"
        return None

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            await self._bell.wait()

    async def _last_words(self, life: ReplicaLife) -> str:
        lines: Sequence[LogLine] = await self._tools.logs.tail(
            self.name, life.standing.index, lines=_LAST_LINES, since=life.log_sizes
        )
        return "".join(f"\n  {line.stream}: {line.text}" for line in lines)


def _has_begun_well(life: ReplicaLife) -> bool:
    return life.was_ready or life.standing.state is State.COMPLETED
