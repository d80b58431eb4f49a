"""Supervisor: runs services, each after what it needs, and ends them in the reverse order."""

import itertools
import logging
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Literal

from anyio import (
    CancelScope,
    Event,
    create_task_group,
    get_cancelled_exc_class,
    move_on_after,
    sleep_forever,
)
from anyio.abc import TaskGroup, TaskStatus

from intertie.drivers import Driver
from intertie.drivers.terminal import Terminal
from intertie.errors import ChangeError, IntertieError, NotFoundError
from intertie.plan import Action, Plan, Snapshot, State, Step, order
from intertie.runtime.change import Progress
from intertie.runtime.component import Health, Status
from intertie.runtime.environment import Surroundings, fingerprint
from intertie.runtime.hub import EventHub
from intertie.runtime.jobs import FIRST_INDEX, Job
from intertie.runtime.ledger import Entry, Ledger
from intertie.runtime.logs import LogReader
from intertie.runtime.order import Report, in_order, needed_by, reached
from intertie.runtime.ports import Ports
from intertie.runtime.remains import reap
from intertie.runtime.run import BeforeStop, Tools
from intertie.runtime.service import ServiceLife
from intertie.runtime.standing import Standing
from intertie.suite.service import Condition, Service
from intertie.trace_context import Tracer

log = logging.getLogger(__name__)

Orphans = Literal["adopt", "reap"]
_FIRST_VERDICTS_S = 2.0
_TROUBLED = {State.FAILED, State.UNHEALTHY, State.BACKOFF}


