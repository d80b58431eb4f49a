"""What the pages believe of a request, and the headers of their answers."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from intertie.api.login.app import login_routes
from intertie.suite.identity import Tenant
from tests.api.login.site import PASSWORD, TESTER, Made, made

pytestmark = pytest.mark.anyio
URL = "https://app.test"


@asynccontextmanager
async def asking(world: Made, base: str = URL) -> AsyncIterator[httpx.AsyncClient]:
    """A client with cookies, which follows no redirects."""
    transport = httpx.ASGITransport(Starlette(routes=login_routes(world.desk)))
    async with httpx.AsyncClient(transport=transport, base_url=base) as client:
        yield client


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Made]:
    """A suite with a tenant of its own host."""
    tenants = {"acme": Tenant(domains=("acme.test",), session_duration=60)}
    async with made(tmp_path / "suite", {}, url=URL, tenants=tenants) as found:
        yield found


@pytest.fixture
async def client(world: Made) -> AsyncIterator[httpx.AsyncClient]:
    """See asking."""
    async with asking(world) as found:
        yield found


async def mark(client: httpx.AsyncClient, path: str = "/auth/login") -> str:
    """The form's own mark."""
    page = (await client.get(path)).text
    found: str = re.findall(r'name="mark" value="([^"]+)"', page)[0]
    return found


async def log_in(client: httpx.AsyncClient, login: str, **more: str) -> httpx.Response:
    """By the form."""
    fields = {"mark": await mark(client), "login": login, "password": PASSWORD, **more}
    return await client.post("/auth/login", data=fields)


async def test_a_login_by_form(world: Made, client: httpx.AsyncClient) -> None:
    """The page after it leads on without a script, and nowhere else than to a path of ours."""
    await world.user("ada")

    good = await log_in(client, "ada", return_to="/wanted?a=1")
    client.cookies.clear()
    away = await log_in(client, "ada", return_to="//evil.test")

    assert '<meta http-equiv="refresh" content="0;url=/wanted?a=1">' in good.text
    assert "evil" not in away.text
    assert 'content="0;url=/"' in away.text


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({"mark": ""}, {}),
        ({"mark": "00000000.00"}, {}),
        ({}, {"origin": "https://evil.test"}),
        ({}, {"origin": "null"}),
        ({}, {"origin": "http://app.test"}),
        ({}, {"sec-fetch-site": "cross-site"}),
        ({}, {"sec-fetch-site": "same-site"}),
        ({}, {"cookie": ""}),
        ({}, {"content-type": "text/plain"}),
        ({"more": "x" * 70_000}, {}),
        ({str(n): "x" for n in range(100)}, {}),
    ],
)
async def test_a_form_of_somebody_else_is_refused(
    world: Made, client: httpx.AsyncClient, fields: dict[str, str], headers: dict[str, str]
) -> None:
    """Without our mark, from another page, or not like a form of ours."""
    await world.user("ada")
    good = {"mark": await mark(client), "login": "ada", "password": PASSWORD}

    answer = await client.post("/auth/login", data={**good, **fields}, headers=headers)

    assert answer.status_code == 403
    assert "__Host-intertie=" not in str(answer.headers.get_list("set-cookie"))
    assert 'role="alert"' in answer.text


async def test_the_mark_is_of_one_browser(world: Made, client: httpx.AsyncClient) -> None:
    """That of another browser is worth nothing here."""
    await world.user("ada")
    async with asking(world) as other:
        foreign = await mark(other)
    await mark(client)

    fields = {"mark": foreign, "login": "ada", "password": PASSWORD}
    assert (await client.post("/auth/login", data=fields)).status_code == 403


async def test_each_answer_has_its_headers(client: httpx.AsyncClient) -> None:
    """Nothing is kept, framed, or fetched; errors too."""
    for path in ("/auth/login", "/auth/me", "/auth/logout", "/auth/start/none", "/auth/second"):
        headers = (await client.get(path)).headers
        assert headers["cache-control"] == "no-store"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


async def test_a_request_does_not_say_where_we_are(world: Made, client: httpx.AsyncClient) -> None:
    """`Host` and `X-Forwarded-…` of strangers change no address."""
    headers = {"host": "evil.test", "x-forwarded-host": "evil.test", "x-forwarded-proto": "http"}
    await world.user("ada")

    page = await client.get("/auth/login?return_to=https://evil.test/", headers=headers)
    answer = await client.get("/auth/logged-out", headers=headers)

    assert "evil" not in page.text + answer.text + str(page.headers) + str(answer.headers)


async def test_a_tenant_s_host_is_for_its_users(world: Made) -> None:
    """The same login is another user there, with the tenant's own session duration."""
    await world.user("ada")
    await world.user("ada", tenant="acme", name="Other")
    async with asking(world, "https://acme.test") as there:
        answer = await log_in(there, "ada")
        told: dict[str, Any] = (await there.get("/auth/me")).json()

    assert told["tenant"] == "acme"
    assert "Max-Age=60" in str(answer.headers.get_list("set-cookie"))


async def test_a_parameter_twice_is_refused(client: httpx.AsyncClient) -> None:
    """Which of the two counts would be a guess."""
    assert (await client.get("/auth/login?return_to=/a&return_to=/b")).status_code == 403


async def test_guessing_is_answered_with_a_wait(client: httpx.AsyncClient) -> None:
    """As long as the header says; from one address, whatever the login."""
    seen = mark(client)
    fields = {"mark": await seen, "login": "nobody", "password": "guess"}
    for _ in range(5):
        assert (await client.post("/auth/login", data=fields)).status_code == 403

    answer = await client.post("/auth/login", data=fields)

    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1


async def test_a_storage_that_is_gone_is_told_plainly(tmp_path: Path) -> None:
    """No traceback, no inner names."""
    async with made(tmp_path / "suite", {}, url=URL) as gone:
        pass
    async with asking(gone) as client:
        answer = await client.get("/auth/me", headers={"cookie": f"__Host-intertie={'A' * 43}"})

    assert answer.status_code == 503
    assert "Traceback" not in answer.text
    assert "sqlite" not in answer.text.lower()
    assert TESTER.name not in answer.text
