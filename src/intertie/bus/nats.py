"""The bus on NATS with JetStream, 2.10 or newer.

An exchange is two streams: one of messages, and one of dead letters. A group is a durable consumer
of the first for each of its patterns; what is meant for one group alone, a dead letter replayed,
travels in the same stream on a lane that only this consumer reads.

The members of a group get messages side by side: the order of a key is that of one consumer.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from anyio import Lock
from anyio.abc import TaskStatus

from intertie.bus.nats_graves import Grave, letters, remove, replay
from intertie.bus.nats_link import Link, connect
from intertie.bus.nats_names import headers_of, names
from intertie.bus.nats_pull import Pull
from intertie.bus.nats_streams import add_group, add_listener, add_streams, forget, statuses
from intertie.bus.port import (
    Capabilities,
    DeadLetter,
    GroupStatus,
    Message,
    Subscription,
    Take,
)
from intertie.bus.topics import check_group, check_pattern, check_topic
from intertie.suite.bus import QueueConfig

CAPABILITIES = Capabilities(
    durable=True,
    groups=True,
    ordered_by_key=True,
    priorities=False,
    deduplicates=True,
    counts_lag=True,
)


class NatsBus:
    """See Bus."""

    capabilities = CAPABILITIES

    def __init__(self, config: QueueConfig) -> None:
        self._config = config
        self._names = names(config.exchange)
        self._link: Link | None = None
        self._lock = Lock()

    async def publish(self, message: Message) -> None:
        """See Bus."""
        subject = self._names.topic(check_topic(message.topic))
        link = await self.connect()
        await link.put(subject, message.body, headers_of(message))

    async def consume(
        self, subscription: Subscription, take: Take, *, task_status: TaskStatus[None]
    ) -> None:
        """See Bus."""
        check_pattern(subscription.pattern)
        if subscription.group is None:
            await self._listen(subscription, take, task_status)
            return
        check_group(subscription.group)
        link = await self.connect()
        consumer = await add_group(link, self._names, subscription)
        grave = Grave(link, self._names.grave(subscription.group, consumer))
        task_status.started()
        await Pull(link, self._names.prefix, consumer, wants=subscription, bury=grave.bury).run(
            take
        )

    async def dead_letters(
        self, group: str | None = None, *, limit: int = 100
    ) -> Sequence[DeadLetter]:
        """See Bus."""
        return await letters(await self.connect(), self._names, group, limit=limit)

    async def replay(self, group: str, id: str) -> bool:
        """See Bus."""
        return await replay(await self.connect(), self._names, group, id)

    async def drop(self, group: str, id: str) -> bool:
        """See Bus."""
        return await remove(await self.connect(), self._names, group, id)

    async def groups(self) -> Sequence[GroupStatus]:
        """See Bus. Of its consumers it counts those that wait for messages, not the busy ones."""
        return await statuses(await self.connect(), self._names)

    async def connect(self) -> Link:
        """The connection, made anew when it was lost."""
        if self._link is not None and not self._link.is_lost:
            return self._link
        async with self._lock:
            if self._link is None or self._link.is_lost:
                await self.aclose()
                link = self._link = await connect(self._config)
                await add_streams(link, self._names, self._config)
            return self._link

    async def aclose(self) -> None:
        """End the connection."""
        link, self._link = self._link, None
        if link is not None:
            await link.aclose()

    async def _listen(
        self, subscription: Subscription, take: Take, task_status: TaskStatus[None]
    ) -> None:
        link = await self.connect()
        consumer = await add_listener(link, self._names, subscription)
        task_status.started()
        try:
            await Pull(link, self._names.prefix, consumer, wants=subscription).run(take)
        finally:
            await forget(link, self._names, consumer)


@asynccontextmanager
async def open_bus(config: QueueConfig) -> AsyncIterator[NatsBus]:
    """A connection to the server. Raises BusError, BusUnavailableError on entry."""
    bus = NatsBus(config)
    try:
        await bus.connect()
        yield bus
    finally:
        await bus.aclose()
