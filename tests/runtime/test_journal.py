"""Every event, on disk before anybody hears of it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from anyio import create_task_group, fail_after

from intertie.errors import StoreError
from intertie.event import Event
from intertie.runtime.journal import Journal

pytestmark = pytest.mark.anyio

AT = datetime(2026, 1, 1, tzinfo=UTC)


def event(id: str) -> Event:
    """One to keep."""
    return Event(id=id, source="s", type="t", subject="x", time=AT, data={"n": id})


async def ids(journal: Journal, limit: int = 100) -> list[str]:
    """Of what the reader has not passed on."""
    with fail_after(5):
        return [each.id for _, each in await journal.unread("bus", limit)]


async def test_events_outlive_who_wrote_them(tmp_path: Path) -> None:
    """In order, whole, and each id once."""
    with Journal.open(tmp_path / "j.db") as journal:
        assert journal.append(event("1"))
        assert journal.append(event("2"))
        assert not journal.append(event("1"))
    with Journal.open(tmp_path / "j.db") as journal:
        assert journal.latest(10) == [event("1"), event("2")]
        assert journal.latest(1) == [event("2")]


async def test_a_reader_goes_on_where_it_was(tmp_path: Path) -> None:
    """What was passed on does not come again, what was not does."""
    with Journal.open(tmp_path / "j.db") as journal:
        journal.append(event("before"))
        journal.begin_reader("bus")
        for n in range(3):
            journal.append(event(str(n)))
        (first, _), *_ = await journal.unread("bus", 100)
        await journal.pass_on("bus", first)
        journal.begin_reader("bus")
        assert await ids(journal) == ["1", "2"]
    with Journal.open(tmp_path / "j.db") as journal:
        assert await ids(journal, 1) == ["1"]


async def test_a_reader_waits_for_the_next_event(tmp_path: Path) -> None:
    """And hears of it at once."""
    with Journal.open(tmp_path / "j.db") as journal:
        journal.begin_reader("bus")
        got: list[str] = []

        async def read() -> None:
            got.extend(await ids(journal))

        async with create_task_group() as group:
            group.start_soon(read)
            journal.append(event("1"))

    assert got == ["1"]


@pytest.mark.slow
async def test_old_events_go_unless_somebody_needs_them(tmp_path: Path) -> None:
    """The newest 20,000 stay; for a reader that is behind, ten times as many."""
    with Journal.open(tmp_path / "j.db") as journal:
        for n in range(22_000):
            journal.append(event(str(n)))
        assert len(journal.latest(30_000)) <= 21_000
        journal.begin_reader("bus")
        for n in range(22_000, 45_000):
            journal.append(event(str(n)))
        assert (await ids(journal, 1)) == ["22000"]


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    """With its path."""
    (tmp_path / "j.db").write_text("this is no database, it is a text" * 100)
    with (
        pytest.raises(StoreError, match="cannot open the journal of events"),
        Journal.open(tmp_path / "j.db"),
    ):
        pass
