"""Client: typed events over any bus. What a service, the bridge and the command line talk through.

Every event that goes out or comes in is checked against its topic's schema; one that does not match
is refused when published, and a dead letter with the reason when received.
"""

import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from os import urandom

from anyio import TASK_STATUS_IGNORED, current_time, sleep
from anyio.abc import TaskStatus

from intertie.bus.consumer import Consumer, Policy
from intertie.bus.engines import open_bus
from intertie.bus.envelope import decode, encode
from intertie.bus.outcome import Reject
from intertie.bus.port import Bus, Message, Priority, Subscription
from intertie.bus.schemas import Schemas
from intertie.bus.topics import check_topic
from intertie.errors import BusError, BusUnavailableError
from intertie.event import Event, Payload
from intertie.suite.bus import QueueConfig
from intertie.trace_context import current

log = logging.getLogger(__name__)

_WAIT_S = (0.05, 2.0)

Handler = Callable[[Event], Awaitable[None]]


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Settings:
    """How a client behaves, whatever the broker."""

    source: str
    """Of the events published here: `intertie/media/processing-pipeline`."""
    max_tries: int = 5
    publish_timeout_s: float = 30.0
    """How long a publish is tried again while the broker is away."""


class Client:
    """Any number of publishes and consumers at once, over one connection's worth of resources."""

    def __init__(
        self,
        bus: Bus,
        settings: Settings,
        *,
        schemas: Schemas | None = None,
        now: Callable[[], datetime] = _now,
        new_id: Callable[[], str] = lambda: urandom(16).hex(),
    ) -> None:
        self.bus = bus
        self._settings = settings
        self._schemas = schemas or Schemas()
        self._now = now
        self._new_id = new_id

    def event(
        self,
        payload: Payload | Mapping[str, object],
        subject: str,
        *,
        topic: str = "",
        traceparent: str | None = None,
        id: str | None = None,
    ) -> Event:
        """A new event, not yet published, of the current trace unless told.

        A mapping needs `topic`.
        """
        context = current.get()
        if traceparent is None and context is not None:
            traceparent = context.traceparent
        data = dict(payload) if isinstance(payload, Mapping) else payload.model_dump(mode="json")
        return Event(
            id=id or self._new_id(),
            source=self._settings.source,
            type=topic if isinstance(payload, Mapping) else topic or payload.type,
            subject=subject,
            time=self._now(),
            data=data,
            traceparent=traceparent,
        )

    async def publish(
        self,
        payload: Payload | Mapping[str, object],
        subject: str = "",
        *,
        topic: str = "",
        key: str | None = None,
        priority: Priority = "normal",
        traceparent: str | None = None,
        id: str | None = None,
    ) -> Event:
        """Publish, and return once the broker keeps it; the event as sent.

        `topic` is the payload model's `type` unless given; with an `id` of the caller's, publishing
        again is the same event. While the broker is away it is tried
        again for `publish_timeout_s`. Raises BusUnavailableError then, BusError for what the
        topic's schema or the broker refuses.
        """
        event = self.event(payload, subject, topic=topic, traceparent=traceparent, id=id)
        await self.send(event, key=key, priority=priority)
        return event

    async def send(
        self, event: Event, *, key: str | None = None, priority: Priority = "normal"
    ) -> None:
        """Publish a ready event under its own id; sending it twice is one event."""
        topic = check_topic(event.type)
        try:
            self._schemas.check(topic, event.data)
        except BusError as exc:
            raise BusError(f"cannot publish to {topic}: it {exc}") from exc
        message = Message(topic, encode(event), event.id, key, priority)
        try:
            await self.bus.publish(message)
        except BusUnavailableError:
            await self._insist(message)

    async def consume(
        self,
        subscription: Subscription,
        handle: Handler,
        *,
        concurrency: int = 1,
        task_status: TaskStatus[None] = TASK_STATUS_IGNORED,
    ) -> None:
        """Handle events until cancelled; see Consumer for what becomes of failures."""
        await self.consumer(subscription, handle, concurrency=concurrency).run(
            task_status=task_status
        )

    def consumer(
        self, subscription: Subscription, handle: Handler, *, concurrency: int = 1
    ) -> Consumer:
        """The same, not yet running, to ask whether it is connected."""

        async def take(message: Message) -> None:
            try:
                event = decode(message.body, topic=message.topic, id=message.id, now=self._now)
                self._schemas.check(message.topic, event.data)
            except BusError as exc:
                log.error("message refused", extra={"topic": message.topic, "reason": str(exc)})
                raise Reject(str(exc)) from exc
            await handle(event)

        policy = Policy(self._settings.max_tries)
        return Consumer(self.bus, subscription, take, policy=policy, concurrency=concurrency)

    async def _insist(self, message: Message) -> None:
        """Try again, waiting longer each time, until the time is up."""
        deadline = current_time() + self._settings.publish_timeout_s
        wait_s, longest_s = _WAIT_S
        while True:
            await sleep(wait_s * random.uniform(0.75, 1.0))  # noqa: S311 - not a secret
            wait_s = min(longest_s, wait_s * 2)
            try:
                await self.bus.publish(message)
            except BusUnavailableError:
                if current_time() >= deadline:
                    raise
            else:
                return


@asynccontextmanager
async def connect(
    config: QueueConfig, *, source: str, schemas: Schemas | None = None
) -> AsyncIterator[Client]:
    """A client on the broker of `config`. Raises BusError, BusUnavailableError on entry."""
    settings = Settings(
        source, max_tries=config.max_tries, publish_timeout_s=config.publish_timeout
    )
    async with open_bus(config) as bus:
        yield Client(bus, settings, schemas=schemas)
