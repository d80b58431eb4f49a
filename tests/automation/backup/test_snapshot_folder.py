import os
import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest

from intertie.automation.backup.invariants import sqlite_tables
from intertie.automation.backup.snapshot_folder import copy_folder
from tests.automation.backup.trees import look, plant


def test_a_copy_is_the_same(tmp_path: Path) -> None:
    """Content, rights, times, links and empty folders."""
    source = plant(tmp_path / "source")

    done = copy_folder(source, tmp_path / "copy", Event())

    assert look(tmp_path / "copy") == look(source)
    assert done.changed == []


def test_some_of_it_is_left_out(tmp_path: Path) -> None:
    """What is named to be left out, what its owner copies, and what is no file."""
    source = plant(tmp_path / "source").resolve()
    os.mkfifo(source / "pipe")

    done = copy_folder(
        source,
        tmp_path / "copy",
        Event(),
        without=[source / "deep"],
        owned=[source / "run"],
    )

    assert not (tmp_path / "copy" / "deep").exists()
    assert not (tmp_path / "copy" / "pipe").exists()
    assert done.left == [(source / "run", tmp_path / "copy" / "run")]


def test_databases_in_it_are_copied_as_such(tmp_path: Path) -> None:
    """What is only in the log of an open database is in its copy, and the log is not copied."""
    source = tmp_path / "source"
    source.mkdir()
    with closing(sqlite3.connect(source / "a.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (a)")
        connection.execute("INSERT INTO t VALUES (1)")

        copy_folder(source, tmp_path / "copy", Event())

    assert [one.name for one in (tmp_path / "copy").iterdir()] == ["a.db"]
    assert sqlite_tables(tmp_path / "copy" / "a.db")["t"].rows == 1


def test_it_stops_when_told(tmp_path: Path) -> None:
    """Between two files."""
    stop = Event()
    stop.set()

    with pytest.raises(OSError, match="stopped"):
        copy_folder(plant(tmp_path / "source"), tmp_path / "copy", stop)


def test_a_folder_must_be_there(tmp_path: Path) -> None:
    """A source that is gone is no empty backup."""
    with pytest.raises(FileNotFoundError):
        copy_folder(tmp_path / "gone", tmp_path / "copy", Event())