class Supervisor:
    """A component that keeps services as they are wanted.

    It knows the services of the last `apply` (or `adopt_or_reap`); until then, none. Every method
    may be called by several tasks at once: where two want different things of a service, the later
    one wins and the earlier one raises ChangeError. Cancelling `start` stops what it had begun and
    is not ready yet; cancelling the others leaves things as they are.
    """

    def __init__(
        self,
        driver: Driver,
        hub: EventHub,
        *,
        ledger: Ledger,
        surroundings: Surroundings,
        before_stop: BeforeStop | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        rng: random.Random | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        """`before_stop` is awaited before a ready replica with a port is signalled.

        The replica is `draining` in the snapshot from just before that until it is gone.
        """
        rng = rng or random.Random()  # noqa: S311 — not a secret
        self._tools = Tools(
            driver=driver,
            hub=hub,
            ledger=ledger,
            ports=Ports(rng),
            logs=LogReader(surroundings.logs, ended=lambda service, index: True),
            place=surroundings,
            before_stop=before_stop,
            now=now,
            rng=rng,
            tracer=tracer or Tracer(),
        )
        self._services: dict[str, ServiceLife] = {}
        self._lives: TaskGroup | None = None
        self._let_go = Event()
        self._jobs: set[int] = set()
        self._being_changed: Counter[str] = Counter()
        self._changed_bell = Event()

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """See Component. When cancelled, stops all services in reverse order before it returns."""
        async with create_task_group() as group:
            self._lives = await group.start(self._hold_lives)
            try:
                task_status.started()
                await sleep_forever()
            finally:
                with CancelScope(shield=True):
                    await self._stop_all()

    def health(self) -> Health:
        """DEGRADED with the reason while a wanted service is failed, unhealthy or starts anew."""
        if self._lives is None:
            return Health(Status.DOWN, "not running")
        replicas = (r for s in self._services.values() for r in s.status().replicas)
        bad = [r for r in replicas if r.state in _TROUBLED]
        if bad:
            reasons = (f"{r.service}/{r.index} is {r.state}: {r.reason}" for r in bad)
            return Health(Status.DEGRADED, "; ".join(reasons))
        return Health(Status.UP)

    def snapshot(self) -> Snapshot:
        """Everything as it is now, from memory."""
        return Snapshot({name: service.status() for name, service in self._services.items()})

    def has_process(self, service: str, index: int) -> bool:
        """Whether a process of this replica may still write to its logs."""
        known = self._services.get(service)
        return index in self._jobs or (known is not None and known.has_process(index))

    async def adopt_or_reap(self, wanted: Mapping[str, Service], policy: Orphans) -> None:
        """Deal with what an earlier daemon left running; call it once, after `run` has started.

        `adopt` keeps the replicas that were started from the same spec; all else is ended.
        """
        self._know(wanted)
        entries = self._tools.ledger.entries()
        kept = [e for e in entries if policy == "adopt" and await self._adopt(e)]
        names = {(entry.service, entry.replica) for entry in kept}
        rest = [entry for entry in entries if entry not in kept]
        await reap(rest, self._tools.driver, ledger=self._tools.ledger, kept=names)
        # So that nobody is told that all are down, only because they were not asked yet.
        with move_on_after(_FIRST_VERDICTS_S):
            for name in {service for service, _ in names}:
                await self._services[name].settled()

    async def apply(
        self, wanted: Mapping[str, Service], plan: Plan, progress: Progress | None = None
    ) -> None:
        """Know `wanted` from now on, and do the steps. Raises ChangeError naming each failure."""
        report = Report(progress)
        going = {s.service: s for s in plan.steps if s.action in {"stop", "remove"}}
        await self._bring_down(going, report)
        self._know(wanted)
        coming = [step for step in plan.steps if step.service not in going]
        await self._bring_up(wanted, coming, report)
        report.conclude()

    async def start(
        self, names: Iterable[str], progress: Progress | None = None, *, alone: bool = False
    ) -> None:
        """Start services and what they depend on; return when all are ready (or completed).

        `alone` starts just these, whatever they depend on. Raises NotFoundError for an unknown
        name; ChangeError says which service failed and why, with its last log lines.
        """
        report = Report(progress)
        steps = self._steps("start", names)
        for name in steps:
            self._tools.ledger.note_stopped(name, stopped=False)
        await self._bring_up(self._specs(), steps.values(), report, alone=alone)
        report.conclude()

    async def stop(self, names: Iterable[str], progress: Progress | None = None) -> None:
        """Stop services, their dependents first; return when every process is gone."""
        report = Report(progress)
        steps = self._steps("stop", names)
        for name in steps:
            self._tools.ledger.note_stopped(name)
        above = needed_by(self._specs())
        for other, name in reached(steps, lambda name: above[name]):
            if self._services[other].is_active:
                steps[other] = Step("stop", other, (f"it depends on {name}",))
        await self._bring_down(steps, report)
        report.conclude()

    async def restart(self, names: Iterable[str], progress: Progress | None = None) -> None:
        """Restart services, dependencies first, one replica of each at a time.

        A replica is drained (`before_stop`), stopped, started, and ready before the next one.
        """
        report = Report(progress)
        await self._bring_up(self._specs(), self._steps("restart", names).values(), report)
        report.conclude()

    async def scale(self, name: str, count: int, progress: Progress | None = None) -> None:
        """Have this many replicas of a service, until the next `apply`; the others go on."""
        report = Report(progress)
        step = next(iter(self._steps("scale", [name]).values()))
        spec = self._services[name].spec
        wanted = Service.model_validate({**dict(spec), "replicas": count})
        step = Step("scale", name, (f"replicas: {spec.replicas} → {count}",))
        await self._bring_up({**self._specs(), name: wanted}, [step], report)
        report.conclude()

    async def hold(self, name: str, progress: Progress | None = None) -> None:
        """Stop a service, and start it again once what it depends on is there."""
        report = Report(progress)
        steps = self._steps("restart", [name])
        with self._busy(steps), report.step(steps[name]):
            await self._services[name].hold(self._group())
        report.conclude()

    async def reload(self, names: Iterable[str], progress: Progress | None = None) -> None:
        """Send services their `reload_signal`."""
        report = Report(progress)
        for name, step in self._steps("reload", names).items():
            with report.step(step):
                service = self._services[name]
                service.signal(signal.Signals[service.spec.reload_signal])
        report.conclude()

    def terminal(self, name: str, index: int) -> Terminal:
        """The terminal of a running replica. Raises NotFoundError."""
        service = self._known("attach to", name)
        life = service.life(index)
        if not service.spec.tty:
            why = "it has no terminal; give it `tty: true`"
        elif life is None or life.terminal is None:
            why = f"replica {index} does not run, or was taken over from an earlier daemon"
        else:
            return life.terminal
        raise NotFoundError(f"cannot attach to service {name!r}: {why}")

    def new_job(self, name: str) -> Job:
        """A one-off run of a service, not started yet. Raises NotFoundError."""
        service = self._known("run", name)
        index = next(i for i in itertools.count(FIRST_INDEX) if i not in self._jobs)
        self._jobs.add(index)
        return Job(
            service=name,
            index=index,
            spec=service.spec,
            launch=service.launch,
            tools=self._tools,
            done=partial(self._jobs.discard, index),
        )

    async def until_idle(self, name: str) -> None:
        """Return when nobody is changing the service."""
        while self._being_changed[name]:
            await self._changed_bell.wait()

    async def until_met(self, name: str) -> None:
        """Return once what the service depends on is there. Raises ChangeError if it cannot be."""
        await self._needs(name, self._services[name].spec)

    def stays_stopped(self, name: str, spec: Service) -> bool:
        """Whether somebody stopped it before the last daemon was killed, and that is to hold."""
        return spec.restart.policy == "unless-stopped" and name in self._tools.ledger.stopped()

    def meets(self, name: str, condition: Condition) -> bool:
        """Whether the condition is true of a service now."""
        service = self._services.get(name)
        return service is not None and service.meets(condition)

    def standings(self) -> Mapping[str, Sequence[Standing]]:
        """Every replica's standing, by service: what `explain` tells from."""
        return {name: service.standings for name, service in self._services.items()}

    @contextmanager
    def _busy(self, names: Iterable[str]) -> Iterator[None]:
        chosen = list(names)
        self._being_changed.update(chosen)
        try:
            yield
        finally:
            self._being_changed.subtract(chosen)
            self._changed_bell.set()
            self._changed_bell = Event()

    async def _hold_lives(self, *, task_status: TaskStatus[TaskGroup]) -> None:
        """Own the replicas' tasks: cancelling `run` must not end them all at once, unordered."""
        with CancelScope(shield=True):
            async with create_task_group() as group:
                task_status.started(group)
                await self._let_go.wait()

    async def _stop_all(self) -> None:
        self._lives = None
        report = Report(None)
        steps = {n: Step("stop", n, ()) for n, s in self._services.items() if s.is_active}
        await self._bring_down(steps, report)
        for why in report.failed.values():
            log.error("service not stopped", extra={"why": why})
        self._let_go.set()

    def _know(self, wanted: Mapping[str, Service]) -> None:
        ports = (spec.port for spec in wanted.values())
        self._tools.ports.keep_for(port for port in ports if isinstance(port, int))
        for name, spec in wanted.items():
            if name not in self._services:
                self._services[name] = ServiceLife(
                    name, spec, self._tools, needs=self._needs, urls=self._urls
                )

    async def _adopt(self, entry: Entry) -> bool:
        service = self._services.get(entry.service)
        life = service.life(entry.replica) if service else None
        if service is None or life is None or entry.fingerprint != fingerprint(service.spec):
            return False
        try:
            launch = life.launch(service.spec)
        except IntertieError:
            return False
        instance = await self._tools.driver.adopt(launch, entry.identity)
        if instance is None:
            return False
        service.adopt(self._group(), entry, instance)
        return True

    async def _bring_down(self, steps: Mapping[str, Step], report: Report) -> None:
        async def end(name: str) -> None:
            with report.step(steps[name]):
                await self._services[name].end()
                if steps[name].action == "remove":
                    self._services.pop(name).release()
                    self._tools.ledger.note_stopped(name, stopped=False)

        above = needed_by(self._specs())
        with self._busy(steps):
            await in_order({name: above[name] for name in steps}, end)

    async def _bring_up(
        self,
        wanted: Mapping[str, Service],
        asked: Iterable[Step],
        report: Report,
        *,
        alone: bool = False,
    ) -> None:
        steps = _by_service(asked) if alone else self._with_dependencies(wanted, asked)
        # Starts wait for the conditions they name. A restart is begun when what it needs is done.
        is_start = all(step.action == "start" for each in steps.values() for step in each)
        wills = self._begin(wanted, steps, alone=alone) if is_start else {}
        after = {name: () if is_start else wanted[name].depends_on for name in steps}

        async def bring(name: str) -> None:
            for step in steps[name]:
                with report.step(step):
                    await self._do(step, wanted[name], wills, report)
            if name in report.failed:
                for service in self._services.values():
                    service.ring()  # whoever waits for this one waits in vain

        try:
            with self._busy(steps):
                await in_order(after, bring)
        except get_cancelled_exc_class():
            with CancelScope(shield=True):
                await self._take_back(wills)
            raise

    async def _do(self, step: Step, spec: Service, wills: dict[str, int], report: Report) -> None:
        service = self._services[step.service]
        group = self._group()
        match step.action:
            case "restart":
                await service.roll(group, service.spec)
            case "replace":
                await service.roll(group, spec)
            case "scale":
                await service.resize(group, spec)
            case _:
                if step.service not in wills:
                    wills[step.service] = service.begin(group)
                will = wills[step.service]
                await service.started(group, will, blocked=partial(self._blocked, spec, report))

    def _blocked(self, spec: Service, report: Report) -> str | None:
        """The service because of which one of `spec` waits in vain."""
        for other, need in spec.depends_on.items():
            if need.required and other in report.failed and not self.meets(other, need.condition):
                return report.root(other)
        return None

    def _begin(
        self, wanted: Mapping[str, Service], names: Iterable[str], *, alone: bool
    ) -> dict[str, int]:
        """Begin all at once, dependencies first; each replica waits for what it needs itself."""
        layers = order({name: wanted[name] for name in names})
        group = self._group()
        return {
            name: self._services[name].begin(group, alone=alone)
            for layer in layers
            for name in layer
        }

    async def _take_back(self, begun: Iterable[str]) -> None:
        names = [name for name in begun if not self._services[name].is_settled]
        await self._bring_down({n: Step("stop", n, ("aborted",)) for n in names}, Report(None))

    def _with_dependencies(
        self, wanted: Mapping[str, Service], asked: Iterable[Step]
    ) -> dict[str, list[Step]]:
        """The steps by service; those that must run first and do not are to be started."""
        steps = _by_service(asked)

        def missing(name: str) -> Iterable[str]:
            others = (n for n in wanted[name].depends_on if n in self._services)
            return (n for n in others if not self._services[n].is_settled)

        for other, name in reached(steps, missing):
            steps[other] = [Step("start", other, (f"{name} depends on it",))]
        return steps

    def _steps(self, action: Action, names: Iterable[str]) -> dict[str, Step]:
        steps = {name: Step(action, name, ("asked for",)) for name in names}
        for name in steps:
            self._known(action, name)
        return steps

    def _known(self, what: str, name: str) -> ServiceLife:
        service = self._services.get(name)
        if service is None:
            raise NotFoundError(f"cannot {what} service {name!r}: there is none of that name")
        return service

    def _specs(self) -> dict[str, Service]:
        return {name: service.spec for name, service in self._services.items()}

    def _group(self) -> TaskGroup:
        if self._lives is None:
            raise ChangeError("cannot start services: the daemon is ending")
        return self._lives

    async def _needs(self, name: str, spec: Service) -> None:
        for other, dependency in spec.depends_on.items():
            service = self._services.get(other)
            if service is None and not dependency.required:
                continue
            if service is None:
                raise ChangeError(
                    f"cannot start service {name!r}: it needs {other!r}, which is not in the suite"
                )
            await service.meet(dependency, name)

    def _urls(self) -> dict[str, str]:
        ports = ((name, service.port) for name, service in self._services.items())
        return {name: f"http://127.0.0.1:{port}" for name, port in ports if port is not None}


def _by_service(asked: Iterable[Step]) -> dict[str, list[Step]]:
    steps: dict[str, list[Step]] = {}
    for step in asked:
        steps.setdefault(step.service, []).append(step)
    return steps
