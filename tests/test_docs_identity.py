"""The examples of docs/identity.md work as they are printed there."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from intertie.suite import load
from tests.identity.manor import Manor, open_manor

pytestmark = pytest.mark.anyio

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "identity.md").read_text()


def blocks(language: str) -> list[str]:
    """The page's examples in a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
async def manor(tmp_path: Path) -> AsyncIterator[Manor]:
    """The suite of the tour."""
    async with open_manor(tmp_path, says=blocks("yaml")[1]) as made:
        yield made


def test_the_suites_of_the_page_are_valid(tmp_path: Path) -> None:
    """All of them."""
    file = tmp_path / "suite.yaml"
    for text in blocks("yaml"):
        file.write_text(text)
        assert load(file).suite.identity is not None


@pytest.mark.slow
async def test_the_tour_works_as_the_page_says(manor: Manor) -> None:
    """Block by block, in its order, each line without a fault."""
    users, ends, keys, tokens, _, tenants, trail, api = blocks("sh")

    shown = await manor.script(users)
    assert "created ann with roles admin, superuser" in shown
    assert "users      bob" in shown
    assert "removed bob" in await manor.script(ends)
    assert "nightly" in await manor.script(keys)
    assert "revoked " in await manor.script(tokens)
    assert "dee" in await manor.script(tenants)
    assert "intact" in await manor.script(trail)
    answers = (await manor.script(api)).splitlines()
    assert '"eli"' in answers[0]
    assert answers[-1].endswith("403")


@pytest.mark.slow
async def test_what_the_page_says_of_shutting_out_is_so(manor: Manor) -> None:
    """Known to the management API at once."""
    await manor.add("ann", groups=("admins",))
    token = await manor.token("ann")
    async with manor.api(token) as api:
        before = (await api.get("/api/users")).status_code
        await manor.script("intertie user logout ann")
        after = (await api.get("/api/users")).status_code

    assert (before, after) == (200, 401)
