"""The bus inside one process keeps the contract of all others."""

import pytest

from intertie.bus.memory import MemoryBus
from intertie.bus.port import Message, Subscription
from intertie.suite.bus import QueueConfig, QueueType
from intertie.testing.bus import BusContract, consuming


@pytest.mark.slow
class TestMemory(BusContract):
    @pytest.fixture
    def config(self) -> QueueConfig:
        """It has no address."""
        return QueueConfig(QueueType.MEMORY)

    @pytest.mark.skip(reason="there is no broker to miss")
    async def test_a_broker_that_is_not_there_is_told(self, config: QueueConfig) -> None:
        """Nothing can be away."""


@pytest.mark.anyio
async def test_events_of_two_topics_may_share_an_id() -> None:
    """An id is unique for who gave it; on another topic it is another event."""
    bus = MemoryBus()
    async with consuming(bus, Subscription("#", "g")) as inbox:
        await bus.publish(Message("a", b"", "1"))
        await bus.publish(Message("b", b"", "1"))
        await bus.publish(Message("b", b"", "1"))
        await bus.publish(Message("c", b"", "2"))

        assert [(await inbox.next()).message.topic for _ in range(3)] == ["a", "b", "c"]
