"""FastStream on each engine: what it is told to send is a dict, and so is what its handlers get."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from faststream import AckPolicy

from benchmarks.bus.work import DATA, GROUP, PREFETCH, Contestant, Handle
from intertie.suite.bus import QueueConfig

# Any, throughout: what its four brokers have in common has no type.


@dataclass(slots=True)
class FastStream:
    """One broker; `subscribe` and `send` know its engine."""

    broker: Any
    subscribe: Callable[[str, bool], Any]
    send: Callable[[str], Any]
    make: Callable[[str], Any]

    async def prepare(self, topic: str) -> None:
        """See Contestant."""
        await self.make(topic)

    async def publish(self, topic: str) -> None:
        """See Contestant."""
        await self.send(topic)

    @asynccontextmanager
    async def consuming(self, topic: str, handle: Handle, *, single: bool) -> AsyncIterator[None]:
        """See Contestant."""

        async def take(message: dict[str, str]) -> None:
            del message
            await handle()

        subscriber = self.subscribe(topic, single)
        subscriber(take)
        await subscriber.start()
        try:
            yield
        finally:
            await subscriber.stop()


@asynccontextmanager
async def _running(broker: Any) -> AsyncIterator[None]:
    await broker.start()
    try:
        yield
    finally:
        await broker.stop()


@asynccontextmanager
async def on_redis(config: QueueConfig) -> AsyncIterator[Contestant]:
    """Streams with a group."""
    from faststream.redis import RedisBroker, StreamSub  # noqa: PLC0415 - each its own client
    from redis.asyncio import Redis  # noqa: PLC0415

    host, port = config.address
    url = f"redis://:{config.password}@{host}:{port}"
    broker: Any = RedisBroker(url, logger=None)  # type: ignore[arg-type] # as its brothers take it

    def subscribe(topic: str, _: bool) -> Any:
        stream = StreamSub(
            _name(config, topic), group=GROUP, consumer="one", last_id=">", max_records=PREFETCH
        )
        return broker.subscriber(stream=stream)

    async def send(topic: str) -> None:
        await broker.publish(DATA, stream=_name(config, topic))

    async def make(topic: str) -> None:
        # Not by starting a subscriber: what waits for it when it stops is taken and never handled.
        async with Redis.from_url(url) as redis:
            await redis.xgroup_create(_name(config, topic), GROUP, "$", mkstream=True)

    async with _running(broker):
        yield FastStream(broker, subscribe, send, make)


@asynccontextmanager
async def on_rabbitmq(config: QueueConfig) -> AsyncIterator[Contestant]:
    """A durable topic exchange, quorum queues and publisher confirms."""
    from faststream.rabbit import (  # noqa: PLC0415 - each its own client
        Channel,
        ExchangeType,
        QueueType,
        RabbitBroker,
        RabbitExchange,
        RabbitQueue,
    )

    host, port = config.address
    url = f"amqp://{config.username}:{config.password}@{host}:{port}/"
    channel = Channel(prefetch_count=PREFETCH, publisher_confirms=True)
    broker: Any = RabbitBroker(url, default_channel=channel, logger=None)
    exchange = RabbitExchange(config.exchange, type=ExchangeType.TOPIC, durable=True)

    def queue(topic: str) -> RabbitQueue:
        return RabbitQueue(
            f"{config.exchange}:{topic}",
            queue_type=QueueType.QUORUM,
            durable=True,
            routing_key=topic,
        )

    def subscribe(topic: str, _: bool) -> Any:
        return broker.subscriber(queue(topic), exchange)

    async def send(topic: str) -> None:
        await broker.publish(DATA, exchange=exchange, routing_key=topic, persist=True)

    async def make(topic: str) -> None:
        declared = await broker.declare_queue(queue(topic))
        await declared.bind(await broker.declare_exchange(exchange), topic)

    async with _running(broker):
        yield FastStream(broker, subscribe, send, make)


@asynccontextmanager
async def on_kafka(config: QueueConfig) -> AsyncIterator[Contestant]:
    """Acks of all copies, and an offset committed after each message handled."""
    from faststream.kafka import KafkaBroker  # noqa: PLC0415 - each its own client

    from benchmarks.bus.raw_kafka import make_topic  # noqa: PLC0415 - needs the client too

    host, port = config.address
    address = f"{host}:{port}"
    broker: Any = KafkaBroker(address, acks="all", logger=None)

    def subscribe(topic: str, _: bool) -> Any:
        return broker.subscriber(
            _name(config, topic),
            group_id=f"{_name(config, topic)}.{GROUP}",
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.NACK_ON_ERROR,
        )

    async def send(topic: str) -> None:
        await broker.publish(DATA, topic=_name(config, topic))

    async def make(topic: str) -> None:
        await make_topic(address, _name(config, topic))

    async with _running(broker):
        yield FastStream(broker, subscribe, send, make)


@asynccontextmanager
async def on_nats(config: QueueConfig) -> AsyncIterator[Contestant]:
    """JetStream with a durable pull consumer."""
    from faststream.nats import JStream, NatsBroker, PullSub  # noqa: PLC0415 - each its own client

    from benchmarks.bus.raw_nats import durable, make_consumer, open_stream  # noqa: PLC0415

    host, port = config.address
    broker: Any = NatsBroker(
        f"nats://{config.username}:{config.password}@{host}:{port}", logger=None
    )
    stream = JStream(config.exchange, subjects=[f"{config.exchange}.>"])

    def subscribe(topic: str, single: bool) -> Any:
        return broker.subscriber(
            _name(config, topic),
            stream=stream,
            durable=durable(topic),
            pull_sub=PullSub(batch_size=1 if single else PREFETCH),
        )

    async def send(topic: str) -> None:
        await broker.publish(DATA, _name(config, topic), stream=config.exchange)

    async def make(topic: str) -> None:
        # See Redis.
        await make_consumer(js, config.exchange, topic)

    async with open_stream(config) as js, _running(broker):
        yield FastStream(broker, subscribe, send, make)


def _name(config: QueueConfig, topic: str) -> str:
    return f"{config.exchange}.{topic}"
