"""The bus on Redis' Pub/Sub."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from anyio import create_task_group

from intertie.bus.engines import open_bus
from intertie.bus.port import Subscription
from intertie.bus.redis_wire import Wire
from intertie.errors import BusError
from intertie.suite.bus import QueueConfig
from intertie.testing.bus import consuming, message
from tests.bus.peers.shared import shared
from tests.bus.peers.valkey import valkey

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueueConfig]:
    """One Valkey for this module."""
    for config in shared(valkey, tmp_path_factory.mktemp("valkey")):
        yield replace(config, mode="pubsub")


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        ("a.b", [b"a.b"]),
        ("a.*", [b"a.b", b"a.x"]),
        ("a.#", [b"a", b"a.b", b"a.b.c", b"a.x"]),
        ("#", [b"a", b"a.b", b"a.b.c", b"a.x", b"z"]),
    ],
)
async def test_whoever_listens_hears_it(
    server: QueueConfig, pattern: str, wanted: list[bytes]
) -> None:
    """By our patterns, not by Redis' own."""
    async with open_bus(server) as bus, consuming(bus, Subscription(pattern)) as inbox:
        for topic in ("a", "a.b", "a.b.c", "a.x", "z"):
            await bus.publish(message(topic, topic.encode()))

        assert await inbox.bodies(len(wanted)) == wanted
        assert await inbox.is_quiet()


async def test_nothing_is_kept(server: QueueConfig) -> None:
    """And it says so."""
    async with open_bus(server) as bus:
        assert not bus.capabilities.durable
        await bus.publish(message("a"))
        async with consuming(bus, Subscription("a")) as inbox:
            assert await inbox.is_quiet()
        assert not await bus.groups()
        assert not await bus.dead_letters()
        assert not await bus.replay("g", "1")
        assert not await bus.drop("g", "1")


async def test_a_group_is_refused(server: QueueConfig) -> None:
    """With the way out."""

    async def take(_: object) -> None: ...

    async with open_bus(server) as bus, create_task_group() as group:
        with pytest.raises(BusError, match="Pub/Sub has no groups; leave out the group"):
            await group.start(_consume, bus, Subscription("a", "g"))


async def test_a_program_that_knows_only_redis_can_talk(server: QueueConfig) -> None:
    """The channel is exchange and topic, what it says is the body."""
    async with open_bus(server) as bus, consuming(bus, Subscription("a.b")) as inbox:
        wire = await Wire.open(server, patience_s=5)
        await wire.call("PUBLISH", f"{server.exchange}:a.b", b'{"n": 1}')
        await wire.aclose()

        assert await inbox.bodies(1) == [b'{"n": 1}']


async def test_a_slow_listener_gets_all_the_same(server: QueueConfig) -> None:
    """The server waits for it, within its limits."""
    async with open_bus(server) as bus, consuming(bus, Subscription("a")) as inbox:
        for n in range(3_000):
            await bus.publish(message("a", b"%d" % n))

        assert await inbox.bodies(3_000) == [b"%d" % n for n in range(3_000)]


async def _consume(bus: object, subscription: Subscription, *, task_status: object) -> None:
    async def take(_: object) -> None: ...

    await bus.consume(subscription, take, task_status=task_status)  # type: ignore[attr-defined]
