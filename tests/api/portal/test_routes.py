"""The portal as routes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.login.site import TESTER, Made, made
from tests.api.login.test_wire import log_in
from tests.api.portal.site import URL, asking

pytestmark = pytest.mark.anyio
PAGES = ("", "/api", "/api/operation?id=hello", "/openapi.json")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Made]:
    """A suite."""
    async with made(tmp_path / "suite", {}, url=URL) as found:
        yield found


@pytest.mark.parametrize("page", PAGES)
async def test_strangers_are_sent_to_the_login(world: Made, page: str) -> None:
    """And come back to the page they wanted."""
    await world.user("ada")
    async with asking(world) as client:
        answer = await client.get(f"/auth/portal{page}")
        back = await log_in(client, "ada", return_to=f"/auth/portal{page}")

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/auth/login?return_to=/auth/portal")
    assert f"url=/auth/portal{page}" in back.text


async def test_strangers_change_nothing(world: Made) -> None:
    """A form without a login leads to the login."""
    async with asking(world) as client:
        answer = await client.post("/auth/portal/keys", data={"name": "n"})

    assert answer.headers["location"] == "/auth/login?return_to=/auth/portal"


@pytest.mark.parametrize("page", [*PAGES, "/api/operation?id=none"])
async def test_every_answer_has_the_headers(world: Made, page: str) -> None:
    """Nothing is kept, framed, sniffed or loaded from elsewhere."""
    await world.user("ada")
    async with asking(world) as client:
        await log_in(client, "ada")
        answer = await client.get(f"/auth/portal{page}")

    headers = answer.headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"


async def test_a_disabled_user_sees_nothing(world: Made) -> None:
    """From then on the cookie is worth nothing."""
    user = await world.user("ada")
    async with asking(world) as client:
        await log_in(client, "ada")
        before = await client.get("/auth/portal")
        await world.identities.users.disable(TESTER, user.id)
        await world.desk.sessions.changed()
        after = await client.get("/auth/portal")

    assert (before.status_code, after.status_code) == (200, 303)
