"""A bus that is told to stop, over the bus within this process."""

import pytest
from anyio import Event, create_task_group, fail_after

from intertie.bus.engines import open_bus
from intertie.bus.port import Delivery, Message, Subscription
from intertie.service.drain import Drain
from intertie.service.gate import GatedBus
from intertie.suite.bus import QueueConfig, QueueType
from tests.waiting import eventually

pytestmark = pytest.mark.anyio


async def test_it_is_the_bus_below() -> None:
    """Messages, groups and dead letters are those of the other one."""
    async with open_bus(QueueConfig(QueueType.MEMORY)) as bus, create_task_group() as tasks:
        gated = GatedBus(bus, Drain())

        buried = Event()

        async def take(delivery: Delivery) -> None:
            await delivery.bury("bad")
            buried.set()

        with fail_after(5):
            await tasks.start(_consume, gated, take)
            await gated.publish(Message("a", b"{}", "1"))
            await buried.wait()
        letters = list(await gated.dead_letters("g"))

        assert gated.capabilities == bus.capabilities
        assert [group.group for group in await gated.groups()] == ["g"]
        assert [letter.reason for letter in letters] == ["bad"]
        assert not await gated.drop("g", "none")
        assert await gated.replay("g", letters[0].id)
        tasks.cancel_scope.cancel()


async def test_after_a_stop_it_hands_out_nothing() -> None:
    """What comes stays with the broker."""
    drain, taken = Drain(), []
    async with open_bus(QueueConfig(QueueType.MEMORY)) as bus, create_task_group() as tasks:
        gated = GatedBus(bus, drain)

        async def take(delivery: Delivery) -> None:
            taken.append(delivery.message.id)
            await delivery.ack()

        await tasks.start(_consume, gated, take)
        await gated.publish(Message("a", b"{}", "1"))
        await eventually(lambda: taken == ["1"])
        drain.begin()
        await gated.publish(Message("a", b"{}", "2"))
        await tasks.start(_consume, GatedBus(bus, Drain()), take)
        await gated.publish(Message("a", b"{}", "3"))
        await eventually(lambda: "3" in taken)
        tasks.cancel_scope.cancel()

    assert "2" not in taken


async def _consume(bus: GatedBus, take: object, *, task_status: object) -> None:
    await bus.consume(Subscription("a", "g"), take, task_status=task_status)  # type: ignore[arg-type]
