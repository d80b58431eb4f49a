"""The bus on RabbitMQ, 3.10 or newer.

Topics are routing keys at one topic exchange per priority. A group is a quorum queue per priority,
which begins when its first consumer declares it, and that takes a second. RabbitMQ keeps no message
that no queue asked for, so `from_start` finds nothing. Retries wait in queues that hand their
messages back when their time is up, dead letters in a queue beside the group's.

`groups` tells for each group what waits for it, its members and its dead letters. AMQP does not
tell what other connections have in hand: `pending` counts what this one has, and its retries.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from anyio.abc import TaskStatus
from pamqp.common import FieldTable

from intertie.bus.port import Capabilities, DeadLetter, GroupStatus, Message, Subscription, Take
from intertie.bus.rabbitmq_consumer import Consumer, in_hand
from intertie.bus.rabbitmq_delivery import LEASE_AFTER_S, Copies
from intertie.bus.rabbitmq_desk import Desk
from intertie.bus.rabbitmq_link import SETTLE_S, Link
from intertie.bus.rabbitmq_names import Names, published, routing_key
from intertie.bus.topics import check_group, check_pattern
from intertie.suite.bus import QueueConfig

CAPABILITIES = Capabilities(
    durable=True,
    groups=True,
    ordered_by_key=True,
    priorities=True,
    deduplicates=False,
    counts_lag=True,
)


class RabbitBus:
    """See Bus."""

    capabilities = CAPABILITIES

    def __init__(
        self, config: QueueConfig, link: Link, *, lease_after_s: float = LEASE_AFTER_S
    ) -> None:
        self._config = config
        self._link = link
        self._lease_after_s = lease_after_s
        self._exchange = Names(config.exchange)
        self._copies = Copies(link)
        self._desk = Desk(self._exchange, link, self._copies)
        self._keep_ms = max(1, round(config.retention * 1000))
        self._limits: FieldTable = {"x-max-length-bytes": config.max_size}
        self._consumers: list[Consumer] = []

    async def publish(self, message: Message) -> None:
        """See Bus."""
        await self._link.send(
            message.body,
            published(message, keep_ms=self._keep_ms),
            exchange=self._exchange.topics(message.priority),
            key=routing_key(message.topic),
        )

    async def consume(
        self, subscription: Subscription, take: Take, *, task_status: TaskStatus[None]
    ) -> None:
        """See Bus. The connection is its own: a publisher that the broker slows down is not it."""
        check_pattern(subscription.pattern)
        # The broker takes a connection for dead after two heartbeats without a sign of life.
        heartbeat_s = max(2, int(subscription.lease_s / 2))
        link = Link(self._config, heartbeat_s=heartbeat_s, settle_s=self._link.settle_s)
        consumer = Consumer(subscription, link, copies=self._copies, exchange=self._exchange)
        self._consumers.append(consumer)
        try:
            if subscription.group is not None:
                check_group(subscription.group)
                await consumer.declare(subscription.group, self._limits)
                await self._desk.register(subscription.group, subscription.pattern)
                await link.settled()
                await self._link.settled()
            async with link.channel() as channel:
                if subscription.group is None:
                    await consumer.listen(channel, self._limits)
                await consumer.run(
                    channel, take, lease_after_s=self._lease_after_s, task_status=task_status
                )
        finally:
            self._consumers.remove(consumer)
            await link.close()
            await consumer.release()

    async def dead_letters(
        self, group: str | None = None, *, limit: int = 100
    ) -> Sequence[DeadLetter]:
        """See Bus."""
        return await self._desk.letters(group, limit)

    async def replay(self, group: str, id: str) -> bool:
        """See Bus."""
        return await self._desk.remove(group, id, replay=True)

    async def drop(self, group: str, id: str) -> bool:
        """See Bus."""
        return await self._desk.remove(group, id, replay=False)

    async def groups(self) -> Sequence[GroupStatus]:
        """See Bus."""
        return [
            await self._status(group, pattern)
            for group, pattern in sorted(await self._desk.groups())
        ]

    async def _status(self, group: str, pattern: str) -> GroupStatus:
        lag, members, dead = await self._desk.lag(group, pattern)
        waiting = await self._desk.waiting(group, pattern)
        taken, buffered = in_hand(self._consumers, group, pattern)
        return GroupStatus(
            group,
            pattern,
            lag=lag + buffered,
            pending=taken + waiting,
            consumers=members,
            dead=dead,
        )


@asynccontextmanager
async def open_bus(
    config: QueueConfig, *, lease_after_s: float = LEASE_AFTER_S, settle_s: float = SETTLE_S
) -> AsyncIterator[RabbitBus]:
    """Connect; raises BusUnavailableError when the broker cannot be reached."""
    link = Link(config, settle_s=settle_s)
    try:
        await link.open()
        yield RabbitBus(config, link, lease_after_s=lease_after_s)
    finally:
        await link.close()
