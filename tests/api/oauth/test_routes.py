"""The endpoints at their paths, as a foreign client finds them."""

import json
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from anyio import create_task_group, to_thread
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from intertie.api.oauth.routes import oauth_routes
from intertie.api.server import ApiServer
from intertie.errors import StoreError
from tests.api.oauth.stage import Loose, Stage, stage
from tests.npm_peer import NODE, installed

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[3]
CLIENT = Path(__file__).parent / "openid_client"


@pytest.fixture(scope="session")
def foreign() -> Path:
    """The client with our script beside it, installed once and shared by all runs."""
    return installed(CLIENT)


@asynccontextmanager
async def serving(on: Stage, listener: socket.socket) -> AsyncIterator[None]:
    """The same server on a real socket."""

    async def new_session(_: Request) -> Response:
        on.login.again()
        return Response(status_code=204)

    app = FastAPI()
    routes = [*oauth_routes(on.server), Route("/test/new-session", new_session)]
    app.mount("/auth", Starlette(routes=routes))
    async with create_task_group() as group:
        await group.start(lambda task_status: ApiServer(app, listener).run(task_status=task_status))
        try:
            yield
        finally:
            group.cancel_scope.cancel()


async def flow(folder: Path, url: str, secret: str) -> Loose:
    """What the foreign client got."""
    done = await to_thread.run_sync(
        lambda: subprocess.run(
            [NODE, "flow.mjs", url, secret],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    )
    assert done.returncode == 0, done.stderr
    told: Loose = json.loads(done.stdout)
    return told


@pytest.mark.slow
@pytest.mark.timeout(700)
async def test_a_foreign_client_does_all_of_it(tmp_path: Path, foreign: Path) -> None:
    """Discovery, login, refresh, userinfo, introspection, revocation, logout, over a socket."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/auth"
        async with stage(tmp_path, url) as on:
            on.clock.time = on.login.since = time.time()  # the client has no other clock
            async with serving(on, listener):
                told = await flow(foreign, url, on.secret)

    assert len(told["endpoints"]) == 6
    assert (told["claims"]["sub"], told["claims"]["sid"]) == ("ada", "s1")
    assert told["userinfo"]["email"] == "ada@example.com"
    assert (told["codeAgain"], told["afterCodeAgain"]) == ("invalid_grant", "invalid_token")
    assert (told["rotated"], told["retriedIsSame"]) == (True, True)
    assert told["introspected"]["active"]
    assert (told["reused"], told["familyAfterReuse"]) == ("invalid_grant", "invalid_grant")
    assert told["introspectedAfterReuse"] == {"active": False}
    assert told["service"]["sub"] == "web"
    assert told["serviceAfter"] == {"active": False}
    assert told["post"].lower() == "bearer"
    assert (told["wrongSecret"], told["noSecret"]) == ("basic", "unauthorized_client")
    assert told["revokedRefresh"] == "invalid_grant"
    assert told["logout"] == {"status": 303, "to": "https://app.test/bye?state=x+y"}
    assert told["afterLogout"] == "invalid_token"


async def test_methods_are_as_they_should_be(tmp_path: Path) -> None:
    """Tokens are posted, documents are fetched."""
    async with stage(tmp_path) as on:
        got = [await on.http.get(path) for path in ("/token", "/revoke", "/introspect")]
        got.append(await on.http.post("/.well-known/jwks.json"))

    assert [each.status_code for each in got] == [405] * 4


async def test_a_store_that_fails_is_told_without_its_reason(tmp_path: Path) -> None:
    """In the form that clients know; they may try again."""
    async with stage(tmp_path) as on:
        (tmp_path / "keys" / "issuer.json").write_text("{damaged")
        got = await on.http.get("/.well-known/jwks.json")
        with pytest.raises(StoreError):
            on.server.parts.issuer.jwks()

    assert (got.status_code, got.json()["error"]) == (503, "temporarily_unavailable")
    assert "damaged" not in got.text
