import sys
from pathlib import Path

import duckdb
import pytest
from anyio import open_process, to_thread
from anyio.streams.text import TextReceiveStream

from intertie.automation.backup.invariants import Invariants, differences
from intertie.automation.backup.port import BackupError
from intertie.automation.backup.snapshot_duckdb import copy_duckdb, duckdb_tables
from intertie.automation.backup.snapshot_folder import is_duckdb

pytestmark = pytest.mark.anyio


async def test_duckdb_rows_count(tmp_path: Path) -> None:
    """Order does not matter, each row does; tables go by schema and name."""
    path = tmp_path / "a.duckdb"

    def with_rows(select: str) -> Invariants:
        path.unlink(missing_ok=True)
        with duckdb.connect(path) as connection:
            connection.execute('CREATE SCHEMA "a b"')
            connection.execute(f'CREATE TABLE "a b".t AS {select}')
        return Invariants(tables=duckdb_tables(path))

    up = with_rows("SELECT range AS n, 'x' AS s FROM range(1000) ORDER BY 1")
    down = with_rows("SELECT range AS n, 'x' AS s FROM range(1000) ORDER BY 1 DESC")
    less = with_rows("SELECT range AS n, 'x' AS s FROM range(999)")

    assert up == down
    assert up.tables["a b.t"].rows == 1000
    assert "table 'a b.t'" in differences(up, less)[0]


@pytest.mark.parametrize("content", [b"SQLite format 3\0" + bytes(5000), b"", b"nonsense" * 999])
async def test_what_is_no_duckdb_is_refused(tmp_path: Path, content: bytes) -> None:
    """It is named, and nothing is fetched from anywhere to read it after all."""
    (tmp_path / "a.db").write_bytes(content)

    with pytest.raises(BackupError, match=r"the database .*a\.db"):
        copy_duckdb(tmp_path / "a.db", tmp_path / "other")


async def test_a_duckdb_is_copied_whole(tmp_path: Path) -> None:
    """Schemas, views and rows, also those that are only in its log."""
    path, copy = tmp_path / "it's.duckdb", tmp_path / "copy.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("CREATE SCHEMA s")
        connection.execute("CREATE TABLE s.t AS SELECT range AS n FROM range(10000)")
        connection.execute("CREATE VIEW v AS SELECT sum(n) AS total FROM s.t")

    tables = copy_duckdb(path, copy)

    assert is_duckdb(copy)
    assert tables == duckdb_tables(path)
    with duckdb.connect(copy, read_only=True) as connection:
        assert connection.execute("SELECT total FROM v").fetchall() == [(49995000,)]


_HOLDER = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
connection.execute("CREATE TABLE t (a INT)")
print("ready", end="", flush=True)
sys.stdin.read()
"""


@pytest.mark.slow
async def test_a_duckdb_that_is_open_elsewhere_is_refused(tmp_path: Path) -> None:
    """Only its owner can copy it: the message says that it is locked."""
    path = tmp_path / "a.duckdb"
    async with await open_process([sys.executable, "-c", _HOLDER, str(path)]) as holder:
        assert holder.stdout
        assert await TextReceiveStream(holder.stdout).receive() == "ready"
        with pytest.raises(BackupError, match="lock"):
            await to_thread.run_sync(copy_duckdb, path, tmp_path / "copy")
        holder.kill()
