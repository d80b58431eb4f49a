"""How far groups on Kafka are."""

from pathlib import Path

import pytest

from intertie.bus.kafka import open_bus
from intertie.bus.port import Subscription
from intertie.testing.bus import consuming, message
from tests.bus.peers.kafka import kafka

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_each_group_has_its_own_count(tmp_path: Path) -> None:
    """A retry that waits is pending, a message nobody took is lag; known to other processes too."""
    async with (
        kafka(tmp_path) as broker,
        open_bus(broker.config) as bus,
        open_bus(broker.config) as other,
        consuming(bus, Subscription("a.*", "g", from_start=True)) as inbox,
    ):
        await bus.publish(message("a.b", b"1"))
        await (await inbox.next()).retry(3600)
        (here,) = await bus.groups()

        assert (here.group, here.pattern, here.lag, here.pending) == ("g", "a.*", 0, 1)
        assert here.consumers == 1
        assert [each.group for each in await other.groups()] == ["g"]


async def test_a_group_without_members_lags(tmp_path: Path) -> None:
    """By all that was published since."""
    async with kafka(tmp_path) as broker, open_bus(broker.config) as bus:
        async with consuming(bus, Subscription("a", "g")):
            pass
        for _ in range(3):
            await bus.publish(message("a"))
        (status,) = await bus.groups()

        assert (status.lag, status.pending, status.dead) == (3, 0, 0)
