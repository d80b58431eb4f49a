"""The last lines of what failed, kept at that moment."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import anyio
import pytest
from anyio.abc import TaskGroup

from intertie.control.incident_log import COLLECTION, IncidentLog, last_lines
from intertie.event import HealthChanged, Payload, ServiceFailed, ServiceStarted
from intertie.runtime.component import Status
from intertie.runtime.hub import EventHub
from intertie.runtime.logs import LogLine, LogReader, Source, Stream, log_path
from intertie.store.sqlite import SqliteRecords
from tests.control.incident_events import BEGIN

pytestmark = pytest.mark.anyio
FAILED = ServiceFailed(service="web", replica=0, error="x", retry_in_s=None)


@dataclass
class Clock:
    """Goes on when told to."""

    now: datetime = field(default=BEGIN)

    def __call__(self) -> datetime:
        """The time now."""
        return self.now


@dataclass
class Site:
    """A log that is kept, and the files that services write."""

    folder: Path
    clock: Clock
    hub: EventHub
    records: SqliteRecords
    log: IncidentLog
    group: TaskGroup

    async def listen(self) -> None:
        """From now on, until the end of the test."""
        await self.group.start(self.log.run)

    def write(self, text: str, stream: Stream = "out") -> None:
        """As the service would."""
        path = log_path(self.folder, Source("web", 0, stream))
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(text)

    def tell(self, payload: Payload) -> str:
        """Publish it; its id."""
        return self.hub.publish(payload, "web").id

    async def kept(self, count: int) -> int:
        """Wait until so many are; how many there are."""
        with anyio.fail_after(10):
            while (page := await self.records.find(COLLECTION)).total < count:  # noqa: ASYNC110 — the store tells nobody
                await anyio.sleep(0.002)
        return page.total


@asynccontextmanager
async def site(folder: Path) -> AsyncIterator[Site]:
    """Not listening yet."""
    clock = Clock()
    hub = EventHub("test", now=clock)
    reader = LogReader(folder / "logs", ended=lambda *_: True)
    async with SqliteRecords.open(folder / "records.db") as records:
        log = IncidentLog(hub, reader, records, now=clock)
        async with anyio.create_task_group() as group:
            try:
                yield Site(folder / "logs", clock, hub, records, log, group)
            finally:
                group.cancel_scope.cancel()


async def test_the_last_lines_are_those_before_the_failure(tmp_path: Path) -> None:
    """What is written after a restart does not push them out."""
    async with site(tmp_path) as it:
        assert it.log.health().status is Status.DOWN
        await it.listen()
        it.write("working\nout of memory\n")
        id = it.tell(FAILED)
        await it.kept(1)
        it.write("started again\n" * 50)
        (found,) = await it.log.find(["unknown", id])
        health = it.log.health()

    assert (found.service, found.replica, found.at) == ("web", 0, BEGIN)
    assert found.lines == ("working", "out of memory")
    assert health.status is Status.UP


async def test_of_a_service_that_fails_again_and_again_the_first_time_is_kept(
    tmp_path: Path,
) -> None:
    """A failure long after the last one is another story."""
    async with site(tmp_path) as it:
        await it.listen()
        first = it.tell(FAILED)
        await it.kept(1)
        it.clock.now += timedelta(seconds=40)
        second = it.tell(FAILED)
        it.tell(ServiceStarted(service="web", replica=0, pid=1, port=None, took_s=0))
        it.clock.now += timedelta(seconds=61)
        down = it.tell(HealthChanged(service="web", replica=0, status="DOWN", reason="x"))
        count = await it.kept(2)
        found = [len(await it.log.find([id])) for id in (first, second, down)]

    assert (count, found) == (2, [1, 0, 1])


async def test_what_failed_as_it_began_is_kept_but_no_old_failure(tmp_path: Path) -> None:
    """Of an old one the log has gone on since."""
    async with site(tmp_path) as it:
        old = it.tell(FAILED)
        it.clock.now += timedelta(minutes=5)
        new = it.tell(FAILED)
        await it.listen()
        await it.kept(1)
        found = [len(await it.log.find([id])) for id in (old, new)]

    assert found == [0, 1]


async def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    """The store does not grow for ever."""
    async with site(tmp_path) as it:
        for number in range(205):
            await it.records.put(COLLECTION, f"old{number}", {}, expect=0)
        await it.listen()
        id = it.tell(FAILED)
        with anyio.fail_after(10):
            while (page := await it.records.find(COLLECTION)).total != 200:  # noqa: ASYNC110 — as above
                await anyio.sleep(0.002)
        found = await it.log.find([id])

    assert page.total == 200
    assert len(found) == 1


def test_twenty_lines_are_chosen_with_errors_first() -> None:
    """Some of the other stream stay, too."""

    def lines(stream: Stream, count: int) -> list[LogLine]:
        return [LogLine("web", 0, stream, f"{stream}{n}", n) for n in range(count)]

    assert last_lines(lines("out", 30)) == [f"out{n}" for n in range(10, 30)]
    assert last_lines(lines("err", 30)) == [f"err{n}" for n in range(10, 30)]
    both = last_lines([*lines("out", 30), *lines("err", 30)])
    assert both == [*(f"out{n}" for n in range(25, 30)), *(f"err{n}" for n in range(15, 30))]
    assert last_lines([]) == []
    assert len(last_lines([LogLine("web", 0, "out", "x" * 5000, 0)])[0]) == 1000
