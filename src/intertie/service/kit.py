"""Service: what a program of a suite gets from the kit, by one object."""

import os
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from intertie.errors import BusError
from intertie.service.environment import read_environment
from intertie.service.trace import Tracing, current

if TYPE_CHECKING:
    from anyio import Event as Signal
    from prometheus_client import Counter, Gauge, Histogram
    from pydantic import BaseModel
    from starlette.types import ASGIApp

    from intertie.bus.port import Priority
    from intertie.event import Event, Payload
    from intertie.service.drain import Drain
    from intertie.service.health import Health, Probe
    from intertie.service.life import Life
    from intertie.service.messages import Messages, Subscribed
    from intertie.service.metrics import Metrics

    M = TypeVar("M", bound=BaseModel)
    P = TypeVar("P", bound=Payload)

W = TypeVar("W", bound=Callable[[], Coroutine[Any, Any, None]])
F = TypeVar("F", bound=Callable[..., Awaitable[Any]])  # Any: handlers may return what they like

_CHECK_S = 2.0


class Service:
    """One per program. The name is by default the one the suite gave to the process.

    What is not used is not loaded: neither structlog nor OpenTelemetry nor a broker's client.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        access_log: bool = False,
        logs: bool = True,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """`access_log` writes a line for each request; `logs=False` leaves logging as it is.

        Raises IntertieError for an environment that cannot be used.
        """
        self._environment = read_environment(name, os.environ if environ is None else environ)
        self._access_log = access_log
        self._format_logs = logs
        self._tracing = Tracing(self._environment)
        self._subscribed: list[Subscribed] = []
        self._is_set_up = False

    @property
    def name(self) -> str:
        """Of the service, without the replica."""
        return self._environment.service

    @property
    def replica(self) -> str:
        """Which one of the service this process is: `0`, `1`."""
        return self._environment.replica

    @property
    def port(self) -> int | None:
        """Where to listen, when the suite gave it one."""
        return self._environment.port

    @property
    def has_bus(self) -> bool:
        """Whether the suite has a message bus."""
        return self._environment.bus_url is not None

    @property
    def stopping(self) -> "Signal":
        """Set once a stop was asked for; a worker that loops should end then."""
        return self._drain.began

    def url(self, service: str) -> str:
        """Where another service of the suite is. Raises IntertieError."""
        return self._environment.url(service)

    def settings(self, model: "type[M]", *, prefix: str = "") -> "M":
        """The model, filled from the environment: one variable a field, in capital letters.

        Raises IntertieError that tells every fault at once.
        """
        from intertie.service.settings import read_settings

        return read_settings(model, self._environment.variables, prefix=prefix)

    def wrap(self, app: "ASGIApp", *, own_pages: Collection[str] = ()) -> "ASGIApp":
        """The application with everything around it; run it with any ASGI server, or `run`.

        `own_pages` are those of `/health`, `/health/live`, `/health/ready` and `/metrics` that the
        application answers itself.
        """
        from intertie.service.asgi import wrap
        from intertie.service.pages import make_pages

        self._set_up()
        pages = make_pages(self._life, self._health, self._metrics)
        return wrap(
            app,
            self._life,
            pages={path: page for path, page in pages.items() if path not in own_pages},
            requests=self._metrics.requests,
            access_log=self._access_log,
        )

    def run(self, app: "ASGIApp | None" = None) -> None:
        """Run until a signal, then drain and return. `app` is what `wrap` gave.

        Without one the workers and handlers run, and `/health` and `/metrics` are served when
        there is a port; with neither handlers nor unended workers it returns.
        """
        from intertie.service.pages import nothing
        from intertie.service.serve import DEFAULT_PORT, run

        waits = app is not None or bool(self._subscribed) or not self._life.has_workers
        served = app or (self.wrap(nothing) if self.port else None)
        self._set_up()
        port = self.port or (DEFAULT_PORT if served else None)
        run(served, self._life, port=port, until_stopped=waits)

    def worker(self, work: W) -> W:
        """Decorator: run it beside all else. `stopping` asks it to end; it is cancelled if not."""
        self._life.add_worker(getattr(work, "__name__", repr(work)), work)
        return work

    def health_check(
        self, name: str, *, critical: bool = True, timeout_s: float = _CHECK_S
    ) -> "Callable[[Probe], Probe]":
        """Decorator: an async function that raises, or returns False, when `name` is not there."""
        from intertie.service.health import Check

        def add(probe: "Probe") -> "Probe":
            self._health.add(Check(name, probe, critical, timeout_s))
            return probe

        return add

    def counter(self, name: str, help: str, labels: Sequence[str] = ()) -> "Counter":
        """A number that only grows, shown at `/metrics`."""
        return self._metrics.counter(name, help, labels)

    def gauge(self, name: str, help: str, labels: Sequence[str] = ()) -> "Gauge":
        """A number that goes up and down, shown at `/metrics`."""
        return self._metrics.gauge(name, help, labels)

    def histogram(self, name: str, help: str, labels: Sequence[str] = ()) -> "Histogram":
        """How numbers are spread, shown at `/metrics`."""
        return self._metrics.histogram(name, help, labels)

    def headers(self) -> dict[str, str]:
        """To send with a call to another service, so that the trace goes on there."""
        trace = current.get()
        return {} if trace is None else trace.headers()

    def span(self, name: str, **fields: str | float | bool) -> "AbstractContextManager[object]":
        """A block of work, as a span of its own in the current trace."""
        return self._tracing.within(self._tracing.child(), name, "INTERNAL", fields)

    def subscribe(
        self,
        model: "type[P]",
        *,
        group: str | None = None,
        concurrency: int = 1,
        topic: str | None = None,
        from_start: bool = False,
    ) -> Callable[[F], F]:
        """Decorator: handle each message of the model's topic.

        The handler takes the payload, and the Event too when it has a second parameter. When it
        returns, the message is dealt with; when it raises it is tried again (Retry says when), and
        Reject buries it. `topic` may be a pattern. Members of a group share its messages.
        """
        from intertie.bus.port import Subscription
        from intertie.service.messages import subscribed

        wanted = Subscription(topic or model.type, group, from_start=from_start)

        def add(handler: F) -> F:
            self._subscribed.append(
                subscribed(model, handler, concurrency=concurrency, subscription=wanted)
            )
            if self._is_set_up:
                self._use_bus()
            return handler

        return add

    async def publish(
        self,
        payload: "Payload",
        *,
        subject: str,
        key: str | None = None,
        priority: "Priority" = "normal",
        topic: str = "",
        id: str | None = None,
    ) -> "Event":
        """Publish, and return once the broker keeps it; the same `id` is the same event.

        Raises BusError, and BusUnavailableError when the broker was away for too long.
        """
        if not self._life.begun:
            raise BusError("cannot publish: the service has not started")
        self._use_bus()
        return await self._messages.publish(
            payload, subject, key=key, priority=priority, topic=topic, id=id
        )

    def _set_up(self) -> None:
        """Once, before anything runs."""
        if self._is_set_up:
            return
        self._is_set_up = True
        if self._format_logs:
            from intertie.service.logs import set_up

            set_up(self._environment)
        if self._subscribed:
            self._use_bus()
        if self._life.has_workers:
            self.health_check("workers")(self._life.probe_workers)
        self._life.add_background(self._run_bus)

    def _use_bus(self) -> None:
        """Have it connected, and among the dependencies. Raises BusError when there is none."""
        if not self._bus_wanted.is_set():
            # The broker being away is no reason to start this service anew: not critical.
            self.health_check("bus", critical=False)(self._messages.probe)
            self._bus_wanted.set()

    async def _run_bus(self) -> None:
        await self._bus_wanted.wait()
        await self._messages.run(self._subscribed)

    @cached_property
    def _messages(self) -> "Messages":
        from intertie.service.messages import Messages

        environment = self._environment
        if environment.bus_url is None:
            raise BusError(
                "cannot use the bus: INTERTIE_BUS_URL is not set; a suite with a bus gives it"
            )
        source = "/".join(filter(None, ("intertie", environment.suite, environment.service)))
        return Messages(
            environment.bus_url,
            source,
            schemas=environment.bus_schemas,
            drain=self._drain,
            tracing=self._tracing,
            metrics=self._metrics,
        )

    @cached_property
    def _drain(self) -> "Drain":
        from intertie.service.drain import Drain

        return Drain()

    @cached_property
    def _bus_wanted(self) -> "Signal":
        from anyio import Event

        return Event()

    @cached_property
    def _life(self) -> "Life":
        from intertie.service.life import Life

        return Life(self._environment, self._drain, self._tracing)

    @cached_property
    def _metrics(self) -> "Metrics":
        from intertie.service.metrics import Metrics

        return Metrics()

    @cached_property
    def _health(self) -> "Health":
        from intertie.service.health import Health

        return Health()
