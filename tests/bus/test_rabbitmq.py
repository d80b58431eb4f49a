"""The bus on RabbitMQ keeps the contract of all others."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from intertie.bus.port import Subscription
from intertie.bus.rabbitmq import open_bus
from intertie.errors import BusError, BusUnavailableError
from intertie.suite.bus import QueueConfig
from intertie.testing.bus import BusContract, consuming, message
from tests.bus.chaos import BusChaos
from tests.bus.peers.rabbitmq import PROGRAM, consuming_until_gone, fresh, rabbitmq
from tests.bus.peers.server import Broker
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


class TestRabbitMq(BusContract):
    pass


class TestRabbitMqChaos(BusChaos):
    @pytest.fixture
    async def broker(self, tmp_path: Path) -> AsyncIterator[Broker]:
        """One that may be killed."""
        async with rabbitmq(tmp_path) as broker:
            yield broker


async def test_a_killed_broker_loses_nothing_it_confirmed(tmp_path: Path) -> None:
    """The consumer is told, calls fail meanwhile, and the next ones find the broker again."""
    async with rabbitmq(tmp_path) as broker, open_bus(broker.config) as bus:
        sent = [b"%d" % n for n in range(50)]
        async with consuming_until_gone(bus, pattern="b"):
            async with consuming(bus, Subscription("a", "g")):
                pass
            for body in sent:
                await bus.publish(message("a", body))
            await broker.kill()
        with pytest.raises(BusUnavailableError, match="bus at amqp://127"):
            await bus.publish(message("a"))
        with pytest.raises(BusUnavailableError, match="bus at amqp://127"):
            await bus.groups()
        await broker.start()
        async with consuming(bus, Subscription("a", "g")) as inbox:
            assert await inbox.bodies(len(sent)) == sent
            await bus.publish(message("a", b"after"))
            assert await inbox.bodies(1) == [b"after"]


async def test_a_topic_too_long_for_amqp_is_told(config: QueueConfig) -> None:
    """It is a topic elsewhere."""
    async with open_bus(config) as bus:
        with pytest.raises(BusError, match="255 letters at most"):
            await bus.publish(message(".".join(["x" * 60] * 5)))
