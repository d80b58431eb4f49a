"""The life of one replica: waiting, starting, running, ending, and starting again by itself."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from anyio import CancelScope, Event, current_time, sleep
from anyio.abc import TaskGroup

from intertie.drivers import Instance, Launch
from intertie.errors import IntertieError
from intertie.event import ServiceFailed
from intertie.plan import State
from intertie.runtime.backoff import Backoff
from intertie.runtime.environment import make_launch
from intertie.runtime.logs import Source
from intertie.runtime.ports import is_free, require_free
from intertie.runtime.run import End, Run, Tools
from intertie.runtime.standing import Standing
from intertie.suite.model import Service

log = logging.getLogger(__name__)

_RUNS_TO_START = 5
"""A start on request is called failed after this many runs that ended before ready."""


@dataclass(frozen=True, slots=True)
class Links:
    """What a replica must know of the others."""

    needs: Callable[[Service], Awaitable[None]]
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
        self._port_is_bad = False
        self._scope = CancelScope()
        self._over = Event()
        self._over.set()

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

    def begin(self, group: TaskGroup, spec: Service) -> None:
        """Live in a task of `group`, until `end` or until it is not to be started again."""
        self._renew(State.WAITING, "waiting for what it depends on")
        group.start_soon(self._live, spec, None, self._scope)

    def adopt(
        self, group: TaskGroup, spec: Service, instance: Instance, *, port: int | None
    ) -> None:
        """Live on with a process that runs already, on `port`."""
        self.release_port()
        self.standing.port = port
        if port is not None:
            self._tools.ports.claim(port)
        self._renew(State.STARTING, "taken over from an earlier daemon")
        group.start_soon(self._live, spec, instance, self._scope)

    async def end(self) -> None:
        """Stop; return when every process of it is gone. Raises IntertieError if one stays."""
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
        self.standing.restarts = 0
        self.standing.enter(state, reason)

    async def _live(self, spec: Service, adopted: Instance | None, scope: CancelScope) -> None:
        try:
            with scope:
                await self._keep_running(spec, adopted)
            if scope.cancelled_caught:
                self.standing.enter(State.STOPPED, "stopped on request")
        except IntertieError as exc:
            self.trouble = str(exc)
            self._fail(str(exc))
        except Exception:  # a fault of ours in one replica must not take the others down
            log.exception("replica failed by a fault", extra={"service": self.standing.service})
            self._fail("an internal fault; see the daemon's log")
        finally:
            self._over.set()
            self._links.changed()

    async def _keep_running(self, spec: Service, adopted: Instance | None) -> None:
        if adopted is None:
            await self._links.needs(spec)
        backoff = Backoff(spec.restart, self._tools.rng)
        began_s = current_time()
        while True:
            end = await self._run(spec, adopted)
            adopted = None
            wait_s = backoff.after_end(ok=end.ok, at_s=current_time())
            if wait_s is None:
                self._settle(end)
                return
            self._judge_start(spec, end, current_time() - began_s)
            if not end.ok:
                self._announce_failure(end.why, wait_s)
            self.standing.restarts += 1
            self.standing.enter(State.BACKOFF, end.why)
            await sleep(wait_s)

    async def _run(self, spec: Service, adopted: Instance | None) -> End:
        run = Run(
            self.standing,
            spec,
            self._tools,
            asked=lambda: self._scope.cancel_called,
            on_ready=self._note_ready,
        )
        try:
            if adopted is None:
                self.standing.enter(State.STARTING, "starting")
                await self._ready_port(spec)
            end = await run.live(self.launch(spec), adopted)
        except IntertieError as exc:
            if self.standing.pid is not None:
                raise  # it could not be stopped: there must not be a second one
            self.trouble = str(exc)
            return End(ok=False, why=str(exc))
        finally:
            self.log_sizes = run.log_sizes
        self._port_is_bad = not end.was_ready
        return end

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
