"""The ways out."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from intertie.api.login.desk import LoginDesk
from intertie.identity.sso.oidc import Oidc
from intertie.identity.sso.sessions import Session
from intertie.identity.users import User
from tests.api.login.site import Made, made
from tests.api.login.test_wire import URL, asking, log_in, mark
from tests.identity.sso.idp import ISSUER, LOGOUT, NOW, T0, Provider
from tests.identity.sso.idp import client as oidc_client

pytestmark = pytest.mark.anyio
CORPORATE = {"corporate": {"kind": "oidc", "issuer": ISSUER, "client_id": "suite"}}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Made]:
    """A suite with a provider."""
    async with made(tmp_path / "suite", {"providers": CORPORATE}, url=URL) as found:
        yield found


@pytest.fixture
async def client(world: Made) -> AsyncIterator[httpx.AsyncClient]:
    """See asking."""
    async with asking(world) as found:
        yield found


async def test_a_link_logs_nobody_out(world: Made, client: httpx.AsyncClient) -> None:
    """Only the form on the page does."""
    await world.user("ada")
    await log_in(client, "ada")

    await client.get("/auth/logout")
    forged = await client.post("/auth/logout", data={})
    still = await client.get("/auth/me")
    left = await client.post("/auth/logout", data={"mark": await mark(client, "/auth/logout")})

    assert (forged.status_code, still.status_code, left.status_code) == (403, 200, 200)
    assert (await client.get("/auth/me")).status_code == 401


async def test_everywhere_means_every_browser(world: Made, client: httpx.AsyncClient) -> None:
    """Within a second."""
    await world.user("ada")
    await log_in(client, "ada")
    async with asking(world) as other:
        await log_in(other, "ada")
        fields = {"mark": await mark(client, "/auth/logout"), "everywhere": "1"}
        await client.post("/auth/logout", data=fields)
        world.clock.advance(0.6)

        assert (await other.get("/auth/me")).status_code == 401


async def session(desk: LoginDesk, user: User, sid: str) -> str:
    """Of the provider; what the browser sends."""
    told = Session(user.id, user.epoch, provider="corporate", subject="s-1", sid=sid)
    return (await desk.sessions.start(told)).partition(";")[0]


def with_provider(world: Made, corporate: Oidc) -> Made:
    """The same suite, with a provider that answers."""
    return replace(world, desk=replace(world.desk, oidc={"corporate": corporate}))


async def test_a_provider_ends_what_is_its_own(world: Made) -> None:
    """By a signed token that counts once; a session or a user's sessions."""
    provider = Provider()
    user = await world.user("ada")
    world.clock.moved += NOW - world.clock()
    async with (
        oidc_client(provider) as corporate,
        asking(with_provider(world, corporate)) as client,
    ):
        headers = [await session(world.desk, user, sid) for sid in ("1", "2", "3")]
        base = {"iss": ISSUER, "aud": "suite", "iat": int(T0), "exp": int(T0) + 60}
        one = provider.sign({**base, "jti": "a", "sid": "1", "events": {LOGOUT: {}}})
        rest = provider.sign({**base, "jti": "b", "sub": "s-1", "events": {LOGOUT: {}}})
        path = "/auth/logout/back/corporate"

        bad = await client.post(path, data={"logout_token": one[:-4] + "AAAA"})
        first = await client.post(path, data={"logout_token": one})
        after = [await world.desk.sessions.lookup(each) is not None for each in headers]
        again = await client.post(path, data={"logout_token": one})
        await client.post(path, data={"logout_token": rest})

    assert (bad.status_code, first.status_code, again.status_code) == (400, 200, 400)
    assert after == [False, True, True]
    assert [await world.desk.sessions.lookup(each) for each in headers] == [None] * 3


async def test_a_frame_ends_a_named_session(world: Made, client: httpx.AsyncClient) -> None:
    """Only the provider may frame it, and only with both names."""
    user = await world.user("ada")
    header = await session(world.desk, user, "1")
    path = "/auth/logout/front/corporate"

    wrong = await client.get(path, params={"iss": "https://other.test", "sid": "1"})
    bare = await client.get(path)
    before = await world.desk.sessions.lookup(header)
    good = await client.get(path, params={"iss": ISSUER, "sid": "1"})

    assert (wrong.status_code, bare.status_code, good.status_code) == (400, 400, 200)
    assert before is not None
    assert await world.desk.sessions.lookup(header) is None
    assert f"frame-ancestors {ISSUER}" in good.headers["content-security-policy"]


async def test_an_unknown_provider_ends_nothing(client: httpx.AsyncClient) -> None:
    """It is told so."""
    answer = await client.post("/auth/logout/back/other", data={"logout_token": "x"})

    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"
