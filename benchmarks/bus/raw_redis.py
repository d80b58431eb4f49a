"""redis-py's asyncio client on Streams."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from anyio import create_task_group
from redis.asyncio import Redis

from benchmarks.bus.work import BODY, GROUP, PREFETCH, Contestant, Handle
from intertie.suite.bus import QueueConfig

_BLOCK_MS = 5_000

Entries = Sequence[tuple[bytes, dict[bytes, bytes]]]
Work = Callable[["RawRedis", str, Entries, Handle], Awaitable[None]]


@dataclass(slots=True)
class RawRedis:
    """One pool, which makes a connection for each publisher; acks as `work` says."""

    redis: "Redis"
    prefix: str
    work: Work

    async def prepare(self, topic: str) -> None:
        """See Contestant."""
        await self.redis.xgroup_create(self._stream(topic), GROUP, "$", mkstream=True)

    async def publish(self, topic: str) -> None:
        """See Contestant."""
        await self.redis.xadd(self._stream(topic), {"body": BODY})

    @asynccontextmanager
    async def consuming(self, topic: str, handle: Handle, *, single: bool) -> AsyncIterator[None]:
        """See Contestant."""
        del single
        async with create_task_group() as tasks:
            tasks.start_soon(self._read, self._stream(topic), handle)
            yield
            tasks.cancel_scope.cancel()

    async def _read(self, stream: str, handle: Handle) -> None:
        while True:
            # Any: the library types its answers as anything.
            found: Any = await self.redis.xreadgroup(
                GROUP, "one", {stream: ">"}, count=PREFETCH, block=_BLOCK_MS
            )
            for _, entries in found:
                await self.work(self, stream, entries, handle)

    def _stream(self, topic: str) -> str:
        return f"{self.prefix}:{topic}"


async def _ack_all(raw: RawRedis, stream: str, entries: Entries, handle: Handle) -> None:
    for _ in entries:
        await handle()
    await raw.redis.xack(stream, GROUP, *(id for id, _ in entries))


async def _ack_each(raw: RawRedis, stream: str, entries: Entries, handle: Handle) -> None:
    for id, _ in entries:
        await handle()
        await raw.redis.xack(stream, GROUP, id)


@asynccontextmanager
async def _opened(config: QueueConfig, work: Work) -> AsyncIterator[Contestant]:
    host, port = config.address
    redis = Redis(host=host, port=port, password=config.password)
    try:
        yield RawRedis(redis, config.exchange, work)
    finally:
        await redis.aclose()


def client(config: QueueConfig) -> Any:
    """One ack for what was read together, after the last of it was handled."""
    return _opened(config, _ack_all)


def client_acking_each(config: QueueConfig) -> Any:
    """An ack for each message as it was handled, as the bus does it."""
    return _opened(config, _ack_each)
