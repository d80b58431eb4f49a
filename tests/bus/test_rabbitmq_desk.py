"""Groups and dead letters of a real RabbitMQ."""

from collections.abc import Iterator

import pytest
from anyio import create_task_group

from intertie.bus.port import Bus, Subscription
from intertie.bus.rabbitmq import open_bus
from intertie.suite.bus import QueueConfig
from intertie.testing.bus import consuming, message
from tests.bus.peers.rabbitmq import PROGRAM, fresh, rabbitmq
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


async def test_many_may_look_at_once(config: QueueConfig) -> None:
    """Each sees every dead letter, though one alone may hold them."""
    async with (
        open_bus(config, settle_s=0.0) as bus,
        open_bus(config, settle_s=0.0) as other,
        consuming(bus, Subscription("a", "g")) as inbox,
    ):
        for _ in range(3):
            await bus.publish(message("a"))
            await (await inbox.next()).bury("no use")
        counts: list[int] = []

        async def look(at: Bus) -> None:
            counts.append(len(await at.dead_letters()))

        async with create_task_group() as tasks:
            for each in (bus, other) * 5:
                tasks.start_soon(look, each)

        assert counts == [3] * 10


async def test_groups_are_known_to_everybody(config: QueueConfig) -> None:
    """By name and pattern, over connections, and also when nobody consumes."""
    wanted = [("g", "a"), ("g", "b.*"), ("h", "#")]
    async with open_bus(config, settle_s=0.0) as bus:
        for group, pattern in wanted:
            async with consuming(bus, Subscription(pattern, group)):
                pass
        await bus.publish(message("a"))
        await bus.publish(message("a", priority="high"))
    async with open_bus(config, settle_s=0.0) as other:
        found = await other.groups()

    assert [(each.group, each.pattern, each.lag) for each in found] == [
        ("g", "a", 2),
        ("g", "b.*", 0),
        ("h", "#", 2),
    ]
    assert {(each.consumers, each.pending, each.dead) for each in found} == {(0, 0, 0)}


async def test_members_that_begin_at_once_are_all_known(config: QueueConfig) -> None:
    """None overwrites what another has just noted."""
    async with (
        open_bus(config, settle_s=0.0) as bus,
        open_bus(config, settle_s=0.0) as other,
        create_task_group() as tasks,
    ):

        async def begin(at: Bus, group: str) -> None:
            async with consuming(at, Subscription("a", group)):
                pass

        async with create_task_group() as beginning:
            for n in range(4):
                beginning.start_soon(begin, (bus, other)[n % 2], f"g{n}")
        tasks.cancel_scope.cancel()
    async with open_bus(config, settle_s=0.0) as bus:
        assert [each.group for each in await bus.groups()] == ["g0", "g1", "g2", "g3"]


async def test_looking_at_dead_letters_changes_nothing(config: QueueConfig) -> None:
    """However often: their order, and what they tell, stay."""
    async with (
        open_bus(config, settle_s=0.0) as bus,
        consuming(bus, Subscription("a", "g")) as inbox,
    ):
        for n in range(5):
            await bus.publish(message("a", b"%d" % n, key="k", priority="low"))
            await (await inbox.next()).bury(f"reason {n}")
        first = await bus.dead_letters()
        for _ in range(25):
            assert await bus.dead_letters("g") == first

        assert [letter.reason for letter in first] == [f"reason {n}" for n in range(5)]
        assert await bus.replay("g", first[3].id)
        assert (await inbox.next()).message == first[3].message
        assert await bus.dead_letters() == [*first[:3], first[4]]
        assert await bus.dead_letters("nobody") == []
