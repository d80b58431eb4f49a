import os
import stat
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from intertie.errors import StoreError
from intertie.monitor.duck_file import copy, opened

OPEN = """
import sys
from pathlib import Path
from intertie.errors import StoreError
from intertie.monitor.duck_file import opened
try:
    with opened(Path(sys.argv[1]), max_series=1):
        print("opened")
except StoreError as exc:
    print(exc)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a store is to be made."""
    return tmp_path / "it's" / "metrics.duckdb"


def test_a_file_is_its_owners_alone(path: Path) -> None:
    """Nobody else reads it, nor what stands beside it."""
    with opened(path, max_series=1):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("content", [b"", b"no database " * 2000])
def test_another_file_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    """The way out is told."""
    path.parent.mkdir()
    path.write_bytes(content)

    with (
        pytest.raises(StoreError, match=r"cannot open .*; move it away to begin anew"),
        opened(path, max_series=1),
    ):
        pass

    assert path.read_bytes() == content


def test_a_damaged_file_is_refused_and_left_alone(path: Path) -> None:
    """Damage is found by check sums before anything is written."""
    with opened(path, max_series=1):
        pass
    damaged = bytearray(path.read_bytes())
    damaged[4096:12288] = os.urandom(8192)
    path.write_bytes(damaged)

    with (
        pytest.raises(StoreError, match=r"cannot open .*; move it away"),
        opened(path, max_series=1),
    ):
        pass

    assert path.read_bytes() == damaged


def test_a_database_of_something_else_is_refused(path: Path) -> None:
    """Its tables are not touched."""
    path.parent.mkdir()
    with duckdb.connect(path) as foreign:
        foreign.execute("CREATE TABLE accounts (id INTEGER)")

    with pytest.raises(StoreError, match="move it away"), opened(path, max_series=1):
        pass

    with duckdb.connect(path) as foreign:
        assert foreign.execute("SHOW TABLES").fetchall() == [("accounts",)]


def test_a_layout_of_another_version_is_refused(path: Path) -> None:
    """Both layouts are named."""
    with opened(path, max_series=1) as database, database.transaction():
        database.set_mark("schema", 9)

    with pytest.raises(StoreError, match="layout 9, not 1"), opened(path, max_series=1):
        pass


def test_a_log_without_its_file_is_not_taken_for_a_new_store(path: Path) -> None:
    """It may hold the newest samples of a file that was moved by mistake."""
    path.parent.mkdir()
    path.with_name("metrics.duckdb.wal").write_bytes(b"samples")

    with pytest.raises(StoreError, match="its log"), opened(path, max_series=1):
        pass


@pytest.mark.slow
def test_a_second_opener_is_told_who_has_it(path: Path) -> None:
    """In this process and in another one, again and again; the first one goes on."""
    with opened(path, max_series=1) as database:
        for _ in range(2):
            with (
                pytest.raises(StoreError, match=f"process {os.getpid()} has it open"),
                opened(path, max_series=1),
            ):
                pass
            command = [sys.executable, "-c", OPEN, str(path)]
            told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            assert f"process {os.getpid()} has it open" in told
        assert database.number("SELECT count(*) FROM samples") == 0


def test_a_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    """With the reason."""
    (tmp_path / "file").write_text("")

    with (
        pytest.raises(StoreError, match="cannot open"),
        opened(tmp_path / "file" / "metrics.duckdb", max_series=1),
    ):
        pass


def test_a_failed_transaction_leaves_nothing(path: Path) -> None:
    """Neither on the disk nor in memory."""
    with opened(path, max_series=1) as database:
        with pytest.raises(duckdb.Error), database.transaction():  # noqa: PT012 — the first goes well
            database.set_mark("raw", 5)
            database.number("SELECT no_such_column FROM mark")

        assert database.mark("raw") == 0
        assert database.number("SELECT count(*) FROM mark") == 1


def test_what_was_read_is_not_kept_for_good(path: Path) -> None:
    """Memory is given back, and queries may still take what they could before."""
    cached = "SELECT sum(memory_usage_bytes) FROM duckdb_memory()"
    limit = "SELECT count(*) FROM duckdb_settings() WHERE name = 'memory_limit' AND value = ?"
    with opened(path, max_series=1, memory_mb=64) as database:
        before = database.connection.execute("SELECT current_setting('memory_limit')").fetchone()
        database.connection.execute(
            "INSERT INTO samples SELECT 1, range, random() FROM range(3_000_000)"
        )
        database.connection.execute("CHECKPOINT metrics")
        total = database.number("SELECT count(value) FROM samples")
        full = database.number(cached) or 0
        database.release()

        assert full > 16_000_000
        assert (database.number(cached) or 0) < 9_000_000
        assert before is not None
        assert database.number(limit, list(before)) == 1
        assert database.number("SELECT count(value) FROM samples") == total


def test_a_copy_replaces_an_older_one(path: Path, tmp_path: Path) -> None:
    """The older one is there until the new one is whole."""
    with opened(path, max_series=1) as database:
        copy(database, tmp_path / "copies")
        target = copy(database, tmp_path / "copies")

    assert [each.name for each in target.parent.iterdir()] == ["metrics.duckdb"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_what_a_killed_process_left_is_cleared(path: Path) -> None:
    """A file that was not ready, and what did not fit into memory."""
    spilled = path.with_name("metrics.duckdb.tmp")
    spilled.mkdir(parents=True)
    (spilled / "block").write_bytes(b"old")
    path.with_name("metrics.duckdb.new").write_bytes(b"half")

    with opened(path, max_series=1):
        pass

    assert sorted(each.name for each in path.parent.iterdir()) == [
        "metrics.duckdb",
        "metrics.duckdb.lock",
    ]
