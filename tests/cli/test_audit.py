"""`audit`: who did what."""

import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.identity.manor import Manor, open_manor

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
async def manor(tmp_path: Path) -> AsyncIterator[Manor]:
    """A running suite with users and keys."""
    async with open_manor(tmp_path) as made:
        yield made


async def test_what_was_done_is_listed_and_exported(manor: Manor) -> None:
    """Newest first as a table; oldest first as lines of JSON."""
    await manor.ok("user", "add", "ann", "--no-password")
    await manor.ok("user", "add", "dee", "--no-password", "--tenant", "acme")
    table = (await manor.ok("audit", "list", "-n", "1")).out.splitlines()
    own = (await manor.ok("audit", "list", "--tenant", "acme", "--json")).json()
    lines = (await manor.ok("audit", "export")).out.splitlines()
    await manor.ok("audit", "export", "-o", "trail.jsonl")

    assert len(table) == 2
    assert table[1].split()[3:7] == ["rest", "user.create", "acme/dee", "done"]
    assert [each["target"] for each in own] == ["acme/dee"]
    assert [json.loads(line)["seq"] for line in lines] == [1, 2]
    assert (manor.folder / "trail.jsonl").read_text().splitlines() == lines


async def test_a_cut_end_is_noticed_by_its_anchor(manor: Manor) -> None:
    """Exit code 1, and which row."""
    for login in ("ann", "bob"):
        await manor.add(login)
    intact = await manor.ok("audit", "verify", "--json")
    anchor = intact.json()["anchor"]
    with sqlite3.connect(manor.folder / "audit.db") as file:
        file.execute("DROP TRIGGER audit_no_delete")
        file.execute("DELETE FROM audit WHERE seq = 2")
    plain = await manor.ok("audit", "verify")
    cut = await manor.run("audit", "verify", "--anchor", anchor)

    assert plain.out.startswith("intact; anchor 1:")
    assert cut.code == 1
    assert "row 2 is not what was written: rows were cut off" in cut.err
