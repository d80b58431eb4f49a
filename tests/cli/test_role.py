"""`role` and `group`: what users may do, and what gives it to them."""

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


async def test_a_role_is_shown_with_what_gives_and_needs_it(manor: Manor) -> None:
    """And who has it."""
    await manor.add("ann", groups=("clerks",))
    table = (await manor.ok("role", "list")).out
    shown = (await manor.ok("role", "show", "clerk")).out
    found = (await manor.ok("role", "show", "clerk", "--json")).json()
    unknown = await manor.run("role", "show", "nobody")

    assert [line.split() for line in table.splitlines() if line.startswith("clerk")] == [
        ["clerk", "clerks", "/orders", "-"]
    ]
    assert "users      ann" in shown
    assert "route      /orders" in shown
    assert [each["login"] for each in found["users"]] == ["ann"]
    assert unknown.code == 1


async def test_a_group_is_created_listed_and_removed(manor: Manor) -> None:
    """Those of the suite file are every tenant's."""
    await manor.ok("group", "create", "night/shift", "--tenant", "acme")
    table = (await manor.ok("group", "list", "--tenant", "acme")).out
    await manor.ok("group", "remove", "night/shift", "--tenant", "acme")
    names = [each["name"] for each in (await manor.ok("group", "list", "--json")).json()]
    kept = await manor.run("group", "remove", "admins")

    assert [line.split() for line in table.splitlines()[1:]] == [
        ["admins", "(all)", "admin,", "superuser"],
        ["users", "(all)", "user,", "readonly"],
        ["clerks", "(all)", "clerk"],
        ["night/shift", "acme", "-"],
    ]
    assert names == ["admins", "users", "clerks"]
    assert "group_mapping" in kept.err
