"""What was heard is not forgotten."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from intertie.errors import StoreError
from intertie.monitor.heartbeat import Heard
from intertie.monitor.heartbeat_book import HeartbeatBook

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 7, 1, 12, 0, 0, 1000, tzinfo=UTC)


async def test_what_was_kept_is_there_after_opening_again(tmp_path: Path) -> None:
    """To the microsecond; the newest word counts, and only its owner may read it."""
    file = tmp_path / "heartbeats.db"
    async with HeartbeatBook.open(file) as book:
        await book.keep({"one": Heard("shop", NOW, NOW, 1.5, 7), "two": Heard()})
        await book.keep({"two": Heard(silent_s=3)})
    async with HeartbeatBook.open(file) as book:
        found = await book.all()

    assert found == {"one": Heard("shop", NOW, NOW, 1.5, 7), "two": Heard(silent_s=3)}
    assert file.stat().st_mode & 0o077 == 0


async def test_a_file_that_makes_no_sense_is_told(tmp_path: Path) -> None:
    """Not taken for an empty one."""
    file = tmp_path / "heartbeats.db"
    async with HeartbeatBook.open(file) as book:
        await book.keep({"one": Heard()})
        with sqlite3.connect(file) as other:
            other.execute("UPDATE heard SET body = '{'")
        other.close()
        with pytest.raises(StoreError, match="a row makes no sense"):
            await book.all()
    file.write_bytes(b"no database" * 100)
    with pytest.raises(StoreError, match="cannot open the book of heartbeats"):
        async with HeartbeatBook.open(file):
            pass
