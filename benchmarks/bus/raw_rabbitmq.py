"""aio-pika with publisher confirms, a durable topic exchange and quorum queues."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aio_pika import DeliveryMode, ExchangeType, Message, connect_robust
from aio_pika.abc import AbstractChannel, AbstractExchange, AbstractIncomingMessage

from benchmarks.bus.work import BODY, GROUP, PREFETCH, Contestant, Handle
from intertie.suite.bus import QueueConfig


@dataclass(slots=True)
class RawRabbitMq:
    """A channel to publish on and one to consume on."""

    exchange: AbstractExchange
    channel: AbstractChannel

    async def prepare(self, topic: str) -> None:
        """See Contestant."""
        queue = await self.channel.declare_queue(
            self._queue(topic), durable=True, arguments={"x-queue-type": "quorum"}
        )
        await queue.bind(self.exchange, topic)

    async def publish(self, topic: str) -> None:
        """See Contestant."""
        message = Message(BODY, delivery_mode=DeliveryMode.PERSISTENT)
        await self.exchange.publish(message, topic)

    @asynccontextmanager
    async def consuming(self, topic: str, handle: Handle, *, single: bool) -> AsyncIterator[None]:
        """See Contestant."""
        del single

        async def take(message: AbstractIncomingMessage) -> None:
            await handle()
            await message.ack()

        queue = await self.channel.get_queue(self._queue(topic))
        tag = await queue.consume(take)
        try:
            yield
        finally:
            await queue.cancel(tag)

    def _queue(self, topic: str) -> str:
        return f"{self.exchange.name}:{GROUP}:{topic}"


@asynccontextmanager
async def client(config: QueueConfig) -> AsyncIterator[Contestant]:
    """Connected."""
    host, port = config.address
    connection = await connect_robust(
        host=host, port=port, login=config.username or "", password=config.password or ""
    )
    async with connection:
        publishing = await connection.channel(publisher_confirms=True)
        consuming = await connection.channel()
        await consuming.set_qos(prefetch_count=PREFETCH)
        exchange = await publishing.declare_exchange(
            config.exchange, ExchangeType.TOPIC, durable=True
        )
        yield RawRabbitMq(exchange, consuming)
