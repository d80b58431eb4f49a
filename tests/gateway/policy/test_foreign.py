"""Tokens of foreign issuers, through a real Envoy."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio import create_task_group, fail_after
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import ECKey

from intertie.api.listen import bind
from intertie.api.server import ApiServer
from intertie.identity.issuer import ISSUER
from tests.gateway.stage import client, door, suite_of, upstream
from tests.gateway.stage import now as present

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

KEY = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256", "kid": "theirs"})
NEXT = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256", "kid": "next"})
THEIRS = "https://idp.example"
SECURITY = {
    "authentication": {
        "issuers": [
            {
                "issuer": THEIRS,
                "audiences": ["shop"],
                "jwks_file": "keys.json",
                "roles_claim": "realm.roles",
            }
        ]
    }
}


def token(key: ECKey = KEY, **claims: Any) -> dict[str, str]:
    """Signed by the foreign issuer."""
    told = {
        "iss": THEIRS,
        "aud": "shop",
        "sub": "zoe",
        "exp": int(present().timestamp()) + 600,
        **claims,
    }
    text = jwt.encode({"alg": "ES256", "kid": key.kid}, told, key)
    return {"authorization": f"Bearer {text}"}


async def test_a_foreign_token_opens_what_it_may(tmp_path: Path) -> None:
    """By its own claim of roles; it is no user of ours, whatever it calls itself."""
    routes = (
        {"path": "/a", "service": "web"},
        {"path": "/b", "service": "web", "roles": ["admin"]},
    )
    keys = json.dumps({"keys": [KEY.as_dict(private=False)]})
    known = {"files": {"keys.json": keys}}
    async with (
        upstream("web") as web,
        door(
            tmp_path, suite_of(*routes, security=SECURITY), {"web": [web.port]}, known=known
        ) as made,
        client(made) as http,
    ):

        async def status(path: str, **claims: Any) -> int:
            return (await http.get(path, headers=token(**claims))).status_code

        assert await status("/a") == 200
        assert await status("/a", aud="other") == 403
        assert await status("/a", iss=ISSUER, aud="intertie") == 401
        assert await status("/b") == 403
        assert await status("/b", realm={"roles": ["admin"]}) == 200
        assert await status("/b", roles=["admin"], roles_text=",admin,") == 403
        assert await status("/a", sub="user:ada") == 401
        assert (await http.get("/a", headers=made.bearer())).status_code == 200
        told = (await http.get("/a", headers=token(user='{"sub":"ada"}'))).json()
        assert "x-forwarded-user" not in told["headers"]
        assert told["headers"]["x-client-id"] == "zoe"


async def test_keys_are_fetched_from_an_address_again_and_again(tmp_path: Path) -> None:
    """A key that the issuer begins to use is known within `jwks_cache`; one it ends is not."""
    keys = [KEY]

    async def published() -> dict[str, Any]:
        return {"keys": [each.as_dict(private=False) for each in keys]}

    app = FastAPI(openapi_url=None)
    app.add_api_route("/keys", published)
    listener = bind("127.0.0.1", 0)
    uri = f"http://127.0.0.1:{listener.getsockname()[1]}/keys"
    issuer = {"issuer": THEIRS, "audiences": ["shop"], "jwks_uri": uri, "jwks_cache": "1s"}
    suite = suite_of(
        {"path": "/a", "service": "web"}, security={"authentication": {"issuers": [issuer]}}
    )
    async with create_task_group() as group:
        await group.start(ApiServer(app, listener).run)
        async with (
            upstream("web") as web,
            door(tmp_path, suite, {"web": [web.port]}) as made,
            client(made) as http,
        ):
            await until(http, [200, 401])
            keys[:] = [NEXT]
            await until(http, [401, 200])
        group.cancel_scope.cancel()


async def until(http: httpx.AsyncClient, wanted: list[int]) -> None:
    """Ask until tokens of KEY and NEXT are answered so."""
    with fail_after(60):
        while True:
            sent = [token(key) for key in (KEY, NEXT)]
            got = [(await http.get("/a", headers=each)).status_code for each in sent]
            if got == wanted:
                return
