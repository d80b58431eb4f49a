"""Tokens that are no longer good, as a real Envoy sees it."""

import json
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from intertie.gateway.policy.revoked import NAME
from intertie.identity.issuer import For
from intertie.identity.principal import Principal
from intertie.identity.tokens.revocation import Kind, Revoked
from intertie.suite.identity import Identity
from tests.gateway.stage import Door, client, door, now, suite_of, upstream

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ADA = Principal("user", "ada", tenant="acme")


@asynccontextmanager
async def guarded(folder: Path) -> AsyncIterator[tuple[Door, httpx.AsyncClient]]:
    """A gateway of a suite whose tokens can be revoked."""
    suite = suite_of({"path": "/", "service": "web"})
    suite = suite.model_copy(update={"identity": Identity()})
    async with (
        upstream("web") as web,
        door(folder, suite, {"web": [web.port]}) as made,
        client(made) as http,
    ):
        yield made, http


def token(made: Door, who: Principal = ADA, *, ago_s: float = 0, sid: str = "s1") -> str:
    """One of somebody, made some time ago."""
    issued = now() - timedelta(seconds=ago_s)
    return made.issuer.mint_for(who, For("intertie", sid=sid, grant=f"g-{sid}"), now=issued)


def claims(text: str) -> dict[str, str]:
    """What the token says."""
    part = text.split(".")[1]
    found: dict[str, str] = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


async def asked(http: httpx.AsyncClient, text: str) -> httpx.Response:
    """The answer to a request with this token."""
    return await http.get("/", headers={"authorization": f"Bearer {text}"})


@pytest.mark.parametrize("kind", ["jti", "sid", "grant"])
async def test_a_revoked_token_is_refused_within_one_publish(tmp_path: Path, kind: Kind) -> None:
    """With what a client needs to know; others of the same user stay good."""
    async with guarded(tmp_path) as (made, http):
        gone, good = token(made, sid="s1"), token(made, sid="s2")
        value = claims(gone)[kind]
        before = await asked(http, gone)
        made.known["revoked"] = (Revoked("jti", "other"), Revoked(kind, value))
        await made.controller.refresh()
        refused, passed = await asked(http, gone), await asked(http, good)

    assert (before.status_code, refused.status_code, passed.status_code) == (200, 401, 200)
    assert refused.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] == "token_revoked"


async def test_who_logs_in_again_is_let_in(tmp_path: Path) -> None:
    """Of a revoked user only what was issued until then is refused; so is no other's."""
    bob, elsewhere = Principal("user", "bob", tenant="acme"), Principal("user", "ada")
    async with guarded(tmp_path) as (made, http):
        cut = int(now().timestamp()) - 60
        made.known["revoked"] = (Revoked("subject", "user:ada", "acme", cut),)
        await made.controller.refresh()
        old = [token(made, ago_s=90), token(made, ago_s=62)]
        good = [token(made), token(made, bob, ago_s=90), token(made, elsewhere, ago_s=90)]
        refused = [(await asked(http, each)).status_code for each in old]
        passed = [(await asked(http, each)).status_code for each in good]

    assert refused == [401, 401]
    assert passed == [200, 200, 200]


async def test_a_revocation_moves_no_route(tmp_path: Path) -> None:
    """One file changes, and no other filter forgets what it counted."""
    async with guarded(tmp_path) as (made, _):
        files = {path: path.read_text() for path in made.run.glob("xds/*.json")}
        made.known["revoked"] = (Revoked("jti", "j"),)
        await made.controller.refresh()
        changed = {path.name for path, text in files.items() if path.read_text() != text}

    assert changed == {f"filter.{NAME}.json"}
