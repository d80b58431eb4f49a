"""Members of a group on Kafka."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from anyio import fail_after

from intertie.bus.kafka import open_bus
from intertie.bus.kafka_link import first_of
from intertie.bus.port import Bus, Subscription
from intertie.errors import BusUnavailableError
from intertie.testing.bus import consuming, message
from tests.bus.peers.kafka import kafka

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def _end_of(bus: Bus, broker_ends: Callable[[], Awaitable[None]]) -> None:
    """Consume until the broker is gone; raises what ends it, without the group of tasks."""
    try:
        async with consuming(bus, Subscription("a", "g")) as inbox:
            await broker_ends()
            await inbox.next()
    except BaseExceptionGroup as group:
        raise first_of(group) from None


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[Bus]:
    """On a broker of its own."""
    async with kafka(tmp_path) as broker, open_bus(broker.config) as opened:
        yield opened


async def test_a_group_may_begin_at_the_oldest_message(bus: Bus) -> None:
    """Where it asks for that; else at what is published from its start on."""
    await bus.publish(message("a", b"old"))
    async with (
        consuming(bus, Subscription("a", "all", from_start=True)) as everything,
        consuming(bus, Subscription("a", "new")) as news,
    ):
        await bus.publish(message("a", b"new"))

        assert sorted(await everything.bodies(2)) == [b"new", b"old"]
        assert await news.bodies(1) == [b"new"]
        assert await news.is_quiet()


async def test_what_is_in_hand_while_the_group_changes_is_not_lost(bus: Bus) -> None:
    """Messages that were not ended in time go to whoever has their partition then."""
    async with consuming(bus, Subscription("a", "g")) as first:
        sent = {b"%d" % n for n in range(20)}
        for body in sent:
            await bus.publish(message("a", body, key=body.decode()))
        held = [await first.next() for _ in sent]
        async with consuming(bus, Subscription("a", "g")) as second:
            done: set[bytes] = set()
            for delivery in held:
                try:
                    await delivery.ack()
                    done.add(delivery.message.body)
                except BusUnavailableError:
                    continue
            left = sent - done
            again = await second.bodies(len(left))

            assert set(again) == left
            assert left
            assert done


async def test_acks_out_of_order_lose_nothing(bus: Bus) -> None:
    """The first of a partition is not ended, those behind it are: it comes again."""
    async with consuming(bus, Subscription("a", "g")) as inbox:
        for n in range(10):
            await bus.publish(message("a", b"%d" % n, key="k"))
        held = [await inbox.next() for _ in range(10)]
        for delivery in reversed(held[1:]):
            await delivery.ack()
    async with consuming(bus, Subscription("a", "g")) as inbox:
        assert (await inbox.next()).message.body == b"0"


async def test_a_lost_broker_ends_it(tmp_path: Path) -> None:
    """With the reason, in bounded time; the same bus consumes again once the broker is back."""
    async with kafka(tmp_path) as broker:
        config = replace(broker.config, connect_timeout=2.0)
        async with open_bus(config) as bus:
            with fail_after(40), pytest.raises(BusUnavailableError, match="kafka://"):
                await _end_of(bus, broker.kill)
            await broker.start()
            async with consuming(bus, Subscription("a", "g")) as inbox:
                await bus.publish(message("a", b"back"))

                assert await inbox.bodies(1) == [b"back"]


async def test_a_silent_broker_ends_it(tmp_path: Path) -> None:
    """Though its connections stay open; and the bus can be closed."""
    async with kafka(tmp_path) as broker:
        config = replace(broker.config, connect_timeout=1.0)
        with fail_after(60):
            async with open_bus(config) as bus:
                with pytest.raises(BusUnavailableError, match="kafka://"):
                    await _end_of(bus, broker.pause)
