"""Look at the bus and speak on it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from anyio import create_memory_object_stream, create_task_group
from anyio.abc import TaskStatus
from pydantic_core import from_json

from intertie.bus.client import Client
from intertie.bus.port import Capabilities, DeadLetter, GroupStatus, Priority, Subscription
from intertie.bus.topics import check_group, check_pattern, check_topic
from intertie.control.actor import Actor
from intertie.control.asyncapi import PAYLOADS, document
from intertie.control.asyncapi_server import Server
from intertie.errors import NotFoundError
from intertie.event import Event
from intertie.runtime.component import Health
from intertie.suite.bus import Bus, QueueConfig
from intertie.suite.model import Suite
from intertie.suite.topic_files import read_topics

_BUFFERED = 1_000
_NONE = (
    "cannot use the bus: this suite has none; add `bus: {}` to its file, then `intertie down` and"
    " `up`"
)


class Link(Protocol):
    """The daemon's connection."""

    @property
    def client(self) -> Client:
        """Raises BusUnavailableError while there is none."""
        ...

    def health(self) -> Health:
        """Whether there is."""
        ...


@dataclass(frozen=True, slots=True)
class BusInfo:
    """Which broker, and what it can do."""

    engine: str
    address: str
    """Host and port; never a password."""
    exchange: str
    status: str
    reason: str
    capabilities: Capabilities | None
    """None while it cannot be reached."""


@dataclass(frozen=True, slots=True)
class BusControl:
    """`link` is None in a suite without a bus."""

    link: Link | None
    suite: Suite
    config: QueueConfig | None
    """How it is reached."""
    folder: Path
    """Of the suite file: schemas lie beside it."""

    def info(self, actor: Actor) -> BusInfo:
        """Raises NotFoundError in a suite without a bus."""
        actor.require_read()
        link = self._link()
        bus, config = self._declared()
        health = link.health()
        return BusInfo(
            engine=bus.queue_type,
            address="{}:{}".format(*config.address),
            exchange=config.exchange,
            status=health.status,
            reason=health.reason,
            capabilities=link.client.bus.capabilities if not health.reason else None,
        )

    async def publish(
        self,
        actor: Actor,
        topic: str,
        data: Mapping[str, object],
        *,
        subject: str = "",
        key: str | None = None,
        priority: Priority = "normal",
    ) -> Event:
        """The event as sent, once the broker keeps it. Raises BusError."""
        actor.require_write()
        check_topic(topic)
        client = self._link().client
        return await client.publish(data, subject, topic=topic, key=key, priority=priority)

    def tail(self, actor: Actor, pattern: str) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Events from now on; a reader that falls behind is slowed, and slows nobody else.

        Raises BusError at once for what is no pattern.
        """
        actor.require_read()
        return self._tail(self._link().client, check_pattern(pattern))

    @asynccontextmanager
    async def _tail(self, client: Client, pattern: str) -> AsyncIterator[AsyncIterator[Event]]:
        send, receive = create_memory_object_stream[Event](_BUFFERED)
        async with create_task_group() as group:

            async def consume(*, task_status: TaskStatus[None]) -> None:
                await client.consume(Subscription(pattern), send.send, task_status=task_status)

            await group.start(consume)
            with send, receive:
                yield receive
            group.cancel_scope.cancel()

    async def groups(self, actor: Actor) -> Sequence[GroupStatus]:
        """How far each group is."""
        actor.require_read()
        return await self._link().client.bus.groups()

    async def dead_letters(
        self, actor: Actor, group: str | None, *, limit: int
    ) -> Sequence[DeadLetter]:
        """Of one group, or of all, oldest first."""
        actor.require_read()
        if group is not None:
            check_group(group)
        return await self._link().client.bus.dead_letters(group, limit=limit)

    async def replay(self, actor: Actor, group: str, id: str) -> None:
        """Deliver it to its group anew. Raises NotFoundError."""
        actor.require_write()
        check_group(group)
        if not await self._link().client.bus.replay(group, id):
            raise NotFoundError(f"cannot replay {id!r}: group {group!r} has no such dead letter")

    async def drop(self, actor: Actor, group: str, id: str) -> None:
        """Forget it. Raises NotFoundError."""
        actor.require_write()
        check_group(group)
        if not await self._link().client.bus.drop(group, id):
            raise NotFoundError(f"cannot drop {id!r}: group {group!r} has no such dead letter")

    def asyncapi(self) -> dict[str, object]:
        """The suite's events and commands as an AsyncAPI 3 document. Raises NotFoundError."""
        bus, config = self._declared()
        return document(
            suite_name=self.suite.suite,
            version=version("intertie"),
            server=Server.of(config, obeys=bus.commands),
            topics=read_topics(bus.topics, self.folder),
            payloads=PAYLOADS,
        )

    def _link(self) -> Link:
        if self.link is None:
            raise NotFoundError(_NONE)
        return self.link

    def _declared(self) -> tuple[Bus, QueueConfig]:
        if self.suite.bus is None or self.config is None:
            raise NotFoundError(_NONE)
        return self.suite.bus, self.config


def readable(body: bytes) -> object:
    """A message's body for a person: its JSON, or what text there is in it."""
    try:
        found: object = from_json(body, allow_inf_nan=False)
    except ValueError:
        return body.decode(errors="backslashreplace")
    else:
        return found
