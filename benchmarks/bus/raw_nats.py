"""nats-py on JetStream: publishes with acks, and a durable pull consumer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import nats
from anyio import create_task_group
from nats.errors import TimeoutError as NothingCameError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, StorageType, StreamConfig

from benchmarks.bus.work import BODY, GROUP, PREFETCH, Contestant, Handle
from intertie.suite.bus import QueueConfig

_FETCH_S = 5.0


@dataclass(slots=True)
class RawNats:
    """One stream holds all topics."""

    js: JetStreamContext
    stream: str

    async def prepare(self, topic: str) -> None:
        """See Contestant."""
        await make_consumer(self.js, self.stream, topic)

    async def publish(self, topic: str) -> None:
        """See Contestant."""
        await self.js.publish(self._subject(topic), BODY)

    @asynccontextmanager
    async def consuming(self, topic: str, handle: Handle, *, single: bool) -> AsyncIterator[None]:
        """See Contestant. A fetch of many waits until it has many, or until its time is up."""
        pulled = await self.js.pull_subscribe_bind(durable(topic), self.stream)
        async with create_task_group() as tasks:
            tasks.start_soon(_read, pulled, handle, 1 if single else PREFETCH)
            yield
            tasks.cancel_scope.cancel()

    def _subject(self, topic: str) -> str:
        return f"{self.stream}.{topic}"


async def _read(pulled: JetStreamContext.PullSubscription, handle: Handle, most: int) -> None:
    while True:
        try:
            found = await pulled.fetch(most, timeout=_FETCH_S)
        except NothingCameError:
            continue
        for message in found:
            await handle()
            await message.ack()


async def make_consumer(js: JetStreamContext, stream: str, topic: str) -> None:
    """A durable one that gets all of the topic."""
    wanted = ConsumerConfig(
        durable_name=durable(topic),
        ack_policy=AckPolicy.EXPLICIT,
        filter_subject=f"{stream}.{topic}",
    )
    await js.add_consumer(stream, wanted)


def durable(topic: str) -> str:
    """The name of the topic's consumer."""
    return f"{GROUP}-{topic}"


@asynccontextmanager
async def open_stream(config: QueueConfig) -> AsyncIterator[JetStreamContext]:
    """Connected, and with a stream in a file."""
    host, port = config.address
    connection = await nats.connect(
        f"nats://{host}:{port}", user=config.username, password=config.password
    )
    try:
        js = connection.jetstream()
        stream = StreamConfig(
            name=config.exchange, subjects=[f"{config.exchange}.>"], storage=StorageType.FILE
        )
        await js.add_stream(stream)
        yield js
    finally:
        await connection.close()


@asynccontextmanager
async def client(config: QueueConfig) -> AsyncIterator[Contestant]:
    """Connected."""
    async with open_stream(config) as js:
        yield RawNats(js, config.exchange)
