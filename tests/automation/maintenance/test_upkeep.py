import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from intertie.automation.maintenance.upkeep import Upkeep, databases, tend, tend_all

ROWS = 4000


def database(path: Path, *, rows: int = ROWS, deleted: int = 0, auto_vacuum: int = 0) -> Path:
    """A table with an index, of which so many rows were deleted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as made:
        made.execute(f"PRAGMA auto_vacuum = {auto_vacuum}")
        made.execute("PRAGMA journal_mode = WAL")
        made.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, kind TEXT, body TEXT)")
        made.execute("CREATE INDEX by_kind ON things (kind)")
        made.execute("BEGIN")
        values = ((number, f"k{number % 7}", "x" * 200) for number in range(rows))
        made.executemany("INSERT INTO things VALUES (?, ?, ?)", values)
        made.execute("COMMIT")
        made.execute("DELETE FROM things WHERE id < ?", (deleted,))
    return path


@contextmanager
def used(path: Path) -> Iterator[sqlite3.Connection]:
    """By us, while it is tended."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def number(connection: sqlite3.Connection, sql: str) -> int:
    """The one number it gives."""
    return int(connection.execute(sql).fetchone()[0])


@pytest.mark.parametrize("auto_vacuum", [0, 2])
def test_a_file_with_much_free_room_gives_it_back(tmp_path: Path, auto_vacuum: int) -> None:
    """While another process has it open; all rows are as they were, and the log is empty."""
    file = database(tmp_path / "a.db", deleted=3000, auto_vacuum=auto_vacuum)
    before = file.stat().st_size

    with used(file) as other:
        number(other, "SELECT count(*) FROM things")
        found = tend(file)
        log = file.with_name("a.db-wal")
        assert (found.left, log.stat().st_size) == ("", 0)
        assert number(other, "SELECT count(*) FROM things") == 1000
        assert number(other, "SELECT sum(id) FROM things") == sum(range(3000, ROWS))
        assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",)

    assert file.stat().st_size < before / 2
    assert found.freed_bytes >= before // 2


def test_a_file_with_little_free_room_is_not_written_anew(tmp_path: Path) -> None:
    """That would cost more than it gives."""
    file = database(tmp_path / "a.db", deleted=400)

    tend(file)

    with used(file) as made:
        assert number(made, "PRAGMA freelist_count") > 0


def test_the_planner_learns_what_is_in_an_index(tmp_path: Path) -> None:
    """As `ANALYZE` tells it."""
    file = database(tmp_path / "a.db")

    tend(file)

    with used(file) as made:
        found = dict(made.execute("SELECT idx, stat FROM sqlite_stat1").fetchall())
    rows, of_one_kind = map(int, found["by_kind"].split())  # estimated from a part of them
    assert ROWS * 0.9 < rows < ROWS * 1.1
    assert ROWS / 7 / 2 < of_one_kind < ROWS / 7 * 2


@pytest.mark.slow
def test_a_database_that_is_written_to_is_left(tmp_path: Path) -> None:
    """It is told, and is no failure; whoever writes is not disturbed."""
    file = database(tmp_path / "a.db", deleted=3000)
    with used(file) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO things VALUES (-1, 'k', 'x')")
        done = tend_all(Upkeep(state=tmp_path))
        writer.execute("COMMIT")

        assert number(writer, "SELECT count(*) FROM things") == 1001
    assert done.faults == ()
    assert "free pages left: it is in use" in done.told


def test_nothing_is_held_for_long(tmp_path: Path) -> None:
    """What takes longer is undone, and the file is as it was."""
    file = database(tmp_path / "a.db", deleted=3000)

    found = tend(file, hold_s=0)

    assert "free pages left: it took longer than 0 s" in found.left
    with used(file) as made:
        assert number(made, "PRAGMA freelist_count") > 0
        assert number(made, "SELECT count(*) FROM things") == 1000


def test_each_database_of_ours_is_tended_and_no_other(tmp_path: Path) -> None:
    """Files that only have the name, and what services keep, are left alone."""
    ours = [database(tmp_path / name, rows=3) for name in ("intertie.db", "identity/audit.db")]
    database(tmp_path / "data" / "api" / "own.db", rows=3)
    (tmp_path / "text.db").write_text("no database")
    (tmp_path / "empty.db").touch()

    assert list(databases(tmp_path)) == ours
    assert tend_all(Upkeep(state=tmp_path)).changed == 2


def test_a_damaged_database_is_told_and_the_others_are_tended(tmp_path: Path) -> None:
    """It is not touched."""
    bad = tmp_path / "a.db"
    bad.write_bytes(b"SQLite format 3\x00" + b"\xff" * 5000)
    database(tmp_path / "b.db", rows=3)

    done = tend_all(Upkeep(state=tmp_path))

    assert done.changed == 1
    assert len(done.faults) == 1
    assert done.faults[0].startswith("cannot tend a.db: ")
    assert bad.read_bytes()[16:20] == b"\xff" * 4


@pytest.mark.slow
def test_writers_go_on_meanwhile(tmp_path: Path) -> None:
    """No row is lost, and no writer is refused, while a file is tended again and again."""
    file = database(tmp_path / "a.db", deleted=3500)
    script = (
        "import sys; from pathlib import Path\n"
        "from intertie.automation.maintenance.upkeep import tend\n"
        "for _ in range(5): tend(Path(sys.argv[1]))"
    )
    over = threading.Event()
    written: list[int] = []

    def write() -> None:
        with closing(sqlite3.connect(file, timeout=10, isolation_level=None)) as made:
            while not over.is_set() and len(written) < 100_000:
                row = 10_000 + len(written)
                made.execute("INSERT INTO things VALUES (?, 'k', 'x')", (row,))
                written.append(row)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        subprocess.run([sys.executable, "-c", script, str(file)], check=True, timeout=60)
    finally:
        over.set()
        thread.join()

    with used(file) as made:
        assert number(made, "SELECT count(*) FROM things WHERE id >= 10000") == len(written)
        assert made.execute("PRAGMA integrity_check").fetchone() == ("ok",)
