"""Shelves, names that are taken once, and the revision that tells other processes to look."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import pytest

from intertie.errors import ConflictError, IntertieError, NotFoundError, StoreError
from intertie.identity.audit import Audit
from intertie.identity.sealed import Sealer
from intertie.identity.store import (
    Claims,
    Desk,
    Revision,
    Shelf,
    check_name,
    plain,
    read_revision,
    scoped,
)
from intertie.store.sqlite import SqliteRecords
from tests.identity.house import ADMIN, TENANTS, Clock

pytestmark = pytest.mark.anyio


@dataclass(frozen=True, slots=True)
class _Thing:
    name: str
    count: int = 0


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[SqliteRecords]:
    """An empty store."""
    async with SqliteRecords.open(tmp_path / "rows.db") as opened:
        yield opened


@pytest.fixture
async def desk(tmp_path: Path, records: SqliteRecords) -> AsyncIterator[Desk]:
    """On it, with a clock that stands still."""
    clock = Clock()
    async with Audit.open(tmp_path / "audit.db", now=clock) as audit:
        yield Desk(records, Sealer.open(tmp_path / "master"), audit, TENANTS, clock)


async def test_edits_at_the_same_time_all_count(records: SqliteRecords) -> None:
    """Each edit is made of what the others have written."""
    shelf = Shelf(records, "things", _Thing)
    await shelf.add("a", _Thing("a"))

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(shelf.edit, "a", lambda now: replace(now, count=now.count + 1))

    assert (await shelf.get("a")).count == 10


async def test_every_reads_all_pages(records: SqliteRecords) -> None:
    """Also where there are more than fit in one."""
    shelf = Shelf(records, "things", _Thing)
    async with anyio.create_task_group() as group:
        for number in range(501):
            group.start_soon(shelf.add, str(number), _Thing("odd" if number % 2 else "even"))

    assert len([thing async for thing in shelf.every()]) == 501
    assert len([thing async for thing in shelf.every({"name": "odd"})]) == 250


async def test_a_damaged_document_is_named_and_not_shown(records: SqliteRecords) -> None:
    """It may hold what nobody is to see."""
    await records.put("things", "a", {"name": {"secret": "word"}})

    with pytest.raises(StoreError, match="cannot read things 'a': it is damaged") as caught:
        await Shelf(records, "things", _Thing).get("a")

    assert "word" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_a_name_is_taken_once(records: SqliteRecords) -> None:
    """Of many who ask at the same time one gets it; freed, another may."""
    claims = Claims(records, "names", Clock())
    won: list[str] = []

    async def ask(owner: str) -> None:
        try:
            await claims.take("ann", owner)
            won.append(owner)
        except ConflictError:
            pass

    async with anyio.create_task_group() as group:
        for number in range(10):
            group.start_soon(ask, str(number))

    assert won == [await claims.owner("ann")]
    await claims.free("ann")
    await claims.take("ann", "another")


async def test_what_a_dead_writer_took_is_free_after_a_while(records: SqliteRecords) -> None:
    """Not at once, for a writer takes the name before it makes the owner."""
    clock = Clock()
    claims = Claims(records, "names", clock)
    await claims.take("ann", "never made")

    async def exists(owner: str) -> bool:
        return owner == "lives"

    with pytest.raises(ConflictError):
        await claims.take("ann", "lives", exists=exists)
    clock.move(31)
    await claims.take("ann", "lives", exists=exists)
    clock.move(31)
    with pytest.raises(ConflictError):
        await claims.take("ann", "late", exists=exists)


async def test_the_revision_grows_after_the_change_can_be_seen(
    desk: Desk, records: SqliteRecords
) -> None:
    """A reader in the middle is told to look again; one that sees the number sees the change."""
    before = await read_revision(records)

    async with desk.change(ADMIN, "thing.add", "a"):
        await records.put("things", "a", {})
        during = await read_revision(records)

    after = await read_revision(records)
    assert before == Revision(0)
    assert during == Revision(0, settled=False)
    assert after == Revision(1)


async def test_a_refused_or_cancelled_change_settles_too(
    desk: Desk, records: SqliteRecords
) -> None:
    """It may have written half of it: the number grows all the same."""
    with pytest.raises(IntertieError):
        async with desk.change(ADMIN, "thing.add", "a"):
            raise NotFoundError("cannot find it")
    with anyio.CancelScope() as scope:
        async with desk.change(ADMIN, "thing.add", "b"):
            scope.cancel()
            await anyio.sleep_forever()

    assert await read_revision(records) == Revision(2)
    (refused,) = await desk.audit.page()
    assert (refused.outcome, refused.detail) == ("refused", '{"why":"cannot find it"}')


async def test_a_writer_that_died_keeps_readers_looking_until_the_next_start(
    desk: Desk, records: SqliteRecords
) -> None:
    """Nobody misses what it has written last; a writer that is at work is left alone."""
    change = desk.change(ADMIN, "thing.add", "a")
    await change.__aenter__()  # and never leaves: as a process that is killed

    await desk.settle()
    assert not (await read_revision(records)).settled
    clock = desk.now
    assert isinstance(clock, Clock)
    clock.move(31)
    await desk.settle()

    assert await read_revision(records) == Revision(1)
    await change.__aexit__(None, None, None)


@pytest.mark.parametrize("name", ["", "a b", "ann\n", "é", "a" * 255, "а"])  # noqa: RUF001
def test_names_that_look_like_others_are_refused(name: str) -> None:
    """ASCII without spaces: a Cyrillic letter makes no second ann."""
    with pytest.raises(IntertieError, match="cannot use login"):
        check_name("login", name)


def test_text_of_others_is_put_on_one_line() -> None:
    """What cannot be seen, or turns the rest around, is gone."""
    assert plain("Ann\r\n \u202eSmith\0\t ") == "Ann Smith"
    assert plain("é" * 300, limit=10) == "é" * 10
    assert scoped("acme", "ann") == "acme/ann"
