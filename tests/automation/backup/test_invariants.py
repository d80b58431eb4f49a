import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from intertie.automation.backup.invariants import (
    Invariants,
    connect_sqlite,
    connection_tables,
    differences,
    folder_files,
    sqlite_tables,
)
from tests.automation.backup.trees import plant

cells = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary()
)
rows = st.lists(st.tuples(cells, cells), max_size=8)


def made(rows_held: list[tuple[object, object]]) -> Invariants:
    """Of a database with these rows."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute('CREATE TABLE "odd ""name" (a, b)')
        connection.executemany('INSERT INTO "odd ""name" VALUES (?, ?)', rows_held)
        return Invariants(tables=connection_tables(connection))


@given(rows, st.randoms())
def test_order_does_not_matter(held: list[tuple[object, object]], dice: Random) -> None:
    """The same rows in another order are the same table."""
    shuffled = dice.sample(held, len(held))

    assert made(held) == made(shuffled)


@given(rows, st.tuples(cells, cells))
def test_each_row_matters(held: list[tuple[object, object]], one: tuple[object, object]) -> None:
    """One row more is another table, also when it is there already."""
    found = differences(made(held), made([*held, one]))

    assert found == (f"table 'odd \"name' differs: {len(held)} rows before, {len(held) + 1} now",)


def test_text_and_bytes_and_numbers_differ() -> None:
    """What looks alike is not alike."""
    looks = [made([(value, None)]).digest for value in ("1", b"1", 1, 1.5, None)]

    assert len(set(looks)) == len(looks)


def test_a_schema_is_content(tmp_path: Path) -> None:
    """A lost index or a view is a difference."""
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (a)")
        before = sqlite_tables(path)
        connection.execute("CREATE INDEX i ON t (a)")
    after = sqlite_tables(path)

    (found,) = differences(Invariants(tables=before), Invariants(tables=after))
    assert "(schema)" in found


def test_what_is_read_is_of_one_moment(tmp_path: Path) -> None:
    """In a transaction, what others write meanwhile is not seen."""
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("CREATE TABLE t (a)")
        with closing(connect_sqlite(path)) as reader:
            reader.execute("BEGIN")
            before = connection_tables(reader)
            writer.execute("INSERT INTO t VALUES (1)")
            assert connection_tables(reader) == before
        assert sqlite_tables(path) != before


def test_full_text_tables_are_read(tmp_path: Path) -> None:
    """A virtual table counts by the tables beneath it."""
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE VIRTUAL TABLE words USING fts5(text)")
        before = sqlite_tables(path)
        connection.execute("INSERT INTO words VALUES ('one')")

    assert differences(Invariants(tables=before), Invariants(tables=sqlite_tables(path)))


def test_a_difference_names_its_file(tmp_path: Path) -> None:
    """Content, length, rights, links, what is gone and what is new."""
    folder = plant(tmp_path / "a")
    before = Invariants(files=folder_files(folder))
    (folder / "run").write_text("#!/bin/ab\n")
    (folder / "empty").write_text("x")
    (folder / "deep" / "secret").chmod(0o644)
    (folder / "link").unlink()
    (folder / "link").symlink_to("run")
    (folder / "dangling").unlink()
    (folder / "new").touch()

    assert differences(before, Invariants(files=folder_files(folder))) == (
        "file 'dangling' is missing",
        "file 'new' was not there before",
        "file 'deep/secret' differs: mode 600 before, 644 now",
        "file 'empty' differs: 0 bytes before, 1 now",
        "file 'link' differs: link to 'deep/secret' before, to 'run' now",
        "file 'run' differs: its content",
    )


def test_names_of_any_bytes_can_be_kept(tmp_path: Path) -> None:
    """A name that is not UTF-8 goes through JSON and back."""
    (tmp_path / "bad\udce9").touch()
    found = Invariants(files=folder_files(tmp_path))

    assert Invariants.model_validate_json(found.model_dump_json()) == found
