"""The bus on Kafka, and on what speaks its protocol.

- A topic is Kafka's `<exchange>.<topic>`, made with the first message. A message's key is the
  record's, its id and priority are headers.
- A group is a consumer group. What ended is stored a moment later, of many messages at once; after
  a crash, or when a partition goes to another member, what was in hand comes again, and as Kafka
  does not count deliveries, with the same `tries`.
- `retry` and `replay` write the message into a topic of the group's own, which its members read
  too; `bury` writes it into another one. `tries` travels with it.
- Kafka knows no priorities, and refuses a topic whose name differs from another one's only in `.`
  against `_`.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from anyio import CancelScope, create_task_group
from anyio.abc import TaskStatus

from intertie.bus.kafka_cluster import open_cluster
from intertie.bus.kafka_dead import DeadLetters
from intertie.bus.kafka_group import Member
from intertie.bus.kafka_intake import Desk
from intertie.bus.kafka_lag import group_status
from intertie.bus.kafka_link import open_link
from intertie.bus.kafka_listener import Listener
from intertie.bus.kafka_producer import Producer
from intertie.bus.kafka_records import Names, headers_of
from intertie.bus.port import (
    Bus,
    Capabilities,
    DeadLetter,
    GroupStatus,
    Message,
    Subscription,
    Take,
)
from intertie.bus.topics import check_group, check_pattern, check_topic
from intertie.errors import BusUnavailableError
from intertie.suite.bus import QueueConfig

CAPABILITIES = Capabilities(
    durable=True,
    groups=True,
    ordered_by_key=True,
    priorities=False,
    deduplicates=False,
    counts_lag=True,
)


@asynccontextmanager
async def open_bus(config: QueueConfig) -> AsyncIterator[Bus]:
    """A connection to the cluster. Raises BusUnavailableError when nobody answers."""
    link = await open_link(config)
    cluster, admin = await open_cluster(link)
    try:
        async with create_task_group() as tasks:
            producer = Producer(link, tasks)
            try:
                yield KafkaBus(Desk(link, Names(config.exchange), cluster, producer))
            finally:
                with CancelScope(shield=True):
                    await producer.close()
    finally:
        with CancelScope(shield=True):
            await admin.close()


class KafkaBus:
    """The port, on one cluster."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._dead = DeadLetters(desk)
        self._made: dict[str, str] = {}
        self._members: set[Member] = set()

    @property
    def capabilities(self) -> Capabilities:
        """Of any Kafka."""
        return CAPABILITIES

    async def publish(self, message: Message) -> None:
        """Return once every copy that counts has it."""
        name = self._made.get(message.topic)
        if name is None:
            name = self._desk.names.topic(check_topic(message.topic))
            await self._desk.cluster.ensure(name)
            self._made[message.topic] = name
        key = None if message.key is None else message.key.encode()
        try:
            await self._desk.producer.send(name, message.body, key=key, headers=headers_of(message))
        except BusUnavailableError:
            self._made.clear()  # a broker that comes back may have lost them
            raise

    async def consume(
        self, subscription: Subscription, take: Take, *, task_status: TaskStatus[None]
    ) -> None:
        """Hand over messages until cancelled, or until the broker is gone."""
        check_pattern(subscription.pattern)
        if subscription.group is None:
            await Listener(self._desk, subscription, take).run(task_status)
            return
        check_group(subscription.group)
        member = Member(self._desk, subscription, take)
        self._members.add(member)
        try:
            await member.run(task_status)
        finally:
            self._members.discard(member)

    async def dead_letters(
        self, group: str | None = None, *, limit: int = 100
    ) -> Sequence[DeadLetter]:
        """Oldest first."""
        letters = [each for some in (await self._dead.by_topic(group)).values() for each in some]
        return sorted(letters, key=lambda letter: letter.at)[:limit]

    async def replay(self, group: str, id: str) -> bool:
        """Deliver a dead letter to its group anew; whether there was one."""
        return await self._dead.replay(group, id)

    async def drop(self, group: str, id: str) -> bool:
        """Forget a dead letter; whether there was one."""
        return await self._dead.drop(group, id)

    async def groups(self) -> Sequence[GroupStatus]:
        """Every group of the exchange."""
        return await group_status(self._desk, self._dead, self._members)
