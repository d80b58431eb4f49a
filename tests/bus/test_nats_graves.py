"""Dead letters on NATS."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from intertie.bus.nats import open_bus
from intertie.bus.nats_graves import Grave
from intertie.bus.nats_link import connect
from intertie.bus.nats_names import consumer_name, names
from intertie.bus.nats_pull import Held
from intertie.bus.port import Subscription
from intertie.testing.bus import consuming, message
from tests.bus.peers.nats import nats

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_a_message_buried_twice_is_one_dead_letter(tmp_path: Path) -> None:
    """As after a crash between the burial and the ack."""
    async with (
        nats(tmp_path) as broker,
        open_bus(broker.config) as bus,
        consuming(bus, Subscription("a", "g")) as inbox,
    ):
        await bus.publish(message("a", b"x"))
        held = await inbox.next()
        assert isinstance(held, Held)
        link = await bus.connect()
        exchange = names(broker.config.exchange)
        await Grave(link, exchange.grave("g", consumer_name("g", "a"))).bury(held, "first")
        await held.bury("second")

        (letter,) = await bus.dead_letters()
        assert letter.reason == "first"
        assert abs(datetime.now(UTC) - letter.at) < timedelta(minutes=1)


async def test_a_long_reason_gives_way_to_a_large_message(tmp_path: Path) -> None:
    """The server takes a million bytes, headers and all."""
    body = b"x" * (1_048_576 - 1000)
    async with (
        nats(tmp_path) as broker,
        open_bus(broker.config) as bus,
        consuming(bus, Subscription("a", "g")) as inbox,
    ):
        await bus.publish(message("a", body))
        await (await inbox.next()).bury("é" * 5000)

        (letter,) = await bus.dead_letters("g")
        assert letter.message.body == body
        assert letter.reason.startswith("é" * 64)


async def test_only_its_own_group_may_touch_a_dead_letter(tmp_path: Path) -> None:
    """Nor does a number find what is none."""
    async with (
        nats(tmp_path) as broker,
        open_bus(broker.config) as bus,
        consuming(bus, Subscription("a", "g")) as inbox,
    ):
        for body in (b"1", b"2"):
            await bus.publish(message("a", body))
            await (await inbox.next()).bury("no")
        first, second = await bus.dead_letters("g")

        for id in (first.id, "0", "-1", "٣", "99", "9" * 30, "x", ""):
            assert not await bus.drop("other", id)
            assert not await bus.replay("other", id)
        assert await bus.drop("g", first.id)
        assert not await bus.replay("g", first.id)
        assert await bus.dead_letters() == [second]


async def test_dead_letters_outlive_the_connection(tmp_path: Path) -> None:
    """And the server: they are told oldest first, of one group or of all."""
    async with nats(tmp_path) as broker:
        async with open_bus(broker.config) as bus:
            for group in ("one", "two"):
                async with consuming(bus, Subscription("a", group)) as inbox:
                    await bus.publish(message("a", group.encode()))
                    await (await inbox.next()).bury("no")
        await broker.kill()
        await broker.start()

        link = await connect(broker.config)
        await link.aclose()
        async with open_bus(broker.config) as bus:
            assert [letter.group for letter in await bus.dead_letters()] == ["one", "two"]
            assert [letter.group for letter in await bus.dead_letters("two")] == ["two"]
