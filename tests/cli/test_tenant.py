"""`tenant`: customers, apart from each other."""

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


async def test_a_tenant_is_shown_as_the_suite_file_has_it(manor: Manor) -> None:
    """With how many users and keys it has."""
    await manor.add("dee", tenant="acme")
    table = (await manor.ok("tenant", "list")).out
    shown = (await manor.ok("tenant", "show", "acme")).out
    found = (await manor.ok("tenant", "show", "acme", "--json")).json()
    unknown = await manor.run("tenant", "show", "nowhere")

    assert [line.split()[0] for line in table.splitlines()[1:]] == ["acme", "default", "globex"]
    assert "limits    600/min" in shown
    assert (found["users"], found["domains"]) == (1, ["acme.example.com"])
    assert unknown.code == 1


async def test_usage_without_a_door_says_so(manor: Manor) -> None:
    """Instead of zeros."""
    answer = await manor.run("tenant", "usage", "acme")

    assert (answer.code, "no door runs" in answer.err) == (1, True)
