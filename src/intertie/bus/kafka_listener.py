"""A consumer without a group: everything from now on, and nothing kept."""

from collections.abc import Iterable, Sequence
from time import time

from aiokafka import TopicPartition  # type: ignore[import-untyped]
from anyio import CancelScope
from anyio.abc import TaskStatus

from intertie.bus.kafka_cluster import close
from intertie.bus.kafka_hands import Parcel
from intertie.bus.kafka_intake import Desk, Intake
from intertie.bus.kafka_offsets import Offsets, Progress
from intertie.bus.kafka_records import Record, message_in
from intertie.bus.port import Message, Subscription, Take


class Listener(Intake):
    """A retried message waits in memory; a buried one is gone."""

    def __init__(self, desk: Desk, subscription: Subscription, take: Take) -> None:
        super().__init__(desk, subscription, take)
        self._next: dict[TopicPartition, int] = {}
        self._uncounted = Offsets(Progress(0, 0))

    async def _serve(self, task_status: TaskStatus[None]) -> None:
        partitions = await self._desk.cluster.partitions(self._topics)
        edges = await self._desk.cluster.edges(partitions)
        self._next = {each: after for each, (_, after) in edges.items()}
        self._consumer = self.consumer()
        try:
            with self._desk.link.asking("listen"):
                await self._consumer.start()
            self._open = True
            await self._follow(self._topics)
            task_status.started()
            await self.pump(self._consumer)
        finally:
            with CancelScope(shield=True):
                await close(self._consumer)

    async def _follow(self, topics: frozenset[str]) -> bool:
        self._assign(await self._desk.cluster.partitions(topics))
        return True

    def _assign(self, partitions: Sequence[TopicPartition]) -> None:
        """With each one the library forgets where it was; new partitions begin at the start."""
        if not self._open or not partitions:
            return
        self._consumer.assign(list(partitions))
        for partition in partitions:
            if partition in self._next:
                self._consumer.seek(partition, self._next[partition])

    async def _accept(self, records: Iterable[tuple[TopicPartition, Record]]) -> None:
        for partition, record in records:
            if len(self._waiting):
                await self.offer_due()
            if record.offset < self._next.get(partition, 0):
                continue
            self._next[partition] = record.offset + 1
            topic = self.topic_of(partition) or partition.topic
            await self._offer(self._parcel(message_in(record, topic), 1))

    def _parcel(self, message: Message, tries: int) -> Parcel:
        return Parcel(self, message, tries, offsets=self._uncounted, offset=0)

    async def _offer(self, parcel: Parcel) -> None:
        await self._hands.room()
        self._hands.take()
        await self._take(parcel)

    async def ack(self, parcel: Parcel) -> None:
        """It leaves the hand."""
        del parcel
        self._hands.let_go()

    async def retry(self, parcel: Parcel, after_s: float) -> None:
        """Again, to this subscriber, while it is here."""
        self._waiting.put(self._parcel(parcel.message, parcel.tries + 1), time() + after_s)
        self._hands.let_go()

    async def bury(self, parcel: Parcel, reason: str) -> None:
        """There is nobody to keep it for."""
        del parcel, reason
        self._hands.let_go()
