"""The ledger of remediation."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from intertie.automation.remediation_ledger import RemediationLedger
from intertie.errors import StoreError
from tests.automation.alarm import at, entry

pytestmark = pytest.mark.anyio
NEW = replace(entry("doing"), id=0)


async def test_what_was_written_is_there_again(tmp_path: Path) -> None:
    """With an id; written again it is the same entry."""
    async with RemediationLedger.open(tmp_path / "r.db") as ledger:
        [first, second] = await ledger.write([NEW, NEW])
        await ledger.write([replace(first, status="failed", why="no", ended_at=at(1))])

    async with RemediationLedger.open(tmp_path / "r.db") as ledger:
        found = await ledger.newest()

    assert [each.id for each in found] == [first.id, second.id] == [1, 2]
    assert found[0] == replace(NEW, id=1, status="failed", why="no", ended_at=at(1))
    assert (tmp_path / "r.db").stat().st_mode & 0o077 == 0


async def test_what_was_being_done_is_interrupted_and_what_waits_goes_on() -> None:
    """A process that starts cannot be doing anything yet."""
    async with RemediationLedger.open(None) as ledger:
        await ledger.write([NEW, replace(NEW, status="waiting")])

        [cut] = await ledger.interrupted(at(9))

        assert (cut.id, cut.status, cut.ended_at) == (1, "interrupted", at(9))
        assert await ledger.interrupted(at(10)) == []
        assert [e.status for e in await ledger.newest()] == ["interrupted", "waiting"]


async def test_the_newest_are_kept() -> None:
    """Ten thousand of them."""
    async with RemediationLedger.open(None) as ledger:
        await ledger.write([NEW] * 10_003)

        await ledger.purge()

        found = await ledger.newest(20_000)
        assert (len(found), found[0].id, found[-1].id) == (10_000, 4, 10_003)


async def test_nothing_is_written_of_nothing() -> None:
    """Most looks change nothing."""
    async with RemediationLedger.open(None) as ledger:
        assert await ledger.write([]) == []


async def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    """As is an entry that nobody can read."""
    (tmp_path / "no.db").write_text("no database at all, but long enough to be looked at " * 20)
    with pytest.raises(StoreError, match="cannot open the ledger of remediation"):
        async with RemediationLedger.open(tmp_path / "no.db"):
            pass
    async with RemediationLedger.open(tmp_path / "r.db") as ledger:
        await ledger.write([NEW])
        with sqlite3.connect(tmp_path / "r.db") as file:
            file.execute("UPDATE entry SET body = '{}'")
        file.close()
        with pytest.raises(StoreError, match="cannot read the ledger of remediation"):
            await ledger.newest()
