"""What a consumer of a group and one without have in common: a loop from the broker to `take`."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]
from anyio import Event, create_task_group, sleep
from anyio.abc import TaskStatus

from intertie.bus.kafka_cluster import Cluster
from intertie.bus.kafka_hands import Hands, Parcel, Waiting
from intertie.bus.kafka_link import Link, first_of
from intertie.bus.kafka_producer import Producer
from intertie.bus.kafka_records import Names, Record
from intertie.bus.port import Subscription, Take
from intertie.bus.topics import is_literal, matches
from intertie.errors import BusError, BusUnavailableError

LOOK_S = 1.0
_POLL_S = 1.0
_NEVER_MS = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Desk:
    """What every consumer of one bus works with."""

    link: Link
    names: Names
    cluster: Cluster
    producer: Producer


def in_turns(
    batches: Mapping[TopicPartition, Sequence[Record]],
) -> Iterator[tuple[TopicPartition, Record]]:
    """One record of each partition after the other, so that no partition waits for another."""
    partitions = list(batches)
    for row in zip_longest(*batches.values()):
        for partition, record in zip(partitions, row, strict=True):
            if record is not None:
                yield partition, record


class Intake:
    """Runs one consumer of the library; what it means to begin, and to end a message, is left open.

    The library keeps a member in its group by itself, however long nobody asks for records.
    """

    _consumer: AIOKafkaConsumer
    _open = False

    def __init__(self, desk: Desk, subscription: Subscription, take: Take) -> None:
        self._desk = desk
        self._subscription = subscription
        self._take = take
        self._hands = Hands(subscription.prefetch)
        self._waiting = Waiting()
        self._topics: frozenset[str] = frozenset()
        self._names: dict[str, str | None] = {}
        self._trouble: BusError | None = None
        self._troubled = Event()

    async def run(self, task_status: TaskStatus[None]) -> None:
        """Hand over until cancelled. Raises BusUnavailableError when the broker is gone."""
        if is_literal(self._subscription.pattern):
            await self._desk.cluster.ensure(self._desk.names.topic(self._subscription.pattern))
        self._topics = await self._wanted()
        try:
            async with create_task_group() as tasks:
                tasks.start_soon(self._look)
                tasks.start_soon(self._fail_when_troubled)
                await self._serve(task_status)
        except ExceptionGroup as group:
            raise first_of(group) from None

    @abstractmethod
    async def _serve(self, task_status: TaskStatus[None]) -> None:
        """Open the consumer, report the start, pump, and close it."""

    @abstractmethod
    async def _follow(self, topics: frozenset[str]) -> bool:
        """Read these topics from now on, the new ones from their start; False: not just now."""

    @abstractmethod
    async def _accept(self, records: Iterable[tuple[TopicPartition, Record]]) -> None:
        """Offer what is to be delivered."""

    @abstractmethod
    async def _offer(self, parcel: Parcel) -> None:
        """Hand it over once there is room, if it is still ours."""

    def consumer(self, **options: Any) -> AIOKafkaConsumer:
        """One of the library's, that commits only what it is told to."""
        return AIOKafkaConsumer(
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_interval_ms=_NEVER_MS,
            **{**self._desk.link.options(), **options},
        )

    async def pump(self, consumer: AIOKafkaConsumer) -> None:
        """Never returns."""
        while True:
            await self.offer_due()
            try:
                batches: Mapping[TopicPartition, Sequence[Record]] = await consumer.getmany(
                    timeout_ms=int(self._waiting.next_in_s(_POLL_S) * 1000) + 1
                )
            except KafkaError as exc:
                raise self._desk.link.trouble("consume", exc, self._desk.link.timeout_s) from exc
            await self._accept(in_turns(batches))

    def topic_of(self, partition: TopicPartition) -> str | None:
        """Our topic; None when it is one of the group's own."""
        name = partition.topic
        if name not in self._names:
            self._names[name] = self._desk.names.topic_of(name)
        return self._names[name]

    async def offer_due(self) -> None:
        """Those whose time has come."""
        while (parcel := self._waiting.due()) is not None:
            await self._offer(parcel)

    def fail(self, error: BusError) -> None:
        """The consumer ends with this error."""
        self._trouble = self._trouble or error
        self._troubled.set()

    async def _fail_when_troubled(self) -> None:
        await self._troubled.wait()
        if self._trouble:
            raise self._trouble

    async def _wanted(self) -> frozenset[str]:
        pattern, topic_of = self._subscription.pattern, self._desk.names.topic_of
        if is_literal(pattern):
            name = self._desk.names.topic(pattern)
            await self._desk.cluster.partitions([name])
            return frozenset({name})
        return frozenset(
            name
            for name in await self._desk.cluster.topics()
            if (topic := topic_of(name)) is not None and matches(pattern, topic)
        )

    def _check_reader(self) -> None:
        """Whoever waits for records is not told by the library when its reader has failed."""
        reader: Any = self._consumer._fetcher if self._open else None  # pyright: ignore[reportPrivateUsage]
        if reader is not None and reader.error_future.done():
            raise BusUnavailableError(
                f"cannot consume at {self._desk.link.where}: the client's reader has failed"
            )

    async def _look(self) -> None:
        """Sees new topics, and a broker that is gone: the library itself would wait for ever."""
        while True:
            await sleep(LOOK_S)
            self._check_reader()
            topics = self._topics | await self._wanted()
            if topics != self._topics and await self._follow(topics):
                self._topics = topics
