"""What the portal's pages work with."""

from pathlib import Path

import pytest

from tests.api.login.site import made
from tests.api.login.test_wire import log_in
from tests.api.portal.site import URL, asking

pytestmark = pytest.mark.anyio


async def test_each_page_names_its_user_and_leads_on(tmp_path: Path) -> None:
    """To the other pages, and out."""
    async with made(tmp_path / "suite", {}, url=URL) as world, asking(world) as client:
        await world.user("ada")
        await log_in(client, "ada")
        page = (await client.get("/auth/portal")).text

    assert "ada, default" in page
    for path in ("/auth/portal", "/auth/portal/api", "/auth/logout"):
        assert f'href="{path}"' in page


async def test_who_came_in_long_ago_logs_in_anew(tmp_path: Path) -> None:
    """And comes back to its keys."""
    async with made(tmp_path / "suite", {}, url=URL) as world, asking(world) as client:
        await world.user("ada")
        await log_in(client, "ada")
        world.clock.advance(901)
        page = (await client.get("/auth/portal")).text
        form = await client.get("/auth/login?return_to=/auth/portal&again=1")
        client.cookies.clear()
        await log_in(client, "ada", return_to="/auth/portal")
        again = (await client.get("/auth/portal")).text

    assert 'href="/auth/login?return_to=/auth/portal&amp;again=1"' in page
    assert form.status_code == 200
    assert "Make the key" in again
