"""One member of a group on Redis Streams: what the contract does not ask."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import uuid4

import pytest
from anyio import Event, create_task_group, fail_after, sleep, sleep_forever

from intertie.bus.consumer import Consumer
from intertie.bus.port import PRIORITIES, Message, Subscription
from intertie.bus.redis import RedisBus
from intertie.bus.redis_group import forget_dead
from intertie.bus.redis_keys import RELEASED
from intertie.errors import BusError
from intertie.suite.bus import QueueConfig
from intertie.testing.bus import consuming, message
from tests.bus.peers.shared import shared
from tests.bus.peers.valkey import valkey
from tests.waiting import eventually

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
    async with open_redis(replace(server, retention=0.05)) as bus:
        for _ in range(500):
            await bus.publish(message("a", b"x" * 100))
        with fail_after(10):
            while await bus.call("XLEN", bus.keys.stream("a")) >= 500:
                await bus.publish(message("a"))


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


@asynccontextmanager
async def staying(bus: RedisBus, subscription: Subscription) -> AsyncIterator[list[bytes]]:
    """What a consumer that finds its way back handles while the block runs."""
    seen: list[bytes] = []

    async def handle(got: Message) -> None:
        seen.append(got.body)

    async with create_task_group() as group:
        await group.start(Consumer(bus, subscription, handle).run)
        yield seen
        group.cancel_scope.cancel()


async def test_an_emptied_server_is_joined_anew(server: QueueConfig) -> None:
    """FLUSHALL takes groups and topics away; publishers and patterns find each other again."""
    async with (
        open_redis(server) as bus,
        staying(bus, Subscription("a.*", "g", lease_s=1.0)) as seen,
    ):
        await bus.publish(message("a.b", b"before"))
        await eventually(lambda: seen == [b"before"])
        await bus.call("FLUSHALL")
        with fail_after(20):
            while b"after" not in seen:
                await bus.publish(message("a.b", b"after"))
                await sleep(0.1)


async def test_a_busy_member_joins_an_emptied_server_anew(server: QueueConfig) -> None:
    """The one that renews leases may be the first to notice."""
    async with open_redis(server) as bus:
        began = Event()
        seen: list[bytes] = []

        async def handle(got: Message) -> None:
            seen.append(got.body)
            began.set()
            if got.body == b"long":
                await sleep_forever()

        subscription = Subscription("a", "g", prefetch=1, lease_s=0.8)
        async with create_task_group() as group:
            await group.start(Consumer(bus, subscription, handle).run)
            await bus.publish(message("a", b"long"))
            await began.wait()
            await bus.call("FLUSHALL")
            with fail_after(20):
                while b"after" not in seen:
                    await bus.publish(message("a", b"after"))
                    await sleep(0.1)
            group.cancel_scope.cancel()


async def test_each_member_finds_each_priority(server: QueueConfig) -> None:
    """Also one that was woken for none of them."""
    subscription = Subscription("a", "g", lease_s=0.8)
    async with open_redis(server) as bus, consuming(bus, subscription) as stays:
        async with consuming(bus, subscription):
            for priority in PRIORITIES:
                await bus.publish(message("a", priority=priority))
        async with create_task_group() as group:
            for _ in range(3):
                group.start_soon(bus.publish, message("a", b"low", priority="low"))
        got: list[bytes] = []
        while got.count(b"low") < 3:
            delivery = await stays.next()
            got.append(delivery.message.body)
            await delivery.ack()


async def test_no_more_is_taken_than_was_asked_for(server: QueueConfig) -> None:
    """However many topics there are."""
    async with open_redis(server) as bus:
        async with consuming(bus, Subscription("#", "g")):
            pass
        for topic in range(60):
            for _ in range(3):
                await bus.publish(message(f"t{topic}"))
        async with consuming(bus, Subscription("#", "g", prefetch=4)) as inbox:
            for _ in range(4):
                await inbox.next()
            (status,) = await bus.groups()
            assert status.pending <= 4


async def test_members_that_died_are_forgotten(server: QueueConfig) -> None:
    """A service that crashes a thousand times leaves nothing of a thousand members."""
    async with open_redis(server) as bus:
        async with consuming(bus, Subscription("a", "g")):
            pass
        stream = bus.keys.stream("a")
        for n in range(3):
            await bus.call("XGROUP", "CREATECONSUMER", stream, "g|a", f"dead{n}")
        await bus.publish(message("a"))
        await bus.call("XREADGROUP", "GROUP", "g|a", "dead0", "STREAMS", stream, ">")
        await forget_dead(bus, stream, "g|a", idle_ms=0)
        reply = await bus.call("XINFO", "CONSUMERS", stream, "g|a")

        assert [each[1] for each in reply] == [b"dead0"]


async def test_counting_dead_letters_does_not_read_them(server: QueueConfig) -> None:
    """Ten thousand of a megabyte would not fit."""
    async with open_redis(server) as bus:
        for pattern in ("a", "#"):
            async with consuming(bus, Subscription(pattern, "g")) as inbox:
                for _ in range(5):
                    await bus.publish(message("a", b"x" * 200_000))
                    await (await inbox.next()).bury("no")
        before = await _sent(bus)
        found = {each.pattern: each.dead for each in await bus.groups()}

        assert found == {"a": 5, "#": 5}
        assert await _sent(bus) - before < 100_000


async def _sent(bus: RedisBus) -> int:
    info: bytes = await bus.call("INFO", "stats")
    return int(info.partition(b"total_net_output_bytes:")[2].split()[0])


async def test_what_was_not_kept_is_not_taken_for_known(server: QueueConfig) -> None:
    """A publish that failed may be tried again."""
    async with open_redis(server) as bus:
        await bus.call("SET", bus.keys.stream("a"), "no stream")
        again = message("a")
        for _ in range(2):
            with pytest.raises(BusError, match="WRONGTYPE"):
                await bus.publish(again)
