"""The login pages, as the token issuer asks for them."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.requests import Request
from starlette.responses import Response

from intertie.api.login.current import SessionLogin
from intertie.identity.sso.sessions import Session
from tests.api.login.site import Made, made

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Made]:
    """A suite."""
    async with made(tmp_path / "suite", {}, url="https://app.test") as found:
        yield found


def request(*cookies: str) -> Request:
    """With cookies, as HTTP/2 splits them."""
    headers = [(b"cookie", each.partition(";")[0].encode()) for each in cookies]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": headers})


async def test_who_sits_there(world: Made) -> None:
    """With the time of the login, a verified address, and a name for the session."""
    user = await world.user("ada", email="ada@example.com", email_verified=True)
    cookie = await world.desk.sessions.start(Session(user.id, user.epoch))
    login = SessionLogin(world.desk)

    found = await login.current(request("a=b", cookie))

    assert found is not None
    assert (found.principal.name, found.email) == ("ada", "ada@example.com")
    assert abs((world.clock() - found.auth_time).total_seconds()) < 60
    assert found.sid not in cookie
    assert await login.current(request()) is None


async def test_leaving(world: Made) -> None:
    """The session ends, and the cookie goes."""
    user = await world.user("ada")
    cookie = await world.desk.sessions.start(Session(user.id, user.epoch))
    response = Response()

    await SessionLogin(world.desk).log_out(request(cookie), response)

    assert "Max-Age=0" in response.headers["set-cookie"]
    assert await SessionLogin(world.desk).current(request(cookie)) is None


async def test_where_to_log_in(world: Made) -> None:
    """And back, if it is a path of ours."""
    login = SessionLogin(world.desk)
    path = "/auth/authorize?redirect_uri=https%3A%2F%2Fclient.test%2F&state=a%20b"

    good, bad = (urlsplit(login.login_url(each)) for each in (path, "//evil.test"))

    assert (good.path, parse_qs(good.query)["return_to"]) == ("/auth/login", [path])
    assert parse_qs(bad.query)["return_to"] == ["/"]
