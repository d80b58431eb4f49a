"""The daemon's end of the bus."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from anyio import create_task_group, fail_after, sleep

from intertie.app.bus import BusLink, SuiteSide
from intertie.bus import MessageQueueIntegration
from intertie.bus.schemas import Schemas
from intertie.control.commands import Commands
from intertie.errors import BusUnavailableError
from intertie.event import Event
from intertie.runtime.component import Status
from intertie.runtime.journal import Journal
from intertie.suite.bus import QueueConfig
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
            journal.begin_reader("bus")
            async with create_task_group() as group:
                await group.start(link(broker, journal).run)
                for n in range(20):
                    journal.append(event(f"a{n}"))
                await eventually(lambda: len(heard) >= 20)
                with fail_after(30):  # what is not acknowledged yet would come again
                    while any(each.pending for each in await queue.client.bus.groups()):  # noqa: ASYNC110
                        await sleep(0.01)
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


async def test_a_bus_near_by_is_looked_for_often(broker: Broker, tmp_path: Path) -> None:
    """Whoever has heard that it is there does not find it out of reach for seconds."""
    looks = 0

    def config() -> QueueConfig:
        nonlocal looks
        looks += 1
        return broker.config

    commands: Commands = None  # type: ignore[assignment]
    await broker.kill()
    with Journal.open(tmp_path / "j.db") as journal:
        side = SuiteSide("x", commands, journal)
        async with create_task_group() as group:
            one = BusLink(config, side, source="s", schemas=Schemas, obey=False, longest_s=0.01)
            await group.start(one.run)
            await eventually(lambda: looks > 50)
            group.cancel_scope.cancel()


async def test_a_bus_that_went_away_is_told(broker: Broker, tmp_path: Path) -> None:
    """Not only one that never came."""
    with Journal.open(tmp_path / "j.db") as journal:
        async with create_task_group() as group:
            commands: Commands = None  # type: ignore[assignment]
            side = SuiteSide("x", commands, journal)
            one = BusLink(lambda: broker.config, side, source="s", schemas=Schemas, obey=True)
            await group.start(one.run)
            await eventually(lambda: one.health().status is Status.UP, 30)
            await broker.kill()
            await eventually(lambda: one.health().status is Status.DOWN, 30)
            assert "cannot reach the bus" in one.health().reason
            await broker.start()
            await eventually(lambda: one.health().status is Status.UP, 30)
            group.cancel_scope.cancel()


async def test_a_bus_that_keeps_nothing_is_one_too(broker: Broker, tmp_path: Path) -> None:
    """Pub/Sub has no groups: commands reach the suite while it listens, events whoever does."""
    heard: list[str] = []
    config = replace(broker.config, mode="pubsub")
    with Journal.open(tmp_path / "j.db") as journal:
        async with MessageQueueIntegration(config) as queue, create_task_group() as group:
            await queue.subscribe("#", lambda _, got: heard.append(got.id))
            commands: Commands = None  # type: ignore[assignment]
            side = SuiteSide("x", commands, journal)
            one = BusLink(lambda: config, side, source="s", schemas=Schemas, obey=True)
            await group.start(one.run)
            await eventually(lambda: one.health().status is Status.UP, 30)
            while not heard:
                journal.append(event(f"e{len(journal.latest(99))}"))
                await sleep(0.01)
            group.cancel_scope.cancel()


async def test_a_journal_that_cannot_be_read_ends_no_suite(broker: Broker, tmp_path: Path) -> None:
    """It is told as the bus's trouble."""
    with Journal.open(tmp_path / "j.db") as journal:
        with closing(sqlite3.connect(tmp_path / "j.db")) as other:
            other.execute("DROP TABLE events")
        async with create_task_group() as group:
            one = link(broker, journal)
            await group.start(one.run)
            await eventually(lambda: "journal" in one.health().reason)
            group.cancel_scope.cancel()


async def test_two_bridges_of_one_name_get_along(tmp_path: Path) -> None:
    """Each strikes off what it was told, whoever asked last."""
    commands: Commands = None  # type: ignore[assignment]
    with Journal.open(tmp_path / "j.db") as journal:
        side = SuiteSide("x", commands, journal)
        journal.begin_reader("bus")
        journal.append(event("1"))
        first = await side.unsent(10)
        await side.sent(first)
        journal.append(event("2"))
        second = await side.unsent(10)
        await side.sent(first)
        assert [each.id for each in await side.unsent(10)] == ["2"]
        await side.sent(second)
        await journal.caught_up("bus")


def test_a_suite_without_a_bus_keeps_nothing_for_one(tmp_path: Path) -> None:
    """Else ten times as much would be kept, and all of it told when a bus comes."""
    commands: Commands = None  # type: ignore[assignment]
    with Journal.open(tmp_path / "j.db") as journal:
        SuiteSide("x", commands, journal)
    with closing(sqlite3.connect(tmp_path / "j.db")) as other:
        assert other.execute("SELECT count(*) FROM passed_on").fetchone() == (0,)
