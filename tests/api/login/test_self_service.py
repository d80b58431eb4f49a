"""What somebody who is logged in sees of itself."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.api.login.site import Made, made
from tests.api.login.test_wire import URL, asking, log_in, mark

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Made]:
    """A suite."""
    async with made(tmp_path / "suite", {}, url=URL) as found:
        yield found


@pytest.fixture
async def client(world: Made) -> AsyncIterator[httpx.AsyncClient]:
    """See asking."""
    async with asking(world) as found:
        yield found


async def test_who_am_i(world: Made, client: httpx.AsyncClient) -> None:
    """Everything that services are told, and when it ends."""
    user = await world.user("ada", roles=["editor"])
    nobody = await client.get("/auth/me")
    await log_in(client, "ada")

    told = (await client.get("/auth/me")).json()

    assert (nobody.status_code, nobody.json()["login"]) == (401, "/auth/login")
    assert (told["id"], told["name"], told["roles"]) == (user.id, "ada", ["editor"])
    assert (told["provider"], told["methods"]) == ("", ["pwd"])
    assert told["logged_in"] < told["ends"]


async def test_a_passkey_wants_a_fresh_login(world: Made, client: httpx.AsyncClient) -> None:
    """Who finds an open browser adds no way in for good."""
    await world.user("ada")
    await log_in(client, "ada")
    fresh = await client.get("/auth/passkeys")
    world.clock.advance(901)

    old = await client.get("/auth/passkeys")

    assert (fresh.status_code, old.status_code) == (200, 403)


async def test_an_answer_that_no_passkey_gave(world: Made, client: httpx.AsyncClient) -> None:
    """Is refused with a reason, and adds none."""
    user = await world.user("ada")
    await log_in(client, "ada")
    sealed = await mark(client, "/auth/passkeys")

    for answer in ("", "{}", "[]", "x" * 50_000):
        fields = {"mark": sealed, "name": "n", "answer": answer}
        assert (await client.post("/auth/passkeys", data=fields)).status_code == 403
    assert not await world.identities.passkeys.of(user.id)
