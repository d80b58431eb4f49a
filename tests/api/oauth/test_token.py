"""Codes, refresh tokens and secrets become access tokens."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from intertie.identity.tokens import base64url
from intertie.identity.tokens.grant import Grant
from intertie.identity.tokens.jwk import Keys
from intertie.identity.tokens.jws import Claims, Policy, Refusal, verify
from tests.api.oauth.stage import ADA, SCOPES, URL, Stage, stage
from tests.identity.tokens.stage import START

pytestmark = pytest.mark.anyio


async def claims_of(on: Stage, token: str, audience: str = "gate", typ: str = "at+jwt") -> Claims:
    """Of a good token, checked by the published keys."""
    keys = Keys.parse((await on.http.get("/.well-known/jwks.json")).json())
    found = verify(token, keys, Policy(URL, audience, typ), now=on.clock())
    assert not isinstance(found, Refusal), found
    return found


async def test_a_code_gives_tokens(tmp_path: Path) -> None:
    """For the gateway, for the client, and one to get more."""
    async with stage(tmp_path) as on:
        got = await on.redeem(await on.code())
        told = got.json()
        access = await claims_of(on, told["access_token"])
        identity = await claims_of(on, told["id_token"], "web", "jwt")

    assert got.headers["cache-control"] == "no-store"
    assert (told["token_type"], told["expires_in"]) == ("Bearer", 3600)
    assert (told["scope"], access["scope"]) == ("openid orders", "openid orders")
    assert (access["sub"], access["client_id"], access["tenant"]) == ("ada", "web", "acme")
    assert json.loads(access["user"])["scopes"] == ["openid", "orders"]
    half = hashlib.sha256(told["access_token"].encode()).digest()[:16]
    assert identity["at_hash"] == base64url.encode(half)
    assert (identity["nonce"], identity["auth_time"]) == ("n1", int(START))
    assert (identity["sid"], access["sid"]) == ("s1", "s1")
    assert "email" not in identity


async def test_an_id_token_is_no_access_token(tmp_path: Path) -> None:
    """Neither the other way round, though one key signs both."""
    async with stage(tmp_path) as on:
        told = await on.tokens()

        assert (await on.userinfo(told["id_token"])).status_code == 401


async def test_without_openid_there_is_no_id_token(tmp_path: Path) -> None:
    """The client gets what it asked for, and everything when it asked for nothing."""
    async with stage(tmp_path) as on:
        less = await on.tokens(scope="orders")
        more = await on.tokens(scope=None)

    assert "id_token" not in less
    assert set(more["scope"].split(" ")) == set(SCOPES)


async def test_a_code_used_twice_ends_what_it_gave(tmp_path: Path) -> None:
    """Somebody else had it."""
    async with stage(tmp_path) as on:
        code = await on.code()
        told = (await on.redeem(code)).json()
        again = await on.redeem(code)
        refreshed = await on.token(grant_type="refresh_token", refresh_token=told["refresh_token"])

        assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
        assert (await on.userinfo(told["access_token"])).status_code == 401
        assert refreshed.json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "other",
    [
        {"code_verifier": "w" * 43},
        {"redirect_uri": "https://app.test/done"},
        {"code": "guess"},
    ],
)
async def test_a_code_needs_its_proof(tmp_path: Path, other: dict[str, str]) -> None:
    """The verifier and the address of the request."""
    async with stage(tmp_path) as on:
        got = await on.redeem(**{"code": await on.code(), **other})

    assert (got.status_code, got.json()["error"]) == (400, "invalid_grant")


async def test_another_client_cannot_use_the_code(tmp_path: Path) -> None:
    """Though it proves who it is."""
    async with stage(tmp_path) as on:
        code = await on.code()
        got = await on.redeem(code, client_id="spa")
        public = await on.token(
            secret=None,
            grant_type="authorization_code",
            client_id="spa",
            code=code,
            redirect_uri="https://web.test/done?x=1",
            code_verifier="v" * 43,
        )

    assert got.json()["error"] == "invalid_request"
    assert public.json()["error"] == "invalid_grant"


async def test_without_refresh_tokens_nobody_has_one(tmp_path: Path) -> None:
    """None is given, and one from before is worth nothing."""
    async with stage(tmp_path, has_refresh=False) as on:
        told = await on.tokens()
        grant = Grant("g", "web", ADA, ("openid",), "s", int(START))
        before = await on.server.parts.refresh.start(grant)
        refused = await on.token(grant_type="refresh_token", refresh_token=before)
        known = await on.http.get("/.well-known/openid-configuration")

    assert "refresh_token" not in told
    assert refused.json()["error"] == "unsupported_grant_type"
    assert "refresh_token" not in known.json()["grant_types_supported"]


async def test_refreshing_gives_a_new_token_each_time(tmp_path: Path) -> None:
    """With fewer scopes when asked for, which the next one has again."""
    async with stage(tmp_path) as on:
        first = (await on.tokens())["refresh_token"]
        less = (
            await on.token(grant_type="refresh_token", refresh_token=first, scope="orders")
        ).json()
        second = less["refresh_token"]
        wide = await on.token(grant_type="refresh_token", refresh_token=second, scope="email")
        full = (await on.token(grant_type="refresh_token", refresh_token=second)).json()

    assert less["scope"] == "orders"
    assert wide.json()["error"] == "invalid_scope"
    assert full["scope"] == "openid orders"
    assert len({first, second, full["refresh_token"]}) == 3


async def test_reuse_ends_the_session(tmp_path: Path) -> None:
    """All tokens of it, and the user has to log in again."""
    async with stage(tmp_path) as on:
        first = await on.tokens()
        second = (
            await on.token(grant_type="refresh_token", refresh_token=first["refresh_token"])
        ).json()
        on.clock.time += 21
        reused = await on.token(grant_type="refresh_token", refresh_token=first["refresh_token"])

        assert reused.json()["error"] == "invalid_grant"
        assert (await on.userinfo(second["access_token"])).status_code == 401
        assert (await on.authorize()).headers["location"].startswith("/auth/login?")


async def test_a_user_is_looked_at_again(tmp_path: Path) -> None:
    """A role taken away is not in the next token; who may not come in gets none."""
    async with stage(tmp_path) as on:
        token = (await on.tokens())["refresh_token"]
        on.people["ada"] = replace(ADA, roles=("user",))
        less = (await on.token(grant_type="refresh_token", refresh_token=token)).json()
        claims = await claims_of(on, less["access_token"])
        on.people["ada"] = None
        none = await on.token(grant_type="refresh_token", refresh_token=less["refresh_token"])

        assert claims["roles"] == ["user"]
        assert none.json()["error"] == "invalid_grant"
        assert (await on.userinfo(less["access_token"])).status_code == 401


async def test_a_client_acts_for_itself(tmp_path: Path) -> None:
    """As a service, with its own roles, and without a refresh token."""
    async with stage(tmp_path) as on:
        told = (await on.token(grant_type="client_credentials", scope="orders")).json()
        claims = await claims_of(on, told["access_token"])

    assert (claims["principal"], claims["roles_text"]) == ("service:web", ",reader,")
    assert (claims["tenant"], claims["scope"]) == ("acme", "orders")
    assert "sid" not in claims
    assert {"refresh_token", "id_token"}.isdisjoint(told)


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ({"scope": "openid"}, "invalid_request"),
        ({"grant_type": "password", "username": "ada"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials", "scope": "root"}, "invalid_scope"),
        ({"grant_type": "authorization_code"}, "invalid_request"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "a.b.c"}, "invalid_grant"),
    ],
)
async def test_a_faulty_request_is_told_so(
    tmp_path: Path, told: dict[str, str], error: str
) -> None:
    """In the words of RFC 6749."""
    async with stage(tmp_path) as on:
        got = await on.token(**told)

    assert (got.status_code, got.json()["error"]) == (400, error)
    assert got.headers["cache-control"] == "no-store"


async def test_a_client_uses_only_what_it_may(tmp_path: Path) -> None:
    """The public one does not act for itself."""
    async with stage(tmp_path) as on:
        got = await on.token(secret=None, client_id="spa", grant_type="client_credentials")

    assert (got.status_code, got.json()["error"]) == (400, "unauthorized_client")
