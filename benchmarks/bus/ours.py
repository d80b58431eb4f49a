"""Intertie's bus, through the port alone and through the client."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from uuid import uuid4

from anyio import create_task_group
from anyio.abc import TaskStatus

from benchmarks.bus.work import BODY, DATA, GROUP, PREFETCH, Contestant, Handle
from intertie.bus.client import connect
from intertie.bus.engines import open_bus
from intertie.bus.port import Delivery, Message, Subscription
from intertie.event import Event
from intertie.suite.bus import QueueConfig

Send = Callable[[str], Awaitable[object]]
Consume = Callable[[Subscription, Handle, TaskStatus[None]], Awaitable[None]]


@dataclass(slots=True)
class Ours:
    """What both ways have in common."""

    send: Send
    consume: Consume

    async def prepare(self, topic: str) -> None:
        """See Contestant."""
        async with self.consuming(topic, _nothing, single=False):
            pass

    async def publish(self, topic: str) -> None:
        """See Contestant."""
        await self.send(topic)

    @asynccontextmanager
    async def consuming(self, topic: str, handle: Handle, *, single: bool) -> AsyncIterator[None]:
        """See Contestant."""
        del single
        wanted = Subscription(topic, GROUP, prefetch=PREFETCH)

        async def run(*, task_status: TaskStatus[None]) -> None:
            await self.consume(wanted, handle, task_status)

        async with create_task_group() as tasks:
            await tasks.start(run)
            yield
            tasks.cancel_scope.cancel()


@asynccontextmanager
async def port(config: QueueConfig) -> AsyncIterator[Contestant]:
    """An adapter, with neither envelope nor retries."""
    prefix, numbers = uuid4().hex[:24], count()
    async with open_bus(config) as bus:

        async def send(topic: str) -> None:
            await bus.publish(Message(topic, BODY, f"{prefix}{next(numbers):08}"))

        async def consume(wanted: Subscription, handle: Handle, status: TaskStatus[None]) -> None:
            async def take(delivery: Delivery) -> None:
                await handle()
                await delivery.ack()

            await bus.consume(wanted, take, task_status=status)

        yield Ours(send, consume)


@asynccontextmanager
async def client(config: QueueConfig) -> AsyncIterator[Contestant]:
    """Envelopes, schemas, retries and dead letters as well."""
    async with connect(config, source="intertie/bench") as connected:

        async def send(topic: str) -> None:
            await connected.publish(DATA, "bench", topic=topic)

        async def consume(wanted: Subscription, handle: Handle, status: TaskStatus[None]) -> None:
            async def take(_: Event) -> None:
                await handle()

            await connected.consume(wanted, take, task_status=status)

        yield Ours(send, consume)


async def _nothing() -> None:
    pass
