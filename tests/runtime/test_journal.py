"""Every event, on disk before anybody hears of it."""

import sqlite3
from contextlib import closing
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


async def test_it_is_known_when_all_was_passed_on(tmp_path: Path) -> None:
    """For who ends, and would have its last words heard."""
    with Journal.open(tmp_path / "j.db") as journal:
        journal.begin_reader("bus")
        with fail_after(5):
            await journal.caught_up("bus")
        for n in range(2):
            journal.append(event(str(n)))
        done: list[str] = []

        async def wait() -> None:
            await journal.caught_up("bus")
            done.append("caught up")

        async with create_task_group() as group:
            group.start_soon(wait)
            for seq, each in await journal.unread("bus", 10):
                assert done == []
                await journal.pass_on("bus", seq)
                done += ["last"] if each.id == "1" else []
            done.remove("last")
        assert done == ["caught up"]


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


def _spoil(file: Path, command: str) -> None:
    """Do something to the file that the journal did not."""
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute(command)


async def test_an_entry_that_is_no_event_holds_no_other_up(tmp_path: Path) -> None:
    """Nobody can do anything with it."""
    with Journal.open(tmp_path / "j.db") as journal:
        journal.begin_reader("bus")
        for id in ("1", "2", "3"):
            journal.append(event(id))
        _spoil(tmp_path / "j.db", "UPDATE events SET body = '{' WHERE id != '3'")

        assert await ids(journal, 1) == ["3"]
        assert journal.latest(5) == [event("3")]


async def test_what_goes_wrong_with_the_file_is_told(tmp_path: Path) -> None:
    """As an error that whoever reads and writes knows how to live with."""
    with Journal.open(tmp_path / "j.db") as journal:
        _spoil(tmp_path / "j.db", "DROP TABLE events")
        with pytest.raises(StoreError, match="cannot keep an event"):
            journal.append(event("1"))
        for call in (journal.unread("bus", 1), journal.caught_up("bus")):
            with pytest.raises(StoreError, match="cannot read the journal"):
                await call
        with pytest.raises(StoreError, match="cannot read the journal"):
            journal.latest(1)
        with pytest.raises(StoreError, match="cannot read the journal"):
            journal.begin_reader("bus")
        _spoil(tmp_path / "j.db", "DROP TABLE passed_on")
        with pytest.raises(StoreError, match="cannot read the journal"):
            await journal.pass_on("bus", 1)


def test_an_event_that_is_no_text_is_not_kept(tmp_path: Path) -> None:
    """A file's name may hold bytes that are none."""
    odd = event("1").model_copy(update={"data": {"error": "\udcff"}})
    with (
        Journal.open(tmp_path / "j.db") as journal,
        pytest.raises(StoreError, match="cannot keep an event"),
    ):
        journal.append(odd)


async def test_a_reader_that_is_forgotten_holds_nothing_back(tmp_path: Path) -> None:
    """When it comes again it is new."""
    with Journal.open(tmp_path / "j.db") as journal:
        journal.begin_reader("bus")
        journal.append(event("missed"))
        journal.forget_reader("bus")
        journal.begin_reader("bus")
        journal.append(event("new"))

        assert await ids(journal) == ["new"]
