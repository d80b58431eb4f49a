"""A consumer's queues at a real RabbitMQ."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from intertie.bus.port import Subscription
from intertie.bus.rabbitmq import open_bus
from intertie.bus.rabbitmq_names import Names, lane
from intertie.suite.bus import QueueConfig
from intertie.testing.bus import consuming, message
from tests.bus.peers.rabbitmq import PROGRAM, channel_of, consuming_until_gone, fresh, rabbitmq
from tests.bus.peers.shared import shared

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.slow,
    pytest.mark.skipif(not PROGRAM.exists(), reason="rabbitmq-server is not installed"),
]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueueConfig]:
    """Its start takes seconds."""
    yield from shared(rabbitmq, tmp_path_factory.mktemp("rabbitmq"))


@pytest.fixture
def config(node: QueueConfig) -> QueueConfig:
    """An exchange of its own at the node."""
    return fresh(node)


async def test_a_message_of_another_client_is_taken(config: QueueConfig) -> None:
    """Without id and headers, as any AMQP client may publish it."""
    async with (
        open_bus(config) as bus,
        consuming(bus, Subscription("a.*", "g")) as inbox,
        channel_of(config) as channel,
    ):
        await channel.basic_publish(b"hello", exchange=config.exchange, routing_key="a.b")
        got = await inbox.next()
        await got.ack()

        assert (got.message.topic, got.message.body, got.message.key) == ("a.b", b"hello", None)


async def test_a_changed_limit_leaves_the_queue_as_it_is(config: QueueConfig) -> None:
    """Rather than keeping its consumers out."""
    async with open_bus(config) as bus, consuming(bus, Subscription("a", "g")):
        pass
    async with (
        open_bus(replace(config, max_size=12345)) as bus,
        consuming(bus, Subscription("a", "g")) as inbox,
    ):
        await bus.publish(message("a", b"x"))

        assert await inbox.bodies(1) == [b"x"]


async def test_a_deleted_queue_ends_its_consumer(config: QueueConfig) -> None:
    """The next one makes it anew."""
    async with open_bus(config) as bus:
        async with consuming_until_gone(bus), channel_of(config) as channel:
            await channel.queue_delete(lane(Names(config.exchange).group("g", "a"), "normal"))
        async with consuming(bus, Subscription("a", "g")) as inbox:
            await bus.publish(message("a", b"x"))
            assert await inbox.bodies(1) == [b"x"]
