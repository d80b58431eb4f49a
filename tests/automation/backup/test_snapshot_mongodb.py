"""A MongoDB backed up, against a server that speaks its protocol."""

import gc
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest
from anyio import Event, create_task_group, move_on_after

from intertie.automation.backup import snapshot_mongodb
from intertie.automation.backup.mongodb_files import collections, documents, mongodb_tables
from intertie.automation.backup.port import BackupError
from intertie.automation.backup.snapshot_mongodb import (
    NOT_ONE_MOMENT,
    database_of,
    dump_mongodb,
)
from tests.automation.backup.servers import documents_of, mongodb
from tests.waiting import eventually

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One of a replica set; its address."""
    with mongodb(tmp_path_factory.mktemp("mongodb")) as address:
        yield address


async def test_documents_indexes_and_options_are_kept(server: str, tmp_path: Path) -> None:
    """Of each collection, whatever it is called; of a view what it shows."""
    async with documents_of(server) as client:
        database = client["kept"]
        await database["orders"].insert_many([{"_id": n, "total": n * 2} for n in range(1500)])
        await database["orders"].create_index([("total", -1)], unique=True, name="by_total")
        await database.create_collection("last", capped=True, size=4096, max=3)
        await database["a.b/ü"].insert_one({"deep": {"list": [1, 2.5, None]}})
        await database.create_collection("big", viewOn="orders", pipeline=[{"$limit": 1}])

        notes = await dump_mongodb(f"{server}kept", tmp_path)

    found = {each.name: each for each in collections(tmp_path)}
    assert notes == ()
    assert set(found) == {"orders", "last", "a.b/ü", "big"}
    assert {each["name"] for each in found["orders"].indexes} == {"_id_", "by_total"}
    assert found["last"].options["capped"] is True
    assert list(found)[-1] == "big"
    assert sorted(each["_id"] for each in documents(found["orders"].file)) == list(range(1500))
    assert mongodb_tables(tmp_path)["kept.orders"].rows == 1500


async def test_all_databases_but_the_servers_own_are_kept(server: str, tmp_path: Path) -> None:
    """Where the URL names none."""
    async with documents_of(server) as client:
        for name in ("one", "two"):
            await client[name]["things"].insert_one({"of": name})

    await dump_mongodb(server, tmp_path)

    found = {each.database for each in collections(tmp_path)}
    assert {"one", "two"} <= found
    assert not found & {"admin", "local", "config"}


async def test_each_document_is_whole_under_writes(server: str, tmp_path: Path) -> None:
    """None is there twice, and none that was there before is missing."""
    async with documents_of(server) as client:
        things = client["busy"]["things"]
        await things.insert_many([{"_id": n, "text": "x" * 500} for n in range(3000)])
        over = Event()

        async def write() -> None:
            count = 3000
            while not over.is_set():
                await things.insert_one({"_id": count, "text": "y"})
                count += 1

        async with create_task_group() as group:
            group.start_soon(write)
            await dump_mongodb(f"{server}busy", tmp_path)
            over.set()

    [kept] = collections(tmp_path)
    ids = [each["_id"] for each in documents(kept.file)]
    assert len(ids) == len(set(ids))
    assert set(range(3000)) <= set(ids)


async def test_a_server_without_snapshots_is_told(tmp_path: Path) -> None:
    """The backup says that it is not of one moment."""
    (tmp_path / "dump").mkdir()
    with mongodb(tmp_path / "data", standalone=True) as address:
        async with documents_of(address) as client:
            await client["shop"]["orders"].insert_one({"_id": 1})

        notes = await dump_mongodb(address, tmp_path / "dump")

    assert notes == (NOT_ONE_MOMENT,)
    assert mongodb_tables(tmp_path / "dump")["shop.orders"].rows == 1


async def test_an_address_that_is_none_does_not_show_its_password(tmp_path: Path) -> None:
    """Nor does a server that cannot be reached."""
    for url in ("mongodb://me:hidden@", "nonsense://me:hidden@host/"):
        with pytest.raises(BackupError, match="its url is not one") as failed:
            await dump_mongodb(url, tmp_path)
        assert "hidden" not in str(failed.value)
    url = "mongodb://me:hidden@127.0.0.1:9/?serverSelectionTimeoutMS=100"
    with pytest.raises(
        BackupError, match=r"cannot back up the mongodb at 127\.0\.0\.1:9"
    ) as failed:
        await dump_mongodb(url, tmp_path)
    assert "hidden" not in str(failed.value)


@contextmanager
def full() -> Iterator[int]:
    """The port of one that lets nobody in any more: to connect takes forever."""
    with ExitStack() as stack:
        door = stack.enter_context(socket.socket())
        door.bind(("127.0.0.1", 0))
        door.listen(0)
        port: int = door.getsockname()[1]
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        yield port


def _connecting() -> list[str]:
    here = psutil.Process().net_connections("tcp4")
    return [each.status for each in here if each.status == psutil.CONN_SYN_SENT]


async def test_a_dump_that_is_given_up_leaves_no_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in the midst of connecting."""
    monkeypatch.setattr(snapshot_mongodb, "_ANSWER_MS", 500)
    with full() as port:
        before = _connecting()
        with move_on_after(0.2) as scope:
            await dump_mongodb(f"mongodb://127.0.0.1:{port}/", tmp_path)
        await eventually(lambda: _connecting() == before)
        gc.collect()  # one that is only forgotten is told of here

    assert scope.cancelled_caught


def test_the_database_of_an_address() -> None:
    """None where it names none."""
    assert database_of("mongodb://host/shop?tls=true") == "shop"
    assert database_of("mongodb://host") is None
