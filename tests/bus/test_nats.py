"""The bus on NATS keeps the contract of all others, and its word when the server does not."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from anyio import (
    TASK_STATUS_IGNORED,
    create_task_group,
    fail_after,
    sleep,
    wait_all_tasks_blocked,
)

from intertie.bus.nats import NatsBus, open_bus
from intertie.bus.port import Delivery, Subscription
from intertie.errors import BusError, BusUnavailableError
from intertie.suite.bus import QueueConfig
from intertie.testing.bus import BusContract, consuming, message
from tests.bus.peers.nats import PASSWORD, nats
from tests.bus.peers.server import Broker
from tests.waiting import eventually

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    """A server that runs."""
    async with nats(tmp_path) as broker:
        yield broker


@pytest.fixture
def config(broker: Broker) -> QueueConfig:
    """Where it is."""
    return broker.config


class TestNats(BusContract):
    pass


async def test_confirmed_messages_survive_a_crash(broker: Broker) -> None:
    """The server is killed; the same bus goes on with the new one, and every message comes."""
    async with open_bus(broker.config) as bus:
        async with consuming(bus, Subscription("a", "g")):
            pass
        confirmed = [b"%d" % n for n in range(200)]
        for body in confirmed:
            await bus.publish(message("a", body))
        await broker.kill()
        with pytest.raises(BusUnavailableError, match="cannot reach the bus at nats://127"):
            await bus.publish(message("a", b"nobody there"))
        await broker.start()

        async with consuming(bus, Subscription("a", "g")) as inbox:
            assert await inbox.bodies(200) == confirmed
            assert await inbox.is_quiet()


async def test_calls_in_progress_fail_when_the_server_dies(broker: Broker) -> None:
    """At once, not after their timeout; consuming does not wait for a message that cannot come."""
    config = replace(broker.config, connect_timeout=60.0)
    ended: list[str] = []
    async with open_bus(config) as bus, create_task_group() as tasks:

        async def take(_: Delivery) -> None: ...

        async def consume(group: str | None, *, task_status: object) -> None:
            with pytest.raises(BusUnavailableError):
                await bus.consume(Subscription("a", group), take, task_status=task_status)  # type: ignore[arg-type]
            ended.append("consume")

        async def publish() -> None:
            with pytest.raises(BusUnavailableError):
                await bus.publish(message("a"))
            ended.append("publish")

        await tasks.start(consume, "g")
        await tasks.start(consume, None)
        await broker.pause()
        tasks.start_soon(publish)
        await wait_all_tasks_blocked()
        assert ended == []
        await broker.kill()
        await eventually(lambda: len(ended) == 3)


async def test_a_server_that_stands_still_is_told(broker: Broker) -> None:
    """Within the timeout; once it moves again the same connection serves."""
    async with open_bus(replace(broker.config, connect_timeout=2.0)) as bus:
        await broker.pause()
        with fail_after(30), pytest.raises(BusUnavailableError):
            await bus.publish(message("a"))
        await broker.resume()

        await bus.publish(message("a"))


async def test_what_a_dead_consumer_held_goes_to_another(config: QueueConfig) -> None:
    """When its lease is over: it said no goodbye."""
    subscription = Subscription("a", "g", from_start=True, lease_s=1.0)
    async with open_bus(config) as first, open_bus(config) as second:
        held: list[Delivery] = []

        async def hold(delivery: Delivery) -> None:
            held.append(delivery)
            await first.aclose()

        await second.publish(message("a", b"x"))
        with pytest.raises(BusUnavailableError):
            await first.consume(subscription, hold, task_status=TASK_STATUS_IGNORED)
        with pytest.raises(BusUnavailableError):
            await held[0].ack()

        async with consuming(second, subscription) as inbox:
            again = await inbox.next()
            assert (again.message.body, again.tries) == (b"x", 2)
            await again.ack()


async def test_a_consumer_that_ends_gives_back_at_once(config: QueueConfig) -> None:
    """In order, long before the lease is over, whether they were handed over or not."""
    subscription = Subscription("a", "g", prefetch=8, lease_s=600.0)
    sent = [b"%d" % n for n in range(20)]
    async with open_bus(config) as bus:
        async with consuming(bus, subscription) as inbox:
            for body in sent:
                await bus.publish(message("a", body))
            await inbox.next()

        async with consuming(bus, subscription) as inbox:
            assert await inbox.bodies(len(sent)) == sent


async def test_a_taker_that_fails_ends_consuming_with_its_error(config: QueueConfig) -> None:
    """Unchanged, not within a group; its message comes again."""

    async def take(_: Delivery) -> None:
        raise LookupError("of the taker")

    async with open_bus(config) as bus:
        async with consuming(bus, Subscription("a", "g")):
            pass
        await bus.publish(message("a", b"x"))
        with pytest.raises(LookupError, match="of the taker"):
            await bus.consume(Subscription("a", "g"), take, task_status=TASK_STATUS_IGNORED)

        async with consuming(bus, Subscription("a", "g")) as inbox:
            assert await inbox.bodies(1) == [b"x"]


async def test_exchanges_know_nothing_of_each_other(config: QueueConfig) -> None:
    """Not even when one's name looks like the other's topics."""
    async with (
        open_bus(replace(config, exchange="a")) as one,
        open_bus(replace(config, exchange="a.t")) as two,
        consuming(one, Subscription("#", "g")) as inbox,
    ):
        await two.publish(message("t.x", b"two"))
        await one.publish(message("x", b"one"))

        assert await inbox.bodies(1) == [b"one"]
        assert await inbox.is_quiet()


async def test_a_replay_within_minutes_is_no_double(config: QueueConfig) -> None:
    """The message's id is known to the server, and yet it comes again, with that id, each time."""
    sent = message("a.b", b"x", key="k")
    async with open_bus(config) as bus, consuming(bus, Subscription("a.#", "g")) as inbox:
        await bus.publish(sent)
        for _ in range(2):
            delivery = await inbox.next()
            assert (delivery.message, delivery.tries) == (sent, 1)
            await delivery.bury("still broken")
            (letter,) = await bus.dead_letters("g")
            assert await bus.replay("g", letter.id)
        assert await inbox.bodies(1) == [b"x"]


