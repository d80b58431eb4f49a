"""How a consumer on NATS gets its messages."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from anyio import TASK_STATUS_IGNORED, create_task_group, fail_after, sleep

from intertie.bus.nats import NatsBus, open_bus
from intertie.bus.nats_names import consumer_name
from intertie.bus.port import Delivery, Subscription
from intertie.errors import BusUnavailableError
from intertie.testing.bus import consuming, message
from tests.bus.peers.nats import nats
from tests.waiting import eventually

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
EXCHANGE = "suite_events"


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[NatsBus]:
    """On a server of its own."""
    async with nats(tmp_path) as broker, open_bus(broker.config) as bus:
        yield bus


@pytest.mark.parametrize("prefetch", [1, 3, 10, 32])
async def test_the_server_hands_out_no_more_than_prefetch(bus: NatsBus, prefetch: int) -> None:
    """Fetched beforehand included: what is beyond stays for other members."""
    async with consuming(bus, Subscription("a", "g", prefetch=prefetch)) as inbox:
        for n in range(3 * prefetch + 1):
            await bus.publish(message("a", b"%d" % n))
        for _ in range(2):
            taken = [await inbox.next() for _ in range(prefetch)]
            assert await inbox.is_quiet(for_s=0.05)
            (status,) = await bus.groups()
            assert status.pending == prefetch
            for delivery in taken:
                await delivery.ack()
        await inbox.bodies(prefetch + 1)


async def test_a_message_waiting_behind_a_slow_one_keeps_its_lease(bus: NatsBus) -> None:
    """It was fetched, not handed over: still nobody else gets it, and it is no second try."""
    subscription = Subscription("a", "g", lease_s=1.5)
    got: list[tuple[bytes, int]] = []

    async def take(delivery: Delivery) -> None:
        if not got:
            await sleep(4.0)
        got.append((delivery.message.body, delivery.tries))
        await delivery.ack()

    async with create_task_group() as tasks:

        async def consume(*, task_status: object) -> None:
            await bus.consume(subscription, take, task_status=task_status)  # type: ignore[arg-type]

        await tasks.start(consume)
        for body in (b"slow", b"next"):
            await bus.publish(message("a", body))
        await eventually(lambda: len(got) == 2)
        async with consuming(bus, subscription) as other:
            assert await other.is_quiet(for_s=2.0)
        tasks.cancel_scope.cancel()

    assert got == [(b"slow", 1), (b"next", 1)]


async def test_a_consumer_that_was_removed_is_told(bus: NatsBus) -> None:
    """Consuming ends, so that the next one makes it anew."""

    async def remove(_: Delivery) -> None:
        link = await bus.connect()
        await link.js.delete_consumer(EXCHANGE, consumer_name("g", "a"))

    await bus.publish(message("a", b"before"))
    subscription = Subscription("a", "g", from_start=True)
    with fail_after(30), pytest.raises(BusUnavailableError, match="Consumer Deleted"):
        await bus.consume(subscription, remove, task_status=TASK_STATUS_IGNORED)

    async with consuming(bus, Subscription("a", "g")) as inbox:
        await bus.publish(message("a", b"x"))
        assert await inbox.bodies(1) == [b"x"]


async def test_a_stream_that_was_removed_is_made_anew(bus: NatsBus) -> None:
    """By the call after the one that found it gone."""
    link = await bus.connect()
    await link.js.delete_stream(EXCHANGE)
    with pytest.raises(BusUnavailableError, match="no stream"):
        await bus.publish(message("a"))

    await bus.publish(message("a"))


async def test_a_listener_is_not_held_up_by_what_it_does_not_end(bus: NatsBus) -> None:
    """It gets all, in order; ending them does nothing."""
    sent = [b"%d" % n for n in range(50)]
    async with consuming(bus, Subscription("a", prefetch=4)) as inbox:
        for body in sent:
            await bus.publish(message("a", body))
        taken = [await inbox.next() for _ in sent]
        await taken[0].retry(0.0)
        await taken[1].bury("no")
        await taken[2].ack()

        assert [delivery.message.body for delivery in taken] == sent
        assert await inbox.is_quiet()
        assert await bus.dead_letters() == []


async def test_a_message_is_ended_once(bus: NatsBus) -> None:
    """A second word about it is not heard: it may be in other hands by then."""
    async with consuming(bus, Subscription("a", "g")) as inbox:
        await bus.publish(message("a", b"x"))
        delivery = await inbox.next()
        await delivery.ack()
        await delivery.retry(0.0)

        assert await inbox.is_quiet()
    with pytest.raises(BusUnavailableError, match="its consumer has ended"):
        await delivery.ack()
