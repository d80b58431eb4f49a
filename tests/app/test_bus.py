"""The daemon's end of the bus."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from anyio import create_task_group

from intertie.app.bus import BusLink, SuiteSide
from intertie.bus import MessageQueueIntegration
from intertie.bus.schemas import Schemas
from intertie.control.commands import Commands
from intertie.errors import BusUnavailableError
from intertie.event import Event
from intertie.runtime.component import Status
from intertie.runtime.journal import Journal
from tests.bus.peers.server import Broker
from tests.bus.peers.valkey import valkey
from tests.runtime.test_journal import event
from tests.waiting import eventually

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    """One to be killed."""
    async with valkey(tmp_path) as broker:
        yield broker


def link(broker: Broker, journal: Journal) -> BusLink:
    """Without commands: nobody sends any here."""
    commands: Commands = None  # type: ignore[assignment]
    side = SuiteSide("x", commands, journal)
    return BusLink(lambda: broker.config, side, source="s", schemas=Schemas, obey=False)


async def test_no_event_is_lost_or_told_twice(broker: Broker, tmp_path: Path) -> None:
    """Whatever dies between the happening and the telling: daemon, broker, or both."""
    heard: list[str] = []

    def hear(_: object, got: Event) -> None:
        heard.append(got.id)

    async with MessageQueueIntegration(broker.config) as queue:
        await queue.subscribe("t", hear, group="g")
        with Journal.open(tmp_path / "j.db") as journal:
            async with create_task_group() as group:
                await group.start(link(broker, journal).run)
                for n in range(20):
                    journal.append(event(f"a{n}"))
                await eventually(lambda: len(heard) >= 20)
                await broker.kill()
                journal.append(event("while-away"))
                group.cancel_scope.cancel()
        with Journal.open(tmp_path / "j.db") as journal:
            # As if the daemon had died after telling and before striking off.
            await journal.pass_on("bus", 10)
            async with create_task_group() as group:
                await group.start(link(broker, journal).run)
                await broker.start()
                await eventually(lambda: "while-away" in heard, 30)
                group.cancel_scope.cancel()

    assert sorted(heard) == sorted([f"a{n}" for n in range(20)] + ["while-away"])


async def test_it_says_why_it_is_not_connected(broker: Broker, tmp_path: Path) -> None:
    """And connects when the broker is there again."""
    await broker.kill()
    with Journal.open(tmp_path / "j.db") as journal:
        async with create_task_group() as group:
            one = link(broker, journal)
            await group.start(one.run)
            await eventually(lambda: "Connect call failed" in one.health().reason)
            with pytest.raises(BusUnavailableError, match="cannot use the bus: cannot reach"):
                _ = one.client
            await broker.start()
            await eventually(lambda: one.health().status is Status.UP, 30)
            assert one.client.bus.capabilities.durable
            group.cancel_scope.cancel()
