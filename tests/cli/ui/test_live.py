"""What keeps the UI told."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from anyio import create_task_group, to_thread

from intertie.api.models import ServiceView
from intertie.cli.ui.live import Batch, Live
from intertie.event import Event
from intertie.runtime.change import Change
from intertie.runtime.explain import Explanation
from intertie.runtime.folder import Daemon, StateFolder
from intertie.runtime.logs import LogLine
from tests.harness import Bench
from tests.waiting import eventually

pytestmark = pytest.mark.anyio

SUITE = """
suite: live
api: {port: auto}
services:
  a: {command: sh -c 'echo words of a; exec sleep 1000'}
  b: {command: sh -c 'echo words of b; exec sleep 1000'}
"""


class Notes:
    """A watcher that keeps what it was told last."""

    def __init__(self) -> None:
        self.connections = 0
        self.whys: list[str] = []
        self.services: dict[str, ServiceView] = {}
        self.events: list[Event] = []
        self.changes: Sequence[Change] = ()
        self.explanation: Explanation | None = None
        self.log: list[str] = []

    def connected(self, daemon: Daemon) -> None:
        """See Watcher."""
        assert daemon.api_url
        self.connections += 1

    def lost(self, why: str) -> None:
        """See Watcher."""
        self.whys.append(why)

    def services_are(self, services: Sequence[ServiceView]) -> None:
        """See Watcher."""
        self.services = {service.name: service for service in services}

    def happened(self, events: Sequence[Event], left_out: int) -> None:
        """See Watcher."""
        assert left_out == 0
        self.events += events

    def changes_are(self, changes: Sequence[Change]) -> None:
        """See Watcher."""
        self.changes = changes

    def explained(self, explanation: Explanation | None) -> None:
        """See Watcher."""
        self.explanation = explanation

    def logs_begin(self, service: str) -> None:
        """See Watcher."""
        self.log = [f"log of {service}"]

    def logged(self, lines: Sequence[LogLine], left_out: int) -> None:
        """See Watcher."""
        assert left_out == 0
        self.log += [line.text for line in lines]


@asynccontextmanager
async def watching(folder: StateFolder) -> AsyncIterator[tuple[Live, Notes]]:
    """A reader at work."""
    notes = Notes()
    live = Live(folder, notes)
    async with create_task_group() as group:
        group.start_soon(live.run)
        yield live, notes
        group.cancel_scope.cancel()


@pytest.mark.slow
async def test_everything_is_told_and_stays_up_to_date(running: Bench) -> None:
    """Services, events, changes; after a restart the new ones, each event once."""
    async with watching(StateFolder(running.state)) as (_, notes):
        await eventually(lambda: bool(notes.services and notes.events and notes.changes))
        before = notes.services["echo"].replicas[0].pid

        await to_thread.run_sync(running.ok, "restart", "echo")

        await eventually(lambda: notes.services["echo"].replicas[0].pid not in {before, None})
        await eventually(lambda: notes.changes[0].title == "restart echo")
        await eventually(lambda: notes.changes[0].status == "done")
        ids = [event.id for event in notes.events]
        assert len(ids) == len(set(ids))


@pytest.mark.slow
async def test_the_service_looked_at_has_its_log_and_its_reasons(running: Bench) -> None:
    """When another is looked at, everything is that one's."""
    async with watching(StateFolder(running.state)) as (live, notes):
        live.look_at("echo")
        await eventually(lambda: "a warning" in notes.log)
        assert notes.log[0] == "log of echo"

        live.look_at("web")

        await eventually(lambda: notes.log[0] == "log of web")
        await eventually(
            lambda: notes.explanation is not None and notes.explanation.service == "web"
        )
        assert "a warning" not in notes.log


@pytest.mark.slow
async def test_a_service_that_is_gone_disturbs_nothing(running: Bench) -> None:
    """It has no explanation and no lines; the next one has."""
    async with watching(StateFolder(running.state)) as (live, notes):
        live.look_at("nothing")
        await eventually(lambda: notes.log == ["log of nothing"])
        live.look_at("echo")
        await eventually(lambda: "hello from echo" in notes.log)

        assert notes.connections == 1
        assert notes.whys == []


@pytest.mark.slow
async def test_the_daemon_is_found_again(bench: Bench) -> None:
    """Its end is told, that it does not run is told, and a new one is read from at once."""
    bench.write(SUITE)
    await to_thread.run_sync(bench.ok, "up", "--detach")
    async with watching(StateFolder(bench.state)) as (live, notes):
        live.look_at("a")
        await eventually(lambda: "words of a" in notes.log)

        await to_thread.run_sync(bench.ok, "down")
        await eventually(lambda: any("it is not running" in why for why in notes.whys))
        notes.log.clear()
        await to_thread.run_sync(bench.ok, "up", "--detach")

        await eventually(lambda: notes.connections > 1)
        await eventually(lambda: "words of a" in notes.log)
        await eventually(lambda: notes.services["b"].status == "UP")


async def handed_on(*items: int) -> tuple[Sequence[int], int]:
    """What a batch makes of items that come at the same time."""
    handed: list[tuple[Sequence[int], int]] = []
    batch = Batch[int](lambda some, left_out: handed.append((some, left_out)))
    for item in items:
        batch.add(item)
    async with create_task_group() as group:
        group.start_soon(batch.run)
        await eventually(lambda: bool(handed))
        group.cancel_scope.cancel()
    return handed[0]


async def test_a_batch_is_handed_on_together() -> None:
    """What comes at the same time is one frame, in order."""
    assert await handed_on(1, 2, 3) == ((1, 2, 3), 0)


async def test_a_flood_is_cut_at_its_beginning_and_counted() -> None:
    """No more waits than can be shown; the newest stay, and how many are missing is told."""
    assert await handed_on(*range(25_000)) == (tuple(range(22_000, 25_000)), 22_000)


async def test_what_was_dropped_is_not_handed_on() -> None:
    """The lines of the service looked at before never come under the next one's name."""
    handed: list[Sequence[int]] = []
    batch = Batch[int](lambda some, _: handed.append(some))
    batch.add(1)
    batch.drop()
    batch.add(2)
    async with create_task_group() as group:
        group.start_soon(batch.run)
        await eventually(lambda: bool(handed))
        group.cancel_scope.cancel()

    assert handed == [(2,)]
