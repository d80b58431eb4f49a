"""Run: one process of a replica, from its spawn until nothing of it is left."""

import logging
import math
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from anyio import CancelScope, create_task_group, current_time, move_on_after

from intertie.drivers import Driver, Exit, Instance, Launch
from intertie.errors import StoreError
from intertie.event import HealthChanged, ServiceStarted, ServiceStopped
from intertie.plan import Replica, State
from intertie.runtime.checks import make_check
from intertie.runtime.environment import Surroundings, fingerprint
from intertie.runtime.health import Monitor
from intertie.runtime.hub import EventHub
from intertie.runtime.ledger import Entry, Ledger
from intertie.runtime.logs import LogReader, Source
from intertie.runtime.ports import Ports
from intertie.runtime.standing import Standing
from intertie.suite.model import Healthcheck, Service

log = logging.getLogger(__name__)

BeforeStop = Callable[[Replica], Awaitable[None]]
_DRAIN_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What all replicas of a supervisor share."""

    driver: Driver
    hub: EventHub
    ledger: Ledger
    ports: Ports
    logs: LogReader
    place: Surroundings
    before_stop: BeforeStop | None
    now: Callable[[], datetime]
    rng: random.Random


@dataclass(frozen=True, slots=True)
class End:
    """How a run ended."""

    ok: bool
    why: str
    was_ready: bool = False


class Run:
    """One process. `asked` tells whether a stop was asked for; `on_ready` is called once."""

    def __init__(
        self,
        standing: Standing,
        spec: Service,
        tools: Tools,
        *,
        asked: Callable[[], bool],
        on_ready: Callable[[], None],
    ) -> None:
        self._standing = standing
        self._spec = spec
        self._tools = tools
        self._asked = asked
        self._on_ready = on_ready
        self._began_s = current_time()
        self._ready = False
        self._pid = 0
        self.log_sizes: Mapping[Source, int] = {}
        """Of its log files before it wrote anything."""

    async def live(self, launch: Launch, adopted: Instance | None) -> End:
        """Start (or take over) the process and see it through to its end.

        When cancelled, stops it first. Raises IntertieError when it cannot be started, or stopped.
        """
        self.log_sizes = self._tools.logs.sizes(launch.service, launch.replica)
        instance = adopted or await self._tools.driver.start(launch)
        try:
            self._note_spawn(instance)
            return await self._watch(launch, instance)
        finally:
            with CancelScope(shield=True):
                await self._put_away(instance)

    def _note_spawn(self, instance: Instance) -> None:
        standing = self._standing
        self._pid = instance.identity.pid
        standing.has_process(self._pid)
        entry = Entry(
            service=standing.service,
            replica=standing.index,
            identity=instance.identity,
            port=standing.port,
            fingerprint=fingerprint(self._spec),
            stop_signal=self._spec.stop_signal,
            stop_grace_s=self._spec.stop_grace_period,
        )
        try:
            self._tools.ledger.record(entry)
        except StoreError as exc:  # the next daemon still finds it by its marker, and ends it
            fields = {"service": standing.service, "why": str(exc)}
            log.warning("process not recorded", extra=fields)

    async def _watch(self, launch: Launch, instance: Instance) -> End:
        if self._spec.healthcheck is None:
            self._be_ready("running")
            return self._ended(await instance.wait())
        return await self._watch_health(self._spec.healthcheck, launch, instance)

    async def _watch_health(self, spec: Healthcheck, launch: Launch, instance: Instance) -> End:
        check = make_check(spec, self._standing.port, driver=self._tools.driver, launch=launch)
        monitor = Monitor(spec, check, rng=self._tools.rng)
        end = None
        async with create_task_group() as group:
            with move_on_after(spec.start_period) as patience:

                def turn(up: bool, reason: str) -> None:
                    patience.deadline = math.inf
                    self._turn(up, reason)

                group.start_soon(monitor.run, turn)
                end = self._ended(await instance.wait())
            group.cancel_scope.cancel()
        return end or self._too_late(spec.start_period, monitor.last_reason)

    def _turn(self, up: bool, reason: str) -> None:
        if up:
            self._be_ready(reason)
        else:
            self._standing.enter(State.UNHEALTHY, reason)
        payload = HealthChanged(
            service=self._standing.service,
            replica=self._standing.index,
            status="UP" if up else "DOWN",
            reason=reason,
        )
        self._tools.hub.publish(payload, self._standing.service)

    def _be_ready(self, reason: str) -> None:
        is_first = not self._ready
        if is_first:
            self._ready = True
            self._on_ready()
        self._standing.enter(State.RUNNING, reason)
        if is_first:
            payload = ServiceStarted(
                service=self._standing.service,
                replica=self._standing.index,
                pid=self._pid,
                port=self._standing.port,
                took_s=current_time() - self._began_s,
            )
            self._tools.hub.publish(payload, self._standing.service)

    def _ended(self, exit_: Exit) -> End:
        self._standing.enter(State.STOPPING, "ended; clearing away what it left")
        if exit_.signal is not None:
            why = f"ended by signal {exit_.signal}"
        elif exit_.code is None:
            why = "ended; another daemon had started it, so its exit code is not known"
        else:
            why = f"ended with exit code {exit_.code}"
        return End(exit_.ok, why, self._ready)

    def _too_late(self, period_s: float, reason: str) -> End:
        self._standing.enter(State.STOPPING, "not healthy in time")
        return End(ok=False, why=f"not healthy within {period_s:g} s: {reason}")

    async def _put_away(self, instance: Instance) -> None:
        """Stop, and forget only what is gone."""
        wanted = self._asked()
        if wanted:
            await self._drain()
            self._standing.enter(State.STOPPING, "stopping on request")
        exit_ = await instance.stop()
        standing = self._standing
        self._tools.ledger.forget(standing.service, standing.index)
        standing.has_process(None)
        payload = ServiceStopped(
            service=standing.service,
            replica=standing.index,
            pid=instance.identity.pid,
            exit_code=exit_.code,
            signal=exit_.signal,
            wanted=wanted,
        )
        self._tools.hub.publish(payload, standing.service)

    async def _drain(self) -> None:
        before_stop = self._tools.before_stop
        standing = self._standing
        if before_stop is None or standing.port is None or standing.state is not State.RUNNING:
            return
        standing.drain()
        try:
            with move_on_after(_DRAIN_S):
                await before_stop(standing.view())
        except Exception:  # whatever is wrong with the others, a service can be stopped
            log.exception("replica not drained", extra={"service": standing.service})
