"""One member of a group on Redis Streams: what the contract does not ask."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import uuid4

import pytest
from anyio import create_task_group

from intertie.bus.port import Subscription
from intertie.bus.redis import RedisBus
from intertie.bus.redis_keys import RELEASED
from intertie.suite.bus import QueueConfig
from intertie.testing.bus import consuming, message
from tests.bus.peers.shared import shared
from tests.bus.peers.valkey import valkey

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueueConfig]:
    """One Valkey for this module."""
    yield from shared(valkey, tmp_path_factory.mktemp("valkey"))


@asynccontextmanager
async def open_redis(server: QueueConfig) -> AsyncIterator[RedisBus]:
    """On an exchange of its own."""
    bus = RedisBus(replace(server, exchange=f"x{uuid4().hex[:8]}"))
    try:
        yield bus
    finally:
        await bus.aclose()


async def test_members_that_left_are_forgotten(server: QueueConfig) -> None:
    """Only what they held is remembered, under one name."""
    async with open_redis(server) as bus:
        for _ in range(3):
            async with consuming(bus, Subscription("a", "g")) as inbox:
                await bus.publish(message("a"))
                await inbox.next()
        reply = await bus.call("XINFO", "CONSUMERS", bus.keys.stream("a"), "g|a")

        assert [each[1].decode() for each in reply] == [RELEASED]


async def test_what_never_arrived_comes_again(server: QueueConfig) -> None:
    """The server's answer may get lost with the connection: its books count, not the member's."""
    async with open_redis(server) as bus:
        async with consuming(bus, Subscription("a", "g", prefetch=1)) as inbox:
            await bus.publish(message("a", b"in hand"))
            await inbox.next()
            await bus.publish(message("a", b"on its way"))
            reply = await bus.call("XINFO", "CONSUMERS", bus.keys.stream("a"), "g|a")
            words = ("XREADGROUP", "GROUP", "g|a", reply[0][1], "STREAMS", bus.keys.stream("a"))
            await bus.call(*words, ">")
        async with consuming(bus, Subscription("a", "g")) as inbox:
            assert sorted(await inbox.bodies(2)) == [b"in hand", b"on its way"]


async def test_what_a_dead_member_held_counts_its_tries(server: QueueConfig) -> None:
    """A message that kills its consumer is not the first try for ever."""
    subscription = Subscription("a", "g", lease_s=0.3)
    async with open_redis(server) as bus:
        async with consuming(bus, subscription) as inbox:
            await bus.publish(message("a"))
            await inbox.next()
        async with consuming(bus, subscription) as inbox:
            again = await inbox.next()
            assert again.tries == 2
            await again.ack()


async def test_a_delayed_retry_survives_its_consumer(server: QueueConfig) -> None:
    """It waits in the broker, not in the process."""
    async with open_redis(server) as bus:
        async with consuming(bus, Subscription("a", "g")) as inbox:
            await bus.publish(message("a", b"x"))
            await (await inbox.next()).retry(0.3)
        async with consuming(bus, Subscription("a", "g")) as inbox:
            again = await inbox.next()

            assert (again.message.body, again.tries) == (b"x", 2)
            await again.ack()


async def test_old_messages_go(server: QueueConfig) -> None:
    """Those older than `retention`, at the next publishes."""
    now = 1_000_000_000.0
    bus = RedisBus(replace(server, exchange="old", retention=60.0), clock=lambda: now)
    for _ in range(500):
        await bus.publish(message("a", b"x" * 100))
    now = 10_000_000_000.0
    await bus.publish(message("a"))
    left = await bus.call("XLEN", bus.keys.stream("a"))
    await bus.aclose()

    assert left < 500


async def test_many_publishers_share_one_connection(server: QueueConfig) -> None:
    """None waits for another's answer."""
    async with open_redis(server) as bus:
        async with consuming(bus, Subscription("a", "g", prefetch=500)) as inbox:
            async with create_task_group() as group:
                for n in range(500):
                    group.start_soon(bus.publish, message("a", b"%d" % n))

            assert len(set(await inbox.bodies(500))) == 500
        clients = await bus.call("CLIENT", "LIST")

    assert clients.count(b"addr=") <= 2
