"""From who it is to a session: second factors without a browser."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from pyotp import TOTP

from tests.api.login.site import TESTER, Made, made
from tests.api.login.test_wire import URL, asking, log_in, mark

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Made]:
    """A suite."""
    mfa = {"methods": ["totp", "email"], "required_for": ["admin"]}
    mapping = {"group_mapping": {"admins": ["admin"]}}
    suite = {"mfa": mfa, "rbac_integration": mapping}
    async with made(tmp_path / "suite", suite, url=URL) as found:
        yield found


@pytest.fixture
async def client(world: Made) -> AsyncIterator[httpx.AsyncClient]:
    """See asking."""
    async with asking(world) as found:
        yield found


async def app_of(world: Made, user: str) -> TOTP:
    """An authenticator that is set up."""
    totps = world.identities.totps
    app = TOTP((await totps.enrol(TESTER, user)).secret)
    await totps.confirm(TESTER, user, app.at(world.clock()))
    world.clock.advance(60)
    return app


async def test_the_password_alone_is_no_session(world: Made, client: httpx.AsyncClient) -> None:
    """Of somebody who has a second factor."""
    user = await world.user("ada")
    await app_of(world, user.id)

    await log_in(client, "ada")

    assert (await client.get("/auth/me")).status_code == 401
    assert (await client.get("/auth/second")).status_code == 200


async def test_a_step_is_taken_once(world: Made, client: httpx.AsyncClient) -> None:
    """The cookie of the first step is worth nothing after the second."""
    user = await world.user("ada")
    app = await app_of(world, user.id)
    await log_in(client, "ada")
    step = client.cookies["__Host-intertie-step"]
    fields = {"mark": await mark(client, "/auth/second"), "method": "totp"}

    good = await client.post("/auth/second", data={**fields, "code": app.at(world.clock())})
    client.cookies.set("__Host-intertie-step", step, domain="app.test")
    again = await client.get("/auth/second")

    assert good.status_code == 200
    assert again.status_code == 403


async def test_a_step_does_not_wait_for_ever(world: Made, client: httpx.AsyncClient) -> None:
    """Ten minutes; and not at all when the user was shut out meanwhile."""
    user = await world.user("ada")
    await app_of(world, user.id)
    await log_in(client, "ada")
    await world.identities.users.end_sessions(TESTER, user.id)
    changed = await client.get("/auth/second")
    await log_in(client, "ada")
    world.clock.advance(601)
    late = await client.get("/auth/second")

    assert changed.status_code == 403
    assert "changed meanwhile" in changed.text
    assert late.status_code == 403


async def test_a_method_that_is_not_set_up(world: Made, client: httpx.AsyncClient) -> None:
    """Is no way around the one that is."""
    user = await world.user("ada")
    await app_of(world, user.id)
    await log_in(client, "ada")
    sealed = await mark(client, "/auth/second")

    for method in ("passkey", "sms", "email", "", "none"):
        fields = {"mark": sealed, "method": method, "code": "000000", "answer": "{}"}
        assert (await client.post("/auth/second", data=fields)).status_code in {400, 403}
    assert (await client.get("/auth/me")).status_code == 401


async def test_codes_cannot_be_guessed(world: Made, client: httpx.AsyncClient) -> None:
    """After some tries even the right one has to wait."""
    user = await world.user("ada")
    app = await app_of(world, user.id)
    await log_in(client, "ada")
    fields = {"mark": await mark(client, "/auth/second"), "method": "totp"}
    for _ in range(8):
        await client.post("/auth/second", data={**fields, "code": "000000"})

    answer = await client.post("/auth/second", data={**fields, "code": app.at(world.clock())})

    assert answer.status_code == 403
    assert (await client.get("/auth/me")).status_code == 401


async def test_a_suite_without_apps_says_whom_to_ask(tmp_path: Path) -> None:
    """Who must have a second factor and can set none up is told so."""
    suite = {
        "mfa": {"methods": ["email"], "required_for": ["admin"]},
        "rbac_integration": {"group_mapping": {"admins": ["admin"]}},
    }
    async with made(tmp_path / "suite", suite, url=URL) as world, asking(world) as client:
        await world.user("root", groups=["admins"])
        await log_in(client, "root")
        answer = await client.get("/auth/second")

    assert answer.status_code == 403
    assert "ask an administrator" in answer.text
