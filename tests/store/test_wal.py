"""One connection for many coroutines: shared transactions, and what happens when one fails."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from anyio import CancelScope, create_task_group

from intertie.errors import StoreError
from intertie.store.wal import Transactions, connect

pytestmark = pytest.mark.anyio

SCHEMA = "CREATE TABLE IF NOT EXISTS word (text TEXT PRIMARY KEY)"


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Transactions]:
    """An open one."""
    connection = connect(tmp_path / "words.db", SCHEMA)
    yield Transactions(connection, "the words")
    connection.close()


def insert(db: sqlite3.Connection, word: str) -> int:
    """How many there are then."""
    db.execute("INSERT INTO word VALUES (?)", (word,))
    (count,) = db.execute("SELECT count(*) FROM word").fetchone()
    return int(count)


async def test_all_who_come_at_once_are_served(file: Transactions) -> None:
    """Each with its own result."""
    counts: list[int] = []

    async def add(word: str) -> None:
        counts.append(await file.do(lambda db: insert(db, word)))

    async with create_task_group() as group:
        for n in range(200):
            group.start_soon(add, f"word {n}")

    assert sorted(counts) == list(range(1, 201))


async def test_work_that_fails_leaves_nothing_behind(file: Transactions) -> None:
    """And is reported as the store's fault."""

    def twice(db: sqlite3.Connection) -> None:
        insert(db, "same")
        insert(db, "same")

    with pytest.raises(StoreError, match="cannot use the words: UNIQUE"):
        await file.do(twice)
    assert await file.do(lambda db: insert(db, "other")) == 1


async def test_a_caller_who_is_cancelled_does_not_stop_the_others(file: Transactions) -> None:
    """What was begun is written, and the next is served."""
    with CancelScope() as scope:
        scope.cancel()
        await file.do(lambda db: insert(db, "a"))

    assert scope.cancelled_caught
    assert await file.do(lambda db: insert(db, "b")) == 2


async def test_a_file_that_another_program_holds_is_waited_for_or_refused(tmp_path: Path) -> None:
    """Here the wait is made short, so that it is refused."""
    connection = connect(tmp_path / "words.db", SCHEMA)
    connection.execute("PRAGMA busy_timeout = 20")
    other = sqlite3.connect(tmp_path / "words.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(StoreError, match="locked"):
            await Transactions(connection, "the words").do(lambda db: insert(db, "a"))
    finally:
        other.close()
        connection.close()
