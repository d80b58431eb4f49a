"""The page of what is left of a user's limits."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from intertie.errors import BusUnavailableError
from intertie.gateway.authz.usage import Used
from tests.api.login.site import TESTER, Made, made
from tests.api.login.test_wire import log_in
from tests.api.portal.site import EVIL, URL, asking

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Made]:
    """A suite."""
    async with made(tmp_path / "suite", {}, url=URL) as found:
        yield found


async def test_own_limits_and_those_of_own_keys(world: Made) -> None:
    """Of nobody else."""
    ada, bob = await world.user("ada"), await world.user("bob")
    key = await world.identities.keys.create(TESTER, EVIL, owner=ada.id)
    await world.identities.keys.create(TESTER, "other", owner=bob.id)
    asked: list[tuple[str, str]] = []

    async def usage(client: str, tenant: str, /) -> Sequence[Used]:
        asked.append((client, tenant))
        return [Used("per-hour", "*", 1000, 3600, 17, 983, 60)]

    async with asking(world, usage=usage) as client:
        await log_in(client, "ada")
        page = (await client.get("/auth/portal/usage")).text

    principal = world.identities.users.principal(ada)
    assert asked == [(principal.client, "default"), (f"key:{key.key.id}", "default")]
    assert "1000 in 3600 s" in page
    assert "983" in page
    assert "<script" not in page


async def test_counters_that_are_away(world: Made) -> None:
    """503, and no more is told."""
    await world.user("ada")

    async def usage(client: str, tenant: str, /) -> Sequence[Used]:
        raise BusUnavailableError("cannot reach redis://10.0.0.1:6379")

    async with asking(world, usage=usage) as client:
        await log_in(client, "ada")
        answer = await client.get("/auth/portal/usage")

    assert answer.status_code == 503
    assert "10.0.0.1" not in answer.text


async def test_where_nobody_counts_there_is_no_page(world: Made) -> None:
    """Nor a way to it."""
    await world.user("ada")
    async with asking(world) as client:
        await log_in(client, "ada")
        home = await client.get("/auth/portal")
        answer = await client.get("/auth/portal/usage")

    assert "portal/usage" not in home.text
    assert answer.status_code == 404
