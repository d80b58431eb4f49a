"""One service: all its replicas, and what can be asked of them together."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal, assert_never

from anyio import Event, create_task_group
from anyio.abc import TaskGroup

from intertie.drivers import Instance
from intertie.errors import ChangeError, DriverError, IntertieError
from intertie.plan import ServiceStatus, State
from intertie.runtime.logs import LogLine
from intertie.runtime.replica import Links, ReplicaLife
from intertie.runtime.run import Tools
from intertie.suite.model import Service

Condition = Literal["service_started", "service_healthy", "service_completed_successfully"]
Needs = Callable[[str, Service], Awaitable[None]]
Urls = Callable[[], Mapping[str, str]]

_LAST_LINES = 10


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

    def begin(self, group: TaskGroup) -> int:
        """Start every replica that does not live; the number to wait with (see `started`)."""
        if not self.is_wanted:
            self.is_wanted = True
            self._will += 1
        for life in self._lives:
            if not life.is_active:
                life.begin(group, self.spec)
        return self._will

    async def started(
        self, group: TaskGroup, will: int, *, blocked: Callable[[], str | None]
    ) -> None:
        """Return when every replica is ready or completed.

        Raises ChangeError when one fails, `blocked` tells a reason, or somebody wanted otherwise.
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
        for life in kept:
            await life.end()
            self._begin(life, group, will)
            await self._ready(life, will)
        await self._resize(group, will)

    async def resize(self, group: TaskGroup, spec: Service) -> None:
        """Have as many replicas as `spec` says; the others are not touched."""
        await self._resize(group, self._new_will(spec))

    async def meet(self, condition: Condition, dependent: str) -> None:
        """Return once the condition holds. Raises ChangeError when it no longer can."""
        await self._until(lambda: self._meets(condition) or self._never(condition) is not None)
        why = None if self._meets(condition) else self._never(condition)
        if why is not None:
            raise ChangeError(f"cannot start service {dependent!r}: it needs {self.name!r}, {why}")

    def adopt(self, group: TaskGroup, index: int, instance: Instance, *, port: int | None) -> None:
        """Go on with a process that runs already."""
        self.is_wanted = True
        self._lives[index].adopt(group, self.spec, instance, port=port)

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
        if life.trouble is not None:
            raise ChangeError(life.trouble + await self._last_words(life))
        raise ChangeError(f"cannot start service {self.name!r}: {blocked()}")

    async def _resize(self, group: TaskGroup, will: int) -> None:
        surplus = self._lives[self.spec.replicas :]
        await self._end(surplus)
        self._require(will)
        for life in surplus:
            life.release_port()
            self._lives.remove(life)
        for life in self._fit():
            self._begin(life, group, will)
            await self._ready(life, will)
        self._reported = self.spec

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

    def _meets(self, condition: Condition) -> bool:
        states = {life.standing.state for life in self._lives}
        match condition:
            case "service_started":
                return all(
                    life.standing.pid is not None or life.standing.state is State.COMPLETED
                    for life in self._lives
                )
            case "service_healthy":
                return states == {State.RUNNING}
            case "service_completed_successfully":
                return states == {State.COMPLETED}
            case _:
                assert_never(condition)

    def _never(self, condition: Condition) -> str | None:
        """Why the condition will not hold without a new start of this service."""
        for life in self._lives:
            standing = life.standing
            if standing.state is State.FAILED:
                return f"which failed: {standing.reason}"
            if standing.state is State.COMPLETED and condition == "service_healthy":
                return f"which {standing.reason} and so is not healthy"
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
