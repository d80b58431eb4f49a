"""aiokafka with acks of all copies, and offsets committed for each batch handled."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer  # type: ignore[import-untyped]
from aiokafka.admin import AIOKafkaAdminClient, NewTopic  # type: ignore[import-untyped]
from anyio import create_task_group

from benchmarks.bus.work import BODY, GROUP, PREFETCH, Contestant, Handle
from intertie.bus.kafka_cluster import PARTITIONS
from intertie.suite.bus import QueueConfig

_POLL_MS = 5_000


@dataclass(slots=True)
class RawKafka:
    """Any: the library has no types."""

    broker: str
    prefix: str
    producer: Any

    async def prepare(self, topic: str) -> None:
        """See Contestant."""
        await make_topic(self.broker, self._topic(topic))

    async def publish(self, topic: str) -> None:
        """See Contestant."""
        await self.producer.send_and_wait(self._topic(topic), BODY)

    @asynccontextmanager
    async def consuming(self, topic: str, handle: Handle, *, single: bool) -> AsyncIterator[None]:
        """See Contestant."""
        del single
        consumer = AIOKafkaConsumer(
            self._topic(topic),
            bootstrap_servers=self.broker,
            group_id=f"{self.prefix}.{topic}.{GROUP}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        async with consumer, create_task_group() as tasks:
            tasks.start_soon(_read, consumer, handle)
            yield
            tasks.cancel_scope.cancel()

    def _topic(self, topic: str) -> str:
        return f"{self.prefix}.{topic}"


async def _read(consumer: Any, handle: Handle) -> None:
    while True:
        found = await consumer.getmany(timeout_ms=_POLL_MS, max_records=PREFETCH)
        for records in found.values():
            for _ in records:
                await handle()
        if found:
            await consumer.commit()


async def make_topic(broker: str, name: str) -> None:
    """With as many partitions as ours have."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, PARTITIONS, 1)])
    finally:
        await admin.close()


@asynccontextmanager
async def client(config: QueueConfig) -> AsyncIterator[Contestant]:
    """Connected."""
    host, port = config.address
    broker = f"{host}:{port}"
    async with AIOKafkaProducer(bootstrap_servers=broker, acks="all") as producer:
        yield RawKafka(broker, config.exchange, producer)
