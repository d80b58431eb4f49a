"""Look at services; start, stop and restart them."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from intertie.control.actor import Actor
from intertie.errors import NotFoundError
from intertie.plan import ServiceStatus
from intertie.runtime.change import Changes, Progress, Work
from intertie.runtime.explain import Explanation, View, explain
from intertie.runtime.supervisor import Supervisor
from intertie.suite.service import Condition


@dataclass(frozen=True, slots=True)
class Services:
    """Every action is a change; the calls return its id at once."""

    supervisor: Supervisor
    changes: Changes

    def list(self) -> Sequence[ServiceStatus]:
        """All services by name."""
        return sorted(self.supervisor.snapshot().services.values(), key=lambda each: each.name)

    def get(self, name: str) -> ServiceStatus:
        """One service. Raises NotFoundError naming the nearest."""
        return self.choose([name])[0]

    def choose(self, names: Sequence[str]) -> Sequence[ServiceStatus]:
        """Those named, in that order; all when none is. Raises NotFoundError for unknown ones."""
        services = self.supervisor.snapshot().services
        unknown = [name for name in names if name not in services]
        if unknown:
            near = get_close_matches(unknown[0], services, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise NotFoundError(f"cannot find service {', '.join(map(repr, unknown))}{hint}")
        return [services[name] for name in names] if names else list(self.list())

    def explain(self, name: str) -> Explanation:
        """Why a service is where it is. Raises NotFoundError."""
        self.choose([name])
        services = self.supervisor.snapshot().services
        met: dict[tuple[str, Condition], bool] = {}
        for each in services.values():
            for other, need in each.spec.depends_on.items():
                met[other, need.condition] = self.supervisor.meets(other, need.condition)
        return explain(View(services, self.supervisor.standings(), met), name)

    async def start(self, actor: Actor, names: Sequence[str], *, alone: bool = False) -> str:
        """Start services and, unless `alone`, what they depend on; the id of the change."""

        async def work(progress: Progress) -> None:
            await self.supervisor.start(names, progress, alone=alone)

        return await self._begin(actor, "start", names, work)

    async def stop(self, actor: Actor, names: Sequence[str]) -> str:
        """Stop services, dependents first; the id of the change."""

        async def work(progress: Progress) -> None:
            await self.supervisor.stop(names, progress)

        return await self._begin(actor, "stop", names, work)

    async def restart(self, actor: Actor, names: Sequence[str]) -> str:
        """Restart services, one replica after the other; the id of the change."""

        async def work(progress: Progress) -> None:
            await self.supervisor.restart(names, progress)

        return await self._begin(actor, "restart", names, work)

    async def scale(self, actor: Actor, name: str, count: int) -> str:
        """Have this many replicas until the next `apply`; the id of the change."""
        self.choose([name])

        async def work(progress: Progress) -> None:
            await self.supervisor.scale(name, count, progress)

        return await self._begin(actor, "scale", [name], work)

    async def _begin(self, actor: Actor, verb: str, names: Sequence[str], work: Work) -> str:
        actor.require_write()
        self.choose(names)
        change = await self.changes.begin(f"{verb} {', '.join(names)}", work, actor=actor.name)
        return change.id
