"""Run: one process of a replica, from its spawn until nothing of it is left."""

import logging
import math
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from anyio import CancelScope, create_task_group, current_time, move_on_after
from anyio.abc import TaskGroup

from intertie.drivers import Driver, Exit, Instance, Launch
from intertie.drivers.listen import Listener
from intertie.drivers.terminal import Terminal
from intertie.errors import DriverError, StoreError
from intertie.event import (
    HealthChanged,
    HookFailed,
    ServiceFlapping,
    ServiceStarted,
    ServiceStopped,
)
from intertie.plan import Replica, State
from intertie.runtime.checks.notify import NotifySocket, notify_path
from intertie.runtime.environment import Surroundings, fingerprint
from intertie.runtime.guard import Guard, Subject, Told
from intertie.runtime.history import Turn
from intertie.runtime.hooks import run_command, run_hooks
from intertie.runtime.hub import EventHub
from intertie.runtime.ledger import Entry, Ledger
from intertie.runtime.logs import STREAMS, LogReader, Source
from intertie.runtime.ports import Ports
from intertie.runtime.rotation import at_start
from intertie.runtime.standing import Standing
from intertie.suite.service import Hook, Service
from intertie.trace_context import Tracer, Value, current

log = logging.getLogger(__name__)

BeforeStop = Callable[[Replica], Awaitable[None]]
Moment = Literal["pre_start", "post_start", "pre_stop", "post_stop", "stop_command"]
_DRAIN_S = 30.0
_LAST_WORDS_S = 5.0


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
    tracer: Tracer = field(default_factory=Tracer)


