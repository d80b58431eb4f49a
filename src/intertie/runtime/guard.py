"""Guard: everything that is asked of one running process, and what follows from the answers."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from anyio import Event, create_task_group, sleep

from intertie.drivers import Driver, Launch
from intertie.drivers.listen import Listener
from intertie.runtime import usage
from intertie.runtime.checks import make_check
from intertie.runtime.checks.log import LogReady
from intertie.runtime.checks.notify import NotifySocket
from intertie.runtime.health import Monitor, OnChange
from intertie.suite.health import Healthcheck, Probe
from intertie.suite.service import Service

START_PERIOD_S = 60.0
"""For a service that is waited for and has no health check."""
_AGE_SPREAD = 0.1
_IDLE_LOOKS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The process that is asked, and the means."""

    spec: Service
    launch: Launch
    pid: int
    port: int | None
    driver: Driver
    rng: random.Random
    notify: NotifySocket | None = None
    listener: Listener | None = None
    log_offsets: Sequence[int] = (0, 0)
    """Of its two log files, before it wrote anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Who is told what; all return at once."""

    log_ready: Callable[[], None]
    health: OnChange
    """The verdict of the health check changed; not told before all else is ready, too."""
    ready: Callable[[str], None]
    """Everything that must be there is there, for the first time; with the reason."""
    failed: Callable[[str], None]
    """The process must end, and that is a failure."""
    due: Callable[[str], None]
    """The process must end, as was planned."""
    idle: Callable[[str], None]
    """Nobody needs the process now."""


class Guard:
    """Asks until cancelled."""

    def __init__(self, subject: Subject, told: Told) -> None:
        self._subject = subject
        self._told = told
        self._missing = set[str]()
        if subject.spec.ready_log_line is not None:
            self._missing.add("log")
        if subject.spec.healthcheck is not None:
            self._missing.add("health")
        self._asked: Monitor | None = None
        self._is_ready = Event()

    @property
    def patience_s(self) -> float | None:
        """How long the process may take to be ready; None when there is nothing to wait for."""
        check = self._subject.spec.healthcheck
        if check is not None:
            return check.start_period
        return START_PERIOD_S if self._missing else None

    @property
    def last_reason(self) -> str:
        """Why it is not ready yet."""
        if "log" in self._missing:
            return f"no line of its log matches {self._subject.spec.ready_log_line!r}"
        return self._asked.last_reason if self._asked else "not checked yet"

    async def run(self) -> None:
        """Ask everything that the spec declares, side by side."""
        spec = self._subject.spec
        when = spec.restart.when
        idle = spec.on_demand.idle_timeout if spec.on_demand else None
        async with create_task_group() as group:
            if spec.ready_log_line is not None:
                group.start_soon(self._await_line, spec.ready_log_line)
            if spec.healthcheck is not None:
                group.start_soon(self._ask, spec.healthcheck)
            if when.memory is not None or when.cpu is not None:
                group.start_soon(self._measure)
            if when.age is not None:
                group.start_soon(self._age, when.age)
            if idle is not None and self._subject.listener is not None:
                group.start_soon(self._wait_idle, self._subject.listener, idle)
            if not self._missing:
                self._told.ready("running")

    async def _await_line(self, pattern: str) -> None:
        subject = self._subject
        paths: list[Path] = [subject.launch.stdout, subject.launch.stderr]
        await LogReady(paths, pattern, subject.log_offsets).wait()
        self._told.log_ready()
        self._found("log", "running")

    async def _ask(self, check: Healthcheck) -> None:
        if check.startup is not None:
            await self._monitor(check.startup).until_up()
        async with create_task_group() as group:
            group.start_soon(self._monitor(check).run, self._turn)
            if check.liveness is not None:
                await self._is_ready.wait()
                monitor = self._monitor(check.liveness, liveness=True)
                group.start_soon(monitor.run, self._live)

    def _monitor(self, probe: Probe, *, liveness: bool = False) -> Monitor:
        subject = self._subject
        check = make_check(
            probe,
            port=subject.port,
            driver=subject.driver,
            launch=subject.launch,
            notify=subject.notify,
            liveness=liveness,
        )
        if probe.notify and subject.notify is not None:
            wake = partial(_changed, subject.notify)
            monitor = Monitor(probe, check, rng=subject.rng, up=liveness or None, wake=wake)
        else:
            monitor = Monitor(probe, check, rng=subject.rng, up=liveness or None)
        if not liveness:
            self._asked = monitor
        return monitor

    def _turn(self, up: bool, reason: str) -> None:
        self._told.health(up, reason)
        if up:
            self._found("health", reason)
        elif self._subject.spec.restart.when.unhealthy:
            self._told.failed(f"unhealthy: {reason}")

    def _live(self, up: bool, reason: str) -> None:
        if not up:
            self._told.failed(f"liveness check: {reason}")

    def _found(self, what: str, reason: str) -> None:
        if what in self._missing:
            self._missing.discard(what)
            if not self._missing:
                self._is_ready.set()
                self._told.ready(reason)

    async def _measure(self) -> None:
        rule = self._subject.spec.restart.when
        await usage.watch(self._subject.pid, rule, too_much=self._told.failed)

    async def _age(self, limit_s: float) -> None:
        # Replicas that were started together do not go together.
        await sleep(limit_s * self._subject.rng.uniform(1 - _AGE_SPREAD, 1))
        self._told.due(f"ran for {limit_s:g} s, its `age`")

    async def _wait_idle(self, listener: Listener, limit_s: float) -> None:
        quiet = 0
        while quiet < _IDLE_LOOKS:
            await sleep(limit_s / _IDLE_LOOKS)
            quiet = 0 if listener.connections() else quiet + 1
        self._told.idle(f"no connection for {limit_s:g} s")


async def _changed(notify: NotifySocket) -> None:
    await notify.changed.wait()