async def test_waiting_consumers_are_counted(config: QueueConfig) -> None:
    """Each once; a listener is no group."""
    subscription = Subscription("a", "g")
    async with (
        open_bus(config) as bus,
        consuming(bus, Subscription("a")),
        consuming(bus, subscription),
        consuming(bus, subscription),
    ):
        with fail_after(30):
            while [status.consumers for status in await bus.groups()] != [2]:  # noqa: ASYNC110
                await sleep(0.02)


async def test_nothing_is_left_after_closing(
    broker: Broker, capfd: pytest.CaptureFixture[str]
) -> None:
    """No task, and no word, however the server ended."""
    before = asyncio.all_tasks()
    async with open_bus(broker.config) as bus, consuming(bus, Subscription("a", "g")) as inbox:
        await bus.publish(message("a"))
        await inbox.bodies(1)
    assert asyncio.all_tasks() <= before

    async with open_bus(broker.config) as bus:
        await broker.kill()
        with pytest.raises(BusUnavailableError):
            await bus.publish(message("a"))
    assert asyncio.all_tasks() <= before
    assert capfd.readouterr() == ("", "")


async def test_texts_hold_no_credentials(broker: Broker) -> None:
    """Neither when the server is gone nor when it refuses them."""
    with pytest.raises(BusError, match="wrong user or password") as refused:
        async with open_bus(replace(broker.config, password="another")):
            pass
    await broker.kill()
    with pytest.raises(BusUnavailableError, match="cannot reach the bus at nats://") as away:
        async with open_bus(broker.config):
            pass

    assert not isinstance(refused.value, BusUnavailableError)
    assert "another" not in str(refused.value)
    assert PASSWORD not in str(away.value) + repr(NatsBus(broker.config))
