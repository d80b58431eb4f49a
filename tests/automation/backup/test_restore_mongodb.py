"""A MongoDB's dump put back."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo.errors import DuplicateKeyError

from intertie.automation.backup.mongodb_files import mongodb_tables
from intertie.automation.backup.port import BackupError
from intertie.automation.backup.restore_mongodb import restore_mongodb
from intertie.automation.backup.snapshot_mongodb import dump_mongodb
from tests.automation.backup.servers import documents_of, mongodb

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address."""
    with mongodb(tmp_path_factory.mktemp("mongodb")) as address:
        yield address


async def test_another_database_gets_all_of_it(server: str, tmp_path: Path) -> None:
    """Documents byte by byte, indexes that hold, options and views; nothing is written over."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    async with documents_of(server) as client:
        here, there = client["here"], client["there"]
        await here["orders"].insert_many([{"_id": n, "z": n, "a": [n]} for n in range(2500)])
        await here["orders"].create_index("z", unique=True)
        await here.create_collection("last", capped=True, size=4096)
        await here.create_collection("view", viewOn="orders", pipeline=[{"$limit": 2}])
        await dump_mongodb(f"{server}here", tmp_path / "one")

        count = await restore_mongodb(tmp_path / "one", f"{server}there")
        await dump_mongodb(f"{server}there", tmp_path / "two")

        before, after = mongodb_tables(tmp_path / "one"), mongodb_tables(tmp_path / "two")
        assert count == 2500
        assert before["here.orders"] == after["there.orders"]
        assert (await there["last"].options())["capped"] is True
        assert len(await there["view"].find().to_list()) == 2
        with pytest.raises(DuplicateKeyError):
            await there["orders"].insert_one({"z": 7})
        with pytest.raises(BackupError, match="is there already"):
            await restore_mongodb(tmp_path / "one", f"{server}there")
        assert await there["orders"].count_documents({}) == 2500


async def test_one_database_of_many_is_restored(server: str, tmp_path: Path) -> None:
    """A tenant's, under another name; several do not go into one."""
    async with documents_of(server) as client:
        for name in ("t_acme", "t_other"):
            await client[name]["things"].insert_one({"of": name})
        await dump_mongodb(server, tmp_path)

        with pytest.raises(BackupError, match="databases, and the url names one"):
            await restore_mongodb(tmp_path, f"{server}t_side")
        count = await restore_mongodb(tmp_path, f"{server}t_side", only="t_acme")

        [found] = await client["t_side"]["things"].find().to_list()
        assert (count, found["of"]) == (1, "t_acme")


async def test_a_damaged_dump_is_told(server: str, tmp_path: Path) -> None:
    """Before it is taken for a restore."""
    async with documents_of(server) as client:
        await client["cut"]["things"].insert_one({"a": "b" * 100})
    await dump_mongodb(f"{server}cut", tmp_path)
    file = tmp_path / "cut" / "things.bson"
    file.write_bytes(file.read_bytes()[:-3])

    with pytest.raises(BackupError, match="it is damaged"):
        await restore_mongodb(tmp_path, f"{server}cut_side")
