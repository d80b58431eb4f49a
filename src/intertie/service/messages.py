"""Typed messages: what a service publishes, and the handlers it subscribes with."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from time import perf_counter
from typing import Any

from anyio import Event as Signal
from anyio import create_task_group, fail_after, sleep, sleep_forever
from anyio.abc import TaskStatus
from pydantic import ValidationError

from intertie.bus.client import Client
from intertie.bus.client import Settings as ClientSettings
from intertie.bus.consumer import Consumer
from intertie.bus.engines import open_bus
from intertie.bus.outcome import Reject, Retry
from intertie.bus.port import Priority, Subscription
from intertie.bus.schemas import Schemas
from intertie.bus.url import parse_url
from intertie.errors import BusError, BusUnavailableError
from intertie.event import Event, Payload
from intertie.service.drain import Drain
from intertie.service.gate import GatedBus
from intertie.service.metrics import Metrics
from intertie.service.trace import Tracing
from intertie.suite.bus import QueueConfig

log = logging.getLogger(__name__)

_RECONNECT_S = (0.1, 5.0)

Handler = Callable[..., Awaitable[None]]
"""Takes the payload, and the Event too when it has a second parameter."""


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A handler and what it wants."""

    model: type[Payload]
    handler: Handler
    subscription: Subscription
    concurrency: int

    @property
    def name(self) -> str:
        """For logs."""
        return getattr(self.handler, "__name__", repr(self.handler))


class Messages:
    """The service's connection to the bus.

    A broker that is away is waited for, and neither keeps the service from starting nor ends it.
    """

    def __init__(
        self,
        url: str,
        source: str,
        *,
        schemas: str | None = None,
        drain: Drain,
        tracing: Tracing,
        metrics: Metrics,
    ) -> None:
        """`schemas` is the file with those of the suite's topics. Raises BusError."""
        self._config: QueueConfig = parse_url(url)
        self._schemas = Schemas.read(Path(schemas)) if schemas else Schemas()
        self._source = source
        self._drain = drain
        self._tracing = tracing
        self._metrics = metrics
        self._connected = Signal()
        self._client: Client | None = None
        self._consumers: list[Consumer] = []
        self._problem: str | None = None

    async def probe(self) -> None:
        """The health check: raises BusError when messages cannot go out or come in."""
        if self._problem:
            raise BusError(self._problem)
        if not self._connected.is_set():
            raise BusUnavailableError("not connected yet")
        if not all(consumer.connected for consumer in self._consumers):
            raise BusUnavailableError("no messages come in: the broker cannot be reached")

    async def publish(
        self,
        payload: Payload,
        subject: str,
        *,
        key: str | None,
        priority: Priority,
        topic: str,
        id: str | None = None,
    ) -> Event:
        """Publish within the current trace. Raises BusError, BusUnavailableError."""
        client = await self._ready()
        trace = self._tracing.child()
        sent_to = topic or payload.type
        with self._tracing.within(trace, f"publish {sent_to}", "PRODUCER", _fields(sent_to)):
            event = await client.publish(
                payload,
                subject,
                topic=topic,
                key=key,
                priority=priority,
                traceparent=trace.traceparent,
                id=id,
            )
        self._metrics.published.labels(sent_to).inc()
        return event

    async def run(self, subscribed: list[Subscribed]) -> None:
        """Stay connected until cancelled."""
        wait_s, longest_s = _RECONNECT_S
        while True:
            try:
                await self._serve(subscribed)
            except* BusError as group:
                reason = str(_first(group))
                if reason != self._problem:
                    log.warning("bus cannot be used", extra={"reason": reason})
                self._problem = reason
            await sleep(wait_s)
            wait_s = min(longest_s, wait_s * 2)

    async def _serve(self, subscribed: list[Subscribed]) -> None:
        settings = ClientSettings(
            self._source,
            max_tries=self._config.max_tries,
            publish_timeout_s=self._config.publish_timeout,
        )
        async with open_bus(self._config) as bus:
            client = Client(GatedBus(bus, self._drain), settings, schemas=self._schemas)
            self._problem = None
            try:
                async with create_task_group() as group:
                    for each in subscribed:
                        await group.start(self._consume, client, each)
                    # Only now: what is published here reaches our own handlers, too.
                    self._client = client
                    self._connected.set()
                    await sleep_forever()
            finally:
                self._client, self._connected = None, Signal()

    async def _consume(
        self, client: Client, each: Subscribed, *, task_status: TaskStatus[None]
    ) -> None:
        """One subscription; one that is impossible is told, and the others go on."""
        handle = self._handle(each)
        consumer = client.consumer(each.subscription, handle, concurrency=each.concurrency)
        self._consumers.append(consumer)
        try:
            await consumer.run(task_status=task_status)
        except BusError as exc:
            with suppress(RuntimeError):  # it had started
                task_status.started()
            self._problem = f"{each.name} gets no messages: {exc}"
            log.error("subscription failed", extra={"handler": each.name, "reason": str(exc)})
        finally:
            self._consumers.remove(consumer)

    async def _ready(self) -> Client:
        try:
            with fail_after(self._config.publish_timeout):
                await self._connected.wait()
        except TimeoutError as exc:
            why = self._problem or "there is no connection yet"
            raise BusUnavailableError(f"cannot publish: {why}") from exc
        if self._client is None:
            raise BusUnavailableError("cannot publish: the service is stopping")
        return self._client

    def _handle(self, each: Subscribed) -> Callable[[Event], Awaitable[None]]:
        both = _takes_event(each.handler)

        async def handle(event: Event) -> None:
            if self._drain.stopping:  # taken, but not begun: it will come again, to another one
                await sleep_forever()
            payload = _payload(each.model, event)
            trace = self._tracing.follow(event.traceparent)
            fields = {**_fields(event.type), "messaging.message.id": event.id}
            began, outcome = perf_counter(), "failed"
            self._drain.enter()
            try:
                with self._tracing.within(trace, f"process {event.type}", "CONSUMER", fields):
                    await (each.handler(payload, event) if both else each.handler(payload))
                outcome = "done"
            except Retry:
                outcome = "retried"
                raise
            finally:
                self._drain.leave()
                self._metrics.handled.labels(event.type, outcome).inc()
                self._metrics.handling.labels(event.type).observe(perf_counter() - began)

        return handle


def subscribed(
    model: type[Payload], handler: Handler, *, concurrency: int, subscription: Subscription
) -> Subscribed:
    """A handler for a model. Raises TypeError for one that cannot take it."""
    _takes_event(handler)
    return Subscribed(model, handler, subscription, concurrency)


def _payload(model: type[Payload], event: Event) -> Payload:
    try:
        return model.model_validate(event.data)
    except ValidationError as exc:
        faults = exc.errors(include_url=False, include_input=False, include_context=False)
        told = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in faults)
        raise Reject(f"is not a {model.__name__}: {told}") from exc


def _takes_event(handler: Handler) -> bool:
    count = len(signature(handler).parameters)
    if count not in {1, 2}:
        raise TypeError(
            f"cannot subscribe {handler!r}: expected parameters (payload) or (payload, event)"
        )
    return count > 1


def _fields(topic: str) -> dict[str, str]:
    return {"messaging.destination.name": topic, "messaging.system": "intertie"}


def _first(group: BaseExceptionGroup[Any]) -> BaseException:
    exc: BaseException = group
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    return exc
