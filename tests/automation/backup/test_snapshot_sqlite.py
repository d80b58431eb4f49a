import os
import shutil
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from anyio import open_process, to_thread
from anyio.abc import Process
from anyio.streams.text import TextReceiveStream

from intertie.automation.backup.invariants import (
    Invariants,
    connect_sqlite,
    connection_tables,
    differences,
    sqlite_tables,
)
from intertie.automation.backup.port import BackupError
from intertie.automation.backup.snapshot_folder import belongs_to_database, is_duckdb, is_sqlite
from intertie.automation.backup.snapshot_sqlite import copy_sqlite

pytestmark = pytest.mark.anyio
TRIES = int(os.environ.get("INTERTIE_TORN", "10"))

_WRITER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode = WAL")
connection.execute("PRAGMA synchronous = OFF")
connection.execute("CREATE TABLE a (n, filler)")
connection.execute("CREATE TABLE b (n, filler)")
for table in "ab":
    connection.executemany(
        f"INSERT INTO {table} VALUES (0, ?)", (["x" * 500] for _ in range(2000))
    )
print("ready", end="", flush=True)
turn = 0
while True:
    turn += 1
    connection.execute("BEGIN")
    connection.execute("UPDATE a SET n = ?", [turn])
    connection.execute("UPDATE b SET n = ?", [turn])
    connection.execute("COMMIT")
"""


@pytest.fixture
async def busy(tmp_path: Path) -> AsyncIterator[Path]:
    """A database in which another process gives all rows one new number, again and again."""
    path = tmp_path / "busy.db"
    async with await open_process([sys.executable, "-c", _WRITER, str(path)]) as writer:
        await _ready(writer)
        yield path
        assert writer.returncode is None
        writer.kill()


async def _ready(writer: Process) -> None:
    assert writer.stdout
    assert await TextReceiveStream(writer.stdout).receive() == "ready"


def torn(path: Path) -> bool:
    """Whether rows of one transaction are not together."""
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT n FROM a UNION SELECT n FROM b").fetchall()
    return len(found) != 1


@pytest.mark.slow
async def test_a_copy_under_writes_is_of_one_moment(busy: Path, tmp_path: Path) -> None:
    """No copy is torn, and each holds what the original held in the same transaction."""
    wrong = 0
    for turn in range(TRIES):
        copy = tmp_path / f"{turn}.db"
        tables = await to_thread.run_sync(copy_sqlite, busy, copy)
        wrong += torn(copy) or tables != sqlite_tables(copy)

    assert wrong == 0


@pytest.mark.slow
async def test_a_plain_copy_is_caught(busy: Path, tmp_path: Path) -> None:
    """Files copied after others wrote do not hold what was recorded in a transaction."""
    caught = 0
    for turn in range(TRIES):
        copy = tmp_path / f"{turn}.db"
        caught += await to_thread.run_sync(_plain_copy_differs, busy, copy)

    assert caught == TRIES


def _plain_copy_differs(path: Path, copy: Path) -> bool:
    with closing(connect_sqlite(path)) as reader, closing(connect_sqlite(path)) as other:
        reader.execute("BEGIN")
        before = Invariants(tables=connection_tables(reader))
        while _turn(other) == _turn(reader):
            os.sched_yield()
        for ending in ("", "-wal"):
            shutil.copy(f"{path}{ending}", f"{copy}{ending}")
    try:
        return bool(differences(before, Invariants(tables=sqlite_tables(copy))))
    except sqlite3.DatabaseError:
        return True


def _turn(connection: sqlite3.Connection) -> object:
    return connection.execute("SELECT n FROM a LIMIT 1").fetchone()


@pytest.mark.parametrize("mode", ["wal", "delete"])
async def test_a_copy_is_one_file(tmp_path: Path, mode: str) -> None:
    """What is still in the log is in the copy; rights and time are as they were."""
    path, copy = tmp_path / "a.db", tmp_path / "copy.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")
        connection.execute("CREATE TABLE t (a)")
        connection.execute("INSERT INTO t VALUES (42)")
        path.chmod(0o640)

        tables = copy_sqlite(path, copy)

        assert belongs_to_database(tmp_path / "a.db-wal")
        assert not belongs_to_database(path)
    assert tables["t"].rows == 1
    assert [one for one in os.listdir(tmp_path) if one.startswith("copy")] == ["copy.db"]
    assert copy.stat().st_mode == path.stat().st_mode
    assert is_sqlite(copy)
    assert not is_duckdb(copy)


async def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    """It is named."""
    path = tmp_path / "a.db"
    path.write_bytes(b"SQLite format 3\0 and then nonsense" * 100)

    with pytest.raises(BackupError, match=r"cannot back up the database .*a\.db"):
        copy_sqlite(path, tmp_path / "copy")
