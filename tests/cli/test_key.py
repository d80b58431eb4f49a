"""`key`: API keys."""

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


async def test_a_key_is_printed_once_with_how_to_use_it(manor: Manor) -> None:
    """Alone on standard output; the hint beside it does not repeat the text."""
    made = await manor.ok("key", "create", "robot", "--role", "admin", "--expires", "90d")
    text = made.out.strip()
    table = (await manor.ok("key", "list")).out
    async with manor.api(text) as api:
        opened = (await api.get("/api/users")).status_code

    assert "curl -H 'x-api-key: " in made.err
    assert text not in made.err
    assert opened == 200
    assert text not in table
    assert f"…{text[-4:]}" in table


async def test_a_key_is_rotated_and_revoked(manor: Manor) -> None:
    """Both texts open during the overlap, none after the end."""
    old = (await manor.ok("key", "create", "robot", "--role", "admin", "--json")).json()
    new = (await manor.ok("key", "rotate", old["id"], "--overlap", "1h")).out.strip()
    codes: list[int] = []
    for text in (old["text"], new):
        async with manor.api(text) as api:
            codes.append((await api.get("/api/users")).status_code)
    revoked = (await manor.ok("key", "revoke", old["id"])).out
    async with manor.api(new) as api:
        codes.append((await api.get("/api/users")).status_code)
    await manor.ok("key", "revoke", old["id"], "--delete")

    assert (codes, revoked) == ([200, 200, 401], "revoked robot\n")
    assert (await manor.ok("key", "list", "--json")).json() == []


async def test_a_key_of_a_user_is_named_by_its_login(manor: Manor) -> None:
    """One that nobody has is a fault, and so is a time that is none."""
    ann = await manor.add("ann")
    made = (await manor.ok("key", "create", "k", "--owner", "ann", "--json")).json()
    unknown = await manor.run("key", "create", "k", "--owner", "bob")
    soon = await manor.run("key", "create", "k", "--expires", "soon")

    assert made["owner"] == ann
    assert (unknown.code, soon.code) == (1, 2)


async def test_keys_outlive_the_master_key(manor: Manor) -> None:
    """They open as before; only who may change the suite may ask for another."""
    text = (await manor.ok("key", "create", "robot", "--role", "admin")).out.strip()
    own = (await manor.ok("key", "create", "acme", "--role", "admin", "--tenant", "acme")).out
    answer = (await manor.ok("key", "rotate-master")).out
    async with manor.api(text) as api:
        opened = (await api.get("/api/users")).status_code
    async with manor.api(own.strip()) as api:
        refused = (await api.post("/api/keys/rotate-master")).status_code

    assert answer == "sealed 0 anew\n"  # these are hashed
    assert (opened, refused) == (200, 403)
