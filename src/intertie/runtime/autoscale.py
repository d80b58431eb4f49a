"""Autoscale: as many replicas as the load needs, by Kubernetes's rule."""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from anyio import current_time, sleep, to_thread
from anyio.abc import TaskStatus

from intertie.errors import IntertieError
from intertie.plan import ServiceStatus, Step
from intertie.runtime.change import Changes, Progress
from intertie.runtime.component import Health, Status
from intertie.runtime.supervisor import Supervisor
from intertie.runtime.usage import usage
from intertie.suite.service import Autoscale

log = logging.getLogger(__name__)

ACTOR = "autoscale"
TOLERANCE = 0.1
"""A load this near to the target, as a part of it, changes nothing."""


@dataclass(slots=True)
class Scaler:
    """Decides for one service. Pure: readings and times are arguments."""

    rule: Autoscale
    _wishes: list[tuple[float, int]] = field(default_factory=list)
    """When, and how many replicas the load would have needed."""

    def feed(self, replicas: int, percent: float, at_s: float) -> int:
        """How many there are to be; `percent` of a CPU is what each uses now, on average.

        More at once, fewer only when the load was low for all of `cooldown`.
        Source: Kubernetes, "Horizontal Pod Autoscaling", algorithm details.
        """
        ratio = percent / self.rule.cpu
        wish = replicas if abs(ratio - 1) <= TOLERANCE else math.ceil(replicas * ratio)
        wish = min(max(wish, self.rule.min), self.rule.max)
        self._wishes = [w for w in self._wishes if w[0] > at_s - self.rule.cooldown]
        self._wishes.append((at_s, wish))
        return max(wish, min(replicas, max(each for _, each in self._wishes)))


class Autoscaler:
    """A component that scales the services that say so."""

    def __init__(self, supervisor: Supervisor, changes: Changes) -> None:
        self._supervisor = supervisor
        self._changes = changes
        self._scalers: dict[str, Scaler] = {}
        self._cpu_s: dict[int, tuple[float, float]] = {}
        self._is_running = False

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """See Component. Looks as often as the most curious service wants."""
        task_status.started()
        self._is_running = True
        while True:
            found = self._declared()
            await sleep(min((rule.interval for rule in found.values()), default=15.0))
            for name in found:
                await self._look(name, found[name])

    def health(self) -> Health:
        """See Component."""
        return Health(Status.UP if self._is_running else Status.DOWN)

    def _declared(self) -> Mapping[str, Autoscale]:
        services = self._supervisor.snapshot().services.values()
        return {each.name: each.spec.autoscale for each in services if each.spec.autoscale}

    async def _look(self, name: str, rule: Autoscale) -> None:
        status = self._supervisor.snapshot().services.get(name)
        percent = await self._percent(status) if status else None
        if status is None or percent is None:
            return
        scaler = self._scalers.get(name)
        if scaler is None or scaler.rule != rule:
            scaler = self._scalers[name] = Scaler(rule)
        wanted = scaler.feed(len(status.replicas), percent, current_time())
        if wanted != len(status.replicas):
            await self._scale(name, wanted, f"{percent:.0f} % of a CPU each, {rule.cpu:g} wanted")

    async def _percent(self, status: ServiceStatus) -> float | None:
        """What each replica used of a CPU since the last look; None at the first one."""
        pids = [replica.pid for replica in status.replicas if replica.pid is not None]
        rates = [rate for pid in pids if (rate := await self._rate(pid)) is not None]
        return sum(rates) / len(rates) if rates and len(rates) == len(status.replicas) else None

    async def _rate(self, pid: int) -> float | None:
        found = await to_thread.run_sync(usage, pid)
        at_s = current_time()
        before = self._cpu_s.get(pid)
        self._cpu_s[pid] = (found.cpu_s, at_s)
        if before is None or at_s <= before[1]:
            return None
        return max(0.0, 100 * (found.cpu_s - before[0]) / (at_s - before[1]))

    async def _scale(self, name: str, count: int, why: str) -> None:
        async def work(progress: Progress) -> None:
            await self._supervisor.scale(name, count, progress)

        try:
            await self._supervisor.until_idle(name)
            title = f"scale {name} to {count}: {why}"
            change = await self._changes.begin(
                title, work, actor=ACTOR, steps=[Step("scale", name, (why,))]
            )
            await self._changes.wait(change.id)
        except IntertieError as exc:
            log.warning("service not scaled", extra={"service": name, "why": str(exc)})
