"""Bring the running suite to what the file says; end it."""

from collections.abc import Awaitable, Callable, Container, Mapping
from dataclasses import dataclass

from anyio import Event, Lock, to_thread

from intertie.control.actor import Actor
from intertie.errors import ChangeError
from intertie.plan import Plan, diff
from intertie.runtime.change import Changes, Progress
from intertie.runtime.supervisor import Supervisor
from intertie.suite.model import Suite
from intertie.suite.service import Service


@dataclass(frozen=True, slots=True)
class Wanted:
    """A suite file as loaded now, and all services it stands for, engines included."""

    suite: Suite
    services: Mapping[str, Service]


class SuiteControl:
    """Reads the file anew for every plan; holds the suite that was applied last."""

    def __init__(
        self,
        supervisor: Supervisor,
        changes: Changes,
        *,
        load: Callable[[], Wanted],
        set_routes: Callable[[Suite], Awaitable[None]],
        stop: Event,
    ) -> None:
        """`load` reads the file (in a thread); `set_routes` gives a suite to the gateway."""
        self._supervisor = supervisor
        self._changes = changes
        self._load = load
        self._set_routes = set_routes
        self._stop = stop
        self._beginning = Lock()
        self._begun = 0

    async def plan(self) -> Plan:
        """What `apply` would do now. Raises SuiteError."""
        wanted = await to_thread.run_sync(self._load)
        return self._diff(wanted)

    async def written(self) -> Suite:
        """What the file says now. Raises SuiteError."""
        return (await to_thread.run_sync(self._load)).suite

    async def apply(self, actor: Actor) -> str:
        """Begin the change that brings the suite to what the file says; its id.

        Raises SuiteError, with nothing changed, when the file has faults.
        """
        actor.require_write()
        async with self._beginning:
            wanted = await to_thread.run_sync(self._load)
            return await self._begin(actor, "apply", wanted, self._diff(wanted))

    async def applied(self, actor: Actor) -> None:
        """The same, seen through. Raises ChangeError when that failed."""
        change = await self._changes.wait(await self.apply(actor))
        if change.status != "done":
            raise ChangeError(f"cannot change the suite: {change.error or change.status}")

    async def up(self, actor: Actor, *, only: Container[str] | None = None) -> str:
        """The same for a new daemon: a service stays stopped if it was, and should.

        With `only`, just these services start.
        """
        async with self._beginning:
            wanted = await to_thread.run_sync(self._load)
            stays = self._supervisor.stays_stopped
            steps = [s for s in self._diff(wanted).steps if only is None or s.service in only]
            todo = Plan(tuple(s for s in steps if not stays(s.service, wanted.services[s.service])))
            return await self._begin(actor, "up", wanted, todo)

    def _diff(self, wanted: Wanted) -> Plan:
        return diff(self._supervisor.snapshot(), wanted.services)

    async def _begin(self, actor: Actor, title: str, wanted: Wanted, todo: Plan) -> str:
        current = self._supervisor.snapshot()
        self._begun += 1
        number = self._begun

        async def route(suite: Suite) -> None:
            if number == self._begun:  # else a newer file counts, however long this change takes
                await self._set_routes(suite)

        async def work(progress: Progress) -> None:
            # Make before break: routes to what goes are taken down first, new ones put up last.
            await route(_without_new(wanted.suite, current.services))
            await self._supervisor.apply(wanted.services, todo, progress)
            await route(wanted.suite)

        change = await self._changes.begin(title, work, actor=actor.name, steps=todo.steps)
        return change.id

    def shutdown(self, actor: Actor) -> None:
        """Ask the daemon to stop everything and end; returns at once."""
        actor.require_write()
        self._stop.set()


def _without_new(suite: Suite, known: Mapping[str, object]) -> Suite:
    if suite.gateway is None:
        return suite
    routes = tuple(each for each in suite.gateway.routes if set(each.services) <= known.keys())
    return suite.model_copy(update={"gateway": suite.gateway.model_copy(update={"routes": routes})})
