"""Consumers without a group on Kafka."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from intertie.bus.kafka import open_bus
from intertie.bus.port import Bus, Subscription
from intertie.testing.bus import consuming, message
from tests.bus.peers.kafka import kafka

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[Bus]:
    """On a broker of its own."""
    async with kafka(tmp_path) as broker, open_bus(broker.config) as opened:
        yield opened


async def test_a_new_topic_makes_it_forget_nothing(bus: Bus) -> None:
    """It goes on where it was in the topics it had, and reads the new one from its start."""
    async with consuming(bus, Subscription("a.*")) as inbox:
        await bus.publish(message("a.old", b"1", key="k"))
        assert await inbox.bodies(1) == [b"1"]
        await bus.publish(message("a.new", b"2"))
        assert await inbox.bodies(1) == [b"2"]
        await bus.publish(message("a.old", b"3", key="k"))

        assert await inbox.bodies(1) == [b"3"]
        assert await inbox.is_quiet()


async def test_a_retried_message_comes_again_to_this_one_only(bus: Bus) -> None:
    """As the next try; a buried one is gone."""
    async with (
        consuming(bus, Subscription("a", prefetch=1)) as inbox,
        consuming(bus, Subscription("a")) as other,
    ):
        sent = message("a", b"1")
        await bus.publish(sent)
        await (await inbox.next()).retry(0.05)
        again = await inbox.next()

        assert (again.message, again.tries) == (sent, 2)
        await again.bury("no use")
        assert await other.bodies(1) == [b"1"]
        assert await other.is_quiet()
        assert await bus.dead_letters() == []
        await bus.publish(message("a", b"2"))
        assert await inbox.bodies(1) == [b"2"]