@dataclass(frozen=True, slots=True)
class End:
    """How a run ended."""

    ok: bool
    why: str
    was_ready: bool = False
    how: Literal["itself", "forced", "due", "idle"] = "itself"
    """By itself; or ended by us: for a fault, as planned, or because nobody needs it now."""


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
        on_log_ready: Callable[[], None] = lambda: None,
    ) -> None:
        self._standing = standing
        self._spec = spec
        self._tools = tools
        self._asked = asked
        self._on_ready = on_ready
        self._on_log_ready = on_log_ready
        self._began_s = current_time()
        self._ready = False
        self._health = "running"
        self._pid = 0
        self._exited = False
        self._doomed: End | None = None
        self._watch_scope = CancelScope()
        self.log_sizes: Mapping[Source, int] = {}
        """Of its log files before it wrote anything."""
        self.terminal: Terminal | None = None
        """Its own, when it has one."""

    async def live(
        self, launch: Launch, adopted: Instance | None = None, listener: Listener | None = None
    ) -> End:
        """Start (or take over) the process and see it through to its end.

        When cancelled, stops it first. Raises IntertieError when it cannot be started, or stopped.
        """
        if adopted is None and launch.stdout.parent.exists():
            for path in (launch.stdout, launch.stderr):
                at_start(path, self._spec.logging)
        if adopted is None:
            self.log_sizes = self._tools.logs.sizes(launch.service, launch.replica)
        if adopted is None and self._spec.pre_start:
            why = await self._run_hooks("pre_start", self._spec.pre_start, launch)
            if why is not None:
                raise DriverError(why, service=launch.service)
        with ExitStack() as stack:
            notify = self._open_notify(stack)
            if notify is not None:
                launch = replace(launch, env={**launch.env, **notify.variables(self._watchdog_s())})
            if listener is not None:
                launch = replace(launch, listen=(listener.fileno(),))
            if self._spec.tty and adopted is None:
                self.terminal = stack.enter_context(Terminal(launch))
                launch = replace(launch, terminal=self.terminal.slave)
            instance = adopted or await self._tools.driver.start(launch)
            async with self._copying(instance):
                try:
                    self._note_spawn(instance)
                    if notify is not None:
                        notify.listen(self._pid, is_ready=adopted is not None)
                    return await self._watch(self._subject(launch, notify, listener), instance)
                finally:
                    with CancelScope(shield=True):
                        await self._put_away(launch, instance)

    @asynccontextmanager
    async def _copying(self, instance: Instance) -> AsyncIterator[None]:
        """While the block runs, and a little longer, copy what the terminal shows."""
        terminal = self.terminal
        if terminal is None:
            yield
            return
        scope = CancelScope(shield=True)

        async def copy() -> None:
            with scope:
                await terminal.run(instance.wait)

        async with create_task_group() as group:
            group.start_soon(copy)
            try:
                yield
            finally:
                scope.deadline = current_time() + _LAST_WORDS_S

    def _subject(
        self, launch: Launch, notify: NotifySocket | None, listener: Listener | None
    ) -> Subject:
        return Subject(
            spec=self._spec,
            launch=launch,
            pid=self._pid,
            port=self._standing.port,
            driver=self._tools.driver,
            rng=self._tools.rng,
            notify=notify,
            listener=listener,
            log_offsets=self._log_offsets(),
        )

    def _log_offsets(self) -> tuple[int, int]:
        standing = self._standing
        out, err = (Source(standing.service, standing.index, stream) for stream in STREAMS)
        return self.log_sizes.get(out, 0), self.log_sizes.get(err, 0)

    def _open_notify(self, stack: ExitStack) -> NotifySocket | None:
        probes = self._spec.healthcheck.probes if self._spec.healthcheck else ()
        if not any(probe.notify for probe in probes):
            return None
        standing = self._standing
        path = notify_path(self._tools.place.sockets, standing.service, standing.index)
        check = self._spec.healthcheck
        waits = check is not None and bool(check.notify)
        return stack.enter_context(NotifySocket(path, waits_for_ready=waits))

    def _watchdog_s(self) -> float | None:
        check = self._spec.healthcheck
        liveness = check.liveness if check else None
        return liveness.timeout if liveness is not None and liveness.notify else None

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
            log_offsets=self._log_offsets(),
        )
        try:
            self._tools.ledger.record(entry)
        except StoreError as exc:  # the next daemon still finds it by its marker, and ends it
            fields = {"service": standing.service, "why": str(exc)}
            log.warning("process not recorded", extra=fields)

    async def _watch(self, subject: Subject, instance: Instance) -> End:
        if _is_plain(self._spec):
            self._be_ready("running")
            return self._ended(await instance.wait())
        end = None
        hooks = create_task_group()
        guard = Guard(subject, self._told(hooks, subject.launch))
        async with hooks as group:
            with self._watch_scope:
                if guard.patience_s is not None:
                    self._watch_scope.deadline = current_time() + guard.patience_s
                group.start_soon(guard.run)
                end = self._ended(await instance.wait())
            group.cancel_scope.cancel()
        return end or self._doomed or self._too_late(guard)

    def _told(self, group: TaskGroup, launch: Launch) -> Told:
        def ready(reason: str) -> None:
            self._watch_scope.deadline = math.inf
            self._be_ready(reason)
            if self._spec.post_start:
                group.start_soon(self._run_hooks, "post_start", self._spec.post_start, launch)

        return Told(
            log_ready=self._on_log_ready,
            health=self._turn,
            ready=ready,
            failed=lambda why: self._doom(End(ok=False, why=why, how="forced")),
            due=lambda why: self._doom(End(ok=True, why=why, how="due")),
            idle=lambda why: self._doom(End(ok=True, why=why, how="idle")),
        )

    def _doom(self, end: End) -> None:
        """The process is to be ended by us, for this reason."""
        if self._doomed is None and not self._exited:
            self._doomed = replace(end, was_ready=self._ready)
            self._standing.enter(State.STOPPING, end.why)
            self._watch_scope.cancel()

    def _turn(self, up: bool, reason: str) -> None:
        """The start goes on in the trace it began in; later each turn begins one of its own."""
        tracer = self._tools.tracer
        context = tracer.begin() if self._ready else tracer.child()
        fields: dict[str, Value] = {"intertie.service": self._standing.service, "intertie.up": up}
        with tracer.within(context, "health changed", fields=fields) as piece:
            piece.failed = None if up else reason
            self._tell_turn(up, reason)

    def _tell_turn(self, up: bool, reason: str) -> None:
        standing = self._standing
        told = {"service": standing.service, "replica": standing.index, "up": up, "why": reason}
        log.log(logging.INFO if up else logging.WARNING, "health changed", extra=told)
        if self._ready:
            standing.enter(State.RUNNING if up else State.UNHEALTHY, reason)
        payload = HealthChanged(
            service=standing.service,
            replica=standing.index,
            status="UP" if up else "DOWN",
            reason=reason,
        )
        self._tools.hub.publish(payload, standing.service)
        self._note_turn(Turn(self._tools.now(), up, reason))

    def _note_turn(self, turn: Turn) -> None:
        standing, check = self._standing, self._spec.healthcheck
        if check is not None and standing.health.note(turn, check.flapping):
            payload = ServiceFlapping(
                service=standing.service,
                replica=standing.index,
                changes=check.flapping.changes,
                window_s=check.flapping.window,
            )
            self._tools.hub.publish(payload, standing.service)

    def _be_ready(self, reason: str) -> None:
        self._ready = True
        self._on_ready()
        self._standing.enter(State.RUNNING, reason)
        payload = ServiceStarted(
            service=self._standing.service,
            replica=self._standing.index,
            pid=self._pid,
            port=self._standing.port,
            took_s=current_time() - self._began_s,
        )
        self._tools.hub.publish(payload, self._standing.service)

    def _ended(self, exit_: Exit) -> End:
        self._exited = True
        self._standing.enter(State.STOPPING, "ended; clearing away what it left")
        if exit_.signal is not None:
            why = f"ended by signal {exit_.signal}"
        elif exit_.code is None:
            why = "ended; another daemon had started it, so its exit code is not known"
        else:
            why = f"ended with exit code {exit_.code}"
        ok = exit_.code in self._spec.restart.success_exit_codes
        return End(ok, why, self._ready)

    def _too_late(self, guard: Guard) -> End:
        self._standing.enter(State.STOPPING, "not ready in time")
        what = "healthy" if self._spec.healthcheck else "ready"
        why = f"not {what} within {guard.patience_s:g} s: {guard.last_reason}"
        return End(ok=False, why=why)

    async def _put_away(self, launch: Launch, instance: Instance) -> None:
        """Stop, and forget only what is gone."""
        wanted = self._asked()
        if wanted and self._standing.asked_in is not None:
            current.set(self._standing.asked_in)
        if wanted or (self._doomed is not None and self._doomed.ok):
            await self._drain()
        if wanted:
            self._standing.enter(State.STOPPING, "stopping on request")
        if not self._exited:
            await self._ask_to_stop(launch, instance)
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
        if self._spec.post_stop:
            await self._run_hooks("post_stop", self._spec.post_stop, launch)

    async def _ask_to_stop(self, launch: Launch, instance: Instance) -> None:
        if self._spec.pre_stop:
            await self._run_hooks("pre_stop", self._spec.pre_stop, launch)
        if self._spec.stop_command is None:
            return
        grace_s = self._spec.stop_grace_period
        with move_on_after(grace_s):
            hook = Hook(command=self._spec.stop_command, timeout=max(grace_s, 0.001))
            why = await run_command(self._tools.driver, "stop_command", hook, launch)
            if why is not None:
                self._tell_failed_hook("stop_command", why)
                return
            await instance.wait()

    async def _run_hooks(self, moment: Moment, hooks: Sequence[Hook], launch: Launch) -> str | None:
        why = await run_hooks(self._tools.driver, moment, hooks, launch)
        if why is not None:
            self._tell_failed_hook(moment, why)
        return why

    def _tell_failed_hook(self, moment: Moment, why: str) -> None:
        standing = self._standing
        payload = HookFailed(
            service=standing.service, replica=standing.index, moment=moment, error=why
        )
        self._tools.hub.publish(payload, standing.service)

    async def _drain(self) -> None:
        before_stop = self._tools.before_stop
        standing = self._standing
        if before_stop is None or standing.port is None or not self._ready:
            return
        standing.drain()
        try:
            with move_on_after(_DRAIN_S):
                await before_stop(standing.view())
        except Exception:  # whatever is wrong with the others, a service can be stopped
            log.exception("replica not drained", extra={"service": standing.service})


def _is_plain(spec: Service) -> bool:
    """Whether there is nothing to ask of its process but its end."""
    when = spec.restart.when
    return not (
        spec.healthcheck
        or spec.ready_log_line
        or spec.post_start
        or spec.on_demand
        or any((when.memory, when.cpu, when.age))
    )
