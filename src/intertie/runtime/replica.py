"""The life of one replica: waiting, starting, running, ending, and starting again by itself."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from anyio import CancelScope, Event, current_time, sleep, to_thread
from anyio.abc import TaskGroup

from intertie.drivers import Instance, Launch
from intertie.drivers.listen import Listener
from intertie.drivers.terminal import Terminal
from intertie.errors import IntertieError, NeedError
from intertie.event import ServiceFailed
from intertie.plan import State
from intertie.runtime.backoff import Backoff
from intertie.runtime.environment import make_launch
from intertie.runtime.ledger import Entry
from intertie.runtime.logs import STREAMS, Source
from intertie.runtime.ports import is_free, require_free
from intertie.runtime.run import End, Run, Tools
from intertie.runtime.standing import Standing
from intertie.suite.service import Service
from intertie.trace_context import current

log = logging.getLogger(__name__)

_RUNS_TO_START = 5
"""A start on request is called failed after this many runs that ended before ready."""


Needs = Callable[[Service], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Links:
    """What a replica must know of the others."""

    needs: Needs
    """Returns once the conditions of `depends_on` are met; IntertieError when they cannot be."""
    urls: Callable[[], Mapping[str, str]]
    """Of all services that have a port, by name."""
    changed: Callable[[], None]
    """To be told of every change."""


class ReplicaLife:
    """One replica. `begin` and `end` may be called again and again; each begin is a new life."""

    def __init__(self, service: str, index: int, tools: Tools, links: Links) -> None:
        self.standing = Standing(service, index, now=tools.now, changed=links.changed)
        self.was_ready = False
        """Since the last begin."""
        self.trouble: str | None = None
        """Why the start on request is called failed, though more tries may follow."""
        self.log_sizes: Mapping[Source, int] = {}
        """Of its log files before the last run."""
        self._tools = tools
        self._links = links
        self.needed: NeedError | None = None
        """Why it failed, when that was because of another service."""
        self.log_is_ready = False
        """Whether the present process wrote its `ready_log_line`."""
        self._listener: Listener | None = None
        self._terminal: Callable[[], Terminal | None] = lambda: None
        self._port_is_bad = False
        self._scope = CancelScope()
        self._over = Event()
        self._over.set()

    @property
    def terminal(self) -> Terminal | None:
        """That of the present process, if it has one."""
        return self._terminal()

    @property
    def is_active(self) -> bool:
        """Whether a task lives it."""
        return not self._over.is_set()

    @property
    def is_ending(self) -> bool:
        """Active, but told to end."""
        return self.is_active and self._scope.cancel_called

    def reserve_port(self, spec: Service) -> None:
        """Have a port before anything is started, so that the others can be told."""
        if spec.port != "auto":
            self.release_port()
            self.standing.port = spec.port
        elif self.standing.port is None:
            self.standing.port = self._tools.ports.take(self.standing.service)

    def release_port(self) -> None:
        """The port may be given to others."""
        if self.standing.port is not None:
            self._tools.ports.give_back(self.standing.port)
        self.standing.port = None

    def begin(self, group: TaskGroup, spec: Service, *, alone: bool = False) -> None:
        """Live in a task of `group`, until `end` or until it is not to be started again.

        `alone` does not wait for what the service depends on.
        """
        self._renew(State.WAITING, "waiting for what it depends on")
        group.start_soon(self._live, spec, None if alone else self._links.needs, self._scope)

    def adopt(self, group: TaskGroup, spec: Service, entry: Entry, instance: Instance) -> None:
        """Live on with a process that runs already, as it was written down."""
        self.release_port()
        self.standing.port = entry.port
        if entry.port is not None:
            self._tools.ports.claim(entry.port)
        sources = (Source(entry.service, entry.replica, stream) for stream in STREAMS)
        self.log_sizes = dict(zip(sources, entry.log_offsets, strict=True))
        self._renew(State.STARTING, "taken over from an earlier daemon")
        group.start_soon(self._live, spec, None, self._scope, instance)

    async def end(self) -> None:
        """Stop; return when every process of it is gone. Raises IntertieError if one stays."""
        self.standing.asked_in = current.get()
        self._scope.cancel()
        await self._over.wait()
        if self.standing.pid is not None:
            raise IntertieError(self.standing.reason)
        if self.standing.state is State.FAILED:
            self.standing.enter(State.STOPPED, "stopped on request")

    async def over(self) -> None:
        """Return when no task lives it."""
        await self._over.wait()

    def launch(self, spec: Service) -> Launch:
        """How to start it. Raises IntertieError for what the environment lacks."""
        return make_launch(
            self.standing.service,
            self.standing.index,
            spec,
            port=self.standing.port,
            urls=self._links.urls(),
            place=self._tools.place,
        )

    def _renew(self, state: State, reason: str) -> None:
        self._over = Event()
        self._scope = CancelScope()
        self.was_ready = False
        self.trouble = None
        self.needed = None
        self.standing.begin(state, reason)

    async def _live(
        self,
        spec: Service,
        needs: Needs | None,
        scope: CancelScope,
        adopted: Instance | None = None,
    ) -> None:
        try:
            with scope:
                if needs is not None:
                    await needs(spec)
                await self._keep_running(spec, adopted)
            if scope.cancelled_caught:
                self.standing.enter(State.STOPPED, "stopped on request")
        except NeedError as exc:
            self.needed = exc
            self.trouble = str(exc)
            self._fail(f"it needs {exc.root!r}, {exc.cause}")
        except IntertieError as exc:
            self.trouble = str(exc)
            self._fail(str(exc))
        except Exception:  # a fault of ours in one replica must not take the others down
            log.exception("replica failed by a fault", extra={"service": self.standing.service})
            self._fail("an internal fault; see the daemon's log")
        finally:
            self._close_listener()
            self._over.set()
            self._links.changed()

    async def _keep_running(self, spec: Service, adopted: Instance | None) -> None:
        backoff = Backoff(spec.restart, self._tools.rng)
        began_s = current_time()
        while True:
            if spec.on_demand is not None and adopted is None:
                await self._be_asked_for(spec)
            run_s = current_time()
            end = await self._run(spec, adopted)
            current.set(self._tools.tracer.begin())  # what comes now, nobody's change caused
            adopted = None
            if end.how == "idle":
                continue
            now_s = current_time()
            wait_s = _wait_s(backoff, spec, end, at_s=now_s, ran_s=now_s - run_s)
            if wait_s is None:
                self._settle(end)
                return
            self._judge_start(spec, end, now_s - began_s)
            if not end.ok:
                self._announce_failure(end.why, wait_s)
            self.standing.restarts += 1
            self.standing.enter(State.BACKOFF, end.why)
            await sleep(wait_s)

    async def _be_asked_for(self, spec: Service) -> None:
        """Hold the port open and return when somebody connects."""
        listener = self._listener
        if listener is None:
            await self._ready_port(spec)
            port = self.standing.port
            if port is None:
                raise ValueError("starting by a connection needs a port")
            listener = self._listener = Listener(port, service=self.standing.service)
        self._note_ready()
        self.standing.enter(State.LISTENING, "waiting for a connection")
        await listener.wait_connection()

    def _close_listener(self) -> None:
        if self._listener is not None:
            self._listener.close()
        self._listener = None

    async def _run(self, spec: Service, adopted: Instance | None) -> End:
        run = Run(
            self.standing,
            spec,
            self._tools,
            asked=lambda: self._scope.cancel_called,
            on_ready=self._note_ready,
            on_log_ready=self._note_log_ready,
        )
        if adopted is not None:
            run.log_sizes = self.log_sizes
        self.log_is_ready = False
        self._terminal = lambda: run.terminal
        try:
            if adopted is None:
                self.standing.enter(State.STARTING, "starting")
                if self._listener is None:
                    await self._ready_port(spec)
            launch = await self._launch(spec)
            end = await run.live(launch, adopted, self._listener)
        except IntertieError as exc:
            if self.standing.pid is not None:
                raise  # it could not be stopped: there must not be a second one
            self.trouble = str(exc)
            return End(ok=False, why=str(exc))
        finally:
            self.log_sizes = run.log_sizes
            self._terminal = lambda: None
        self._port_is_bad = not end.was_ready
        return end

    async def _launch(self, spec: Service) -> Launch:
        if spec.user is None:
            return self.launch(spec)
        # Who that is, a directory server may have to be asked.
        return await to_thread.run_sync(self.launch, spec)

    async def _ready_port(self, spec: Service) -> None:
        """Have a port that is free now. Raises DriverError when a fixed one is not."""
        self.reserve_port(spec)
        port = self.standing.port
        if port is None:
            return
        if spec.port != "auto":
            await require_free(port, self.standing.service)
        elif self._port_is_bad or not is_free(port):
            self.release_port()
            self.reserve_port(spec)

    def _note_ready(self) -> None:
        self.was_ready = True
        self.trouble = None

    def _note_log_ready(self) -> None:
        self.log_is_ready = True
        self._links.changed()

    def _judge_start(self, spec: Service, end: End, since_begin_s: float) -> None:
        """Whoever waits for the first start learns when it goes badly."""
        limit_s = spec.healthcheck.start_period if spec.healthcheck else 0.0
        is_long = since_begin_s >= limit_s or self.standing.restarts + 1 >= _RUNS_TO_START
        if not self.was_ready and is_long:
            self.trouble = self.trouble or self._sentence(end.why)

    def _settle(self, end: End) -> None:
        if end.ok:
            self.standing.enter(State.COMPLETED, end.why)
        else:
            self._fail(end.why)

    def _fail(self, why: str) -> None:
        if not self.was_ready:
            self.trouble = self.trouble or self._sentence(why)
        self.standing.enter(State.FAILED, why)
        self._announce_failure(why, None)

    def _sentence(self, why: str) -> str:
        return f"cannot start service {self.standing.service!r}: {why}"

    def _announce_failure(self, why: str, retry_in_s: float | None) -> None:
        payload = ServiceFailed(
            service=self.standing.service,
            replica=self.standing.index,
            error=why,
            retry_in_s=retry_in_s,
        )
        self._tools.hub.publish(payload, self.standing.service)


def _wait_s(
    backoff: Backoff, spec: Service, end: End, *, at_s: float, ran_s: float
) -> float | None:
    """Seconds until the next start, None when there is none."""
    if end.how == "due":
        return 0.0
    when = spec.restart.when
    is_declared = when.unhealthy or when.memory is not None or when.cpu is not None
    # A service on demand starts again with the next connection; that is no hot loop either.
    forced = (end.how == "forced" and is_declared) or (end.ok and spec.on_demand is not None)
    return backoff.after_end(ok=end.ok, at_s=at_s, ran_s=ran_s, forced=forced)
