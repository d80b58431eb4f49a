"""Incidents out of what a suite has really recorded."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from intertie.control.actor import Actor
from intertie.control.incident_desk import IncidentControl, Sources
from intertie.control.incident_log import COLLECTION, IncidentLog
from intertie.errors import AccessDeniedError, NotFoundError
from intertie.event import Event
from intertie.plan import Snapshot
from intertie.runtime.change import COLLECTION as CHANGES
from intertie.runtime.change import Changes
from intertie.runtime.hub import EventHub
from intertie.runtime.journal import Journal
from intertie.runtime.logs import LogReader
from intertie.store.sqlite import SqliteRecords
from tests.control.incident_events import at, change, failed, firing, started, stopped

pytestmark = pytest.mark.anyio

READER = Actor("ann", may_read=True, may_write=False)
STRANGER = Actor("eve", may_read=False, may_write=False)
TWO = [started(-9), stopped(0), failed(1), started(5), failed(500, "db"), started(510, "db")]


@asynccontextmanager
async def recorded(folder: Path, events: list[Event]) -> AsyncIterator[IncidentControl]:
    """Of a suite with no services now."""
    hub = EventHub("test", now=lambda: at(1000))
    reader = LogReader(folder / "logs", ended=lambda *_: True)
    with Journal.open(folder / "events.db") as journal:
        for each in events:
            journal.append(each)
        async with SqliteRecords.open(folder / "records.db") as records:
            done = change(2, 6)
            await records.put(CHANGES, done.id, done.model_dump(mode="json"))
            line = {"service": "web", "replica": 0, "at": at(1).isoformat(), "lines": ["oops"]}
            await records.put(COLLECTION, failed(1).id, line)
            sources = Sources(
                journal,
                Changes(records, hub, now=lambda: at(1000)),
                lambda: Snapshot({}),
                IncidentLog(hub, reader, records, now=lambda: at(1000)),
            )
            yield IncidentControl(sources, lambda: at(1000))


async def test_incidents_are_listed_the_newest_first(tmp_path: Path) -> None:
    """Those that were not over at one time and had begun by another."""
    async with recorded(tmp_path, TWO) as control:
        every = await control.list(READER)
        late = await control.list(READER, since=at(100))
        lasting = await control.list(READER, since=at(4))
        early = await control.list(READER, until=at(100))

    assert [each.services for each in every] == [("db",), ("web",)]
    assert [each.services for each in late] == [("db",)]
    assert [each.services for each in early] == [("web",)]
    assert len(lasting) == 2
    assert every[1].to_recover_s == 5


async def test_one_incident_has_its_changes_and_log_lines(tmp_path: Path) -> None:
    """Found by the id that the list gives."""
    async with recorded(tmp_path, TWO) as control:
        (brief,) = await control.list(READER, until=at(100))
        found = await control.get(READER, brief.id)

    assert (found.id, found.title) == (brief.id, brief.title)
    assert [each.by for each in found.done] == ["recovery"]
    assert [(each.service, each.lines) for each in found.log] == [("web", ("oops",))]
    assert found.measured == ()


async def test_an_unknown_incident_is_told_to_be_none(tmp_path: Path) -> None:
    """And where the known ones are."""
    async with recorded(tmp_path, TWO) as control:
        with pytest.raises(NotFoundError, match="intertie incidents"):
            await control.get(READER, "none")


async def test_what_is_in_no_trouble_now_has_ended(tmp_path: Path) -> None:
    """The suite has no such service and no such alert any more."""
    async with recorded(tmp_path, [failed(0), firing(300)]) as control:
        found = await control.list(READER)

    assert [each.end for each in found] == [at(300), at(0)]


async def test_where_nothing_is_recorded_there_is_no_incident(tmp_path: Path) -> None:
    """As before the first event."""
    async with recorded(tmp_path, []) as control:
        assert await control.list(READER) == []
        assert await replace(control, sources=None).list(READER) == []


async def test_who_may_not_read_learns_nothing(tmp_path: Path) -> None:
    """Not even whether there was one."""
    async with recorded(tmp_path, TWO) as control:
        with pytest.raises(AccessDeniedError):
            await control.list(STRANGER)
        with pytest.raises(AccessDeniedError):
            await control.get(STRANGER, "none")
