"""The Records port on SQLite."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from intertie.errors import ConflictError, NotFoundError, StoreError
from intertie.store import open_records
from intertie.store.sqlite import SqliteRecords

pytestmark = pytest.mark.anyio


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[SqliteRecords]:
    """A new file in a folder that is not there yet."""
    async with SqliteRecords.open(tmp_path / "new" / "rows.db") as opened:
        yield opened


async def test_a_written_document_is_read_back(records: SqliteRecords) -> None:
    """What was put is what is got, with a version that grows by one a write."""
    await records.put("assets", "a", {"title": "First ✓", "size": 1})

    second = await records.put("assets", "a", {"title": "Second"})

    assert second.version == 2
    assert await records.get("assets", "a") == second


async def test_collections_do_not_see_each_other(records: SqliteRecords) -> None:
    """The same id in another collection is another record."""
    await records.put("assets", "a", {})

    with pytest.raises(NotFoundError, match="cannot find 'a' in users"):
        await records.get("users", "a")


async def test_only_one_writer_wins_a_version(records: SqliteRecords) -> None:
    """Of many writers that expect the same version, exactly one succeeds."""
    won: list[int] = []

    async def write(number: int) -> None:
        try:
            await records.put("assets", "a", {"number": number}, expect=0)
            won.append(number)
        except ConflictError:
            pass

    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(write, number)

    assert len(won) == 1
    assert (await records.get("assets", "a")).document == {"number": won[0]}


async def test_find_filters_pages_and_counts(records: SqliteRecords) -> None:
    """A page holds the newest matches first; the total counts all of them."""
    for number in range(5):
        await records.put("assets", str(number), {"owner": "ann" if number % 2 else "bob"})

    page = await records.find("assets", {"owner": "bob"}, limit=2)

    assert [record.id for record in page.items] == ["4", "2"]
    assert page.total == 3


async def test_find_takes_values_as_data(records: SqliteRecords) -> None:
    """Quotes in a value are data, never SQL; None matches a missing field."""
    await records.put("assets", "a", {"title": "it's"})

    assert (await records.find("assets", {"title": "it's"})).total == 1
    assert (await records.find("assets", {"title": "' OR 1=1 --"})).total == 0
    assert (await records.find("assets", {"deletedAt": None})).total == 1


async def test_find_refuses_what_is_no_field_name(records: SqliteRecords) -> None:
    """A path, a quote or an operator in a field name is an error, not a query."""
    with pytest.raises(StoreError, match="expected the name of a top-level field"):
        await records.find("assets", {"title' OR 1=1 --": "x"})


async def test_two_processes_share_a_file(tmp_path: Path) -> None:
    """A second connection sees committed writes at once."""
    async with (
        SqliteRecords.open(tmp_path / "rows.db") as first,
        SqliteRecords.open(tmp_path / "rows.db") as second,
    ):
        await first.put("assets", "a", {"n": 1})

        assert (await second.get("assets", "a")).document == {"n": 1}


async def test_delete_tells_whether_there_was_one(records: SqliteRecords) -> None:
    """Deleting twice is not an error."""
    await records.put("assets", "a", {})

    assert await records.delete("assets", "a") is True
    assert await records.delete("assets", "a") is False


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """The error names the file and the cause."""
    file = tmp_path / "rows.db"
    file.write_text("this is not a database, " * 100)

    with pytest.raises(StoreError, match=r"cannot open database .*rows\.db"):
        async with SqliteRecords.open(file):
            pass


async def test_an_address_opens_the_adapter_it_names(tmp_path: Path) -> None:
    """`sqlite://` and a path is this adapter; an unknown scheme is refused with the known ones."""
    async with open_records(f"sqlite://{tmp_path}/rows.db") as records:
        assert isinstance(records, SqliteRecords)

    with pytest.raises(StoreError, match="cannot open oracle://…: known are sqlite"):
        open_records("oracle://x")
