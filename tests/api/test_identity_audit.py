"""REST routes of the audit trail."""

import json
import sqlite3
from collections.abc import AsyncIterator
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest

from tests.identity.manor import Manor, open_manor

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
async def manor(tmp_path: Path) -> AsyncIterator[Manor]:
    """A running suite with users and keys."""
    async with open_manor(tmp_path) as made:
        yield made


async def test_a_row_says_who_did_what_from_where(manor: Manor) -> None:
    """Also what was refused, and why."""
    ann = await manor.add("ann", groups=("admins",))
    async with manor.api(await manor.token("ann")) as api:
        await api.post("/api/groups", json={"name": "g"})
        await api.put(f"/api/users/{ann}/password", json={"password": "aaaaaaaaaaaa"})
        rows = (await api.get("/api/audit", params={"by": "default/user:ann"})).json()["items"]

    refused, done = rows
    assert (done["action"], done["target"], done["outcome"]) == (
        "group.create",
        "default/g",
        "done",
    )
    assert (done["via"], done["address"]) == ("rest", "127.0.0.1")
    assert (refused["action"], refused["outcome"]) == ("user.password", "refused")
    assert "repeats" in refused["detail"]["why"]


async def test_pages_go_back_from_the_newest(manor: Manor) -> None:
    """Until there is no next."""
    for number in range(5):
        await manor.add(f"u{number}")
    async with manor.root() as api:
        found: list[str] = []
        before: int | None = None
        while True:
            params = {"limit": 2} | ({"before": before} if before else {})
            page = (await api.get("/api/audit", params=params)).json()
            found += [row["target"] for row in page["items"]]
            before = page["next"]
            if before is None:
                break

    assert found == [f"default/u{number}" for number in (4, 3, 2, 1, 0)]


async def test_an_export_can_be_checked_by_anybody(manor: Manor) -> None:
    """Each line hashes to what the next one says."""
    for login in ("ann", "bob"):
        await manor.add(login)
    async with manor.root() as api:
        export = await api.get("/api/audit/export")

    assert export.headers["content-type"] == "application/x-ndjson"
    rows = [json.loads(line) for line in export.text.splitlines()]
    for row, following in pairwise(rows):
        assert following["previous"] == row["hash"]
    for row in rows:
        hashed = row.pop("hash")
        text = json.dumps(row, sort_keys=True, separators=(",", ":"))
        assert sha256(text.encode()).hexdigest() == hashed


async def test_a_changed_row_is_named(manor: Manor) -> None:
    """With what is wrong with it."""
    await manor.add("ann")
    async with manor.root() as api:
        before = (await api.get("/api/audit/verify")).json()
        with sqlite3.connect(manor.folder / "audit.db") as file:
            file.execute("DROP TRIGGER audit_no_update")
            file.execute("UPDATE audit SET actor = 'eve'")
        after = (await api.get("/api/audit/verify", params={"anchor": before["anchor"]})).json()
        odd = await api.get("/api/audit/verify", params={"anchor": "x"})

    assert before["intact"]
    assert after["broken"] == {"seq": 1, "why": "it was changed"}
    assert odd.status_code == 422
