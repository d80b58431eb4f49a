"""What is known of a token, and its end."""

from pathlib import Path

import httpx
import pytest

from intertie.identity.issuer import For
from tests.api.oauth.stage import ADA, ASKS_SECRET, Loose, Stage, basic, stage

pytestmark = pytest.mark.anyio


async def ask(on: Stage, path: str, token: str, name: str = "web") -> httpx.Response:
    """As the confidential client, or a name only."""
    if name == "web":
        headers = {"authorization": basic("web", on.secret)}
        return await on.http.post(path, data={"token": token}, headers=headers)
    return await on.http.post(path, data={"token": token, "client_id": name})


async def introspected(on: Stage, token: str) -> Loose:
    """What `web` is told."""
    found: Loose = (await ask(on, "/introspect", token)).json()
    return found


async def test_a_client_learns_who_the_user_is(tmp_path: Path) -> None:
    """As much as the scopes give."""
    async with stage(tmp_path) as on:
        little = await on.userinfo((await on.tokens(scope="openid"))["access_token"])
        full = await on.userinfo((await on.tokens(scope="openid profile email"))["access_token"])

    assert little.json() == {"sub": "ada"}
    assert full.json() == {
        "sub": "ada",
        "name": "Ada",
        "roles": ["admin", "user"],
        "groups": ["staff"],
        "tenant": "acme",
        "email": "ada@example.com",
        "email_verified": True,
    }
    assert full.headers["cache-control"] == "no-store"


async def test_only_a_good_token_tells(tmp_path: Path) -> None:
    """Not none, an old one, one of another audience, one without the scope."""
    async with stage(tmp_path) as on:
        issuer, now = on.server.parts.issuer, on.server.now()
        got = [
            await on.http.get("/userinfo"),
            await on.userinfo("x.y.z"),
            await on.userinfo(issuer.mint_for(ADA, For("other", scope="openid"), now=now)),
            await on.userinfo(
                issuer.mint_for(ADA, For("gate", scope="openid"), now=now, lifetime_s=-100)
            ),
            await on.userinfo((await on.tokens(scope="orders"))["access_token"]),
        ]

    assert [each.status_code for each in got] == [401, 401, 401, 401, 403]
    assert all(each.headers["www-authenticate"].startswith("Bearer") for each in got)
    assert 'error="insufficient_scope"' in got[4].headers["www-authenticate"]


async def test_a_client_asks_about_its_tokens(tmp_path: Path) -> None:
    """Of both kinds; of a bad one it learns nothing but that."""
    async with stage(tmp_path) as on:
        told = await on.tokens()
        access = await introspected(on, told["access_token"])
        refresh = await introspected(on, told["refresh_token"])
        bad = [await introspected(on, token) for token in ("x", "a.b.c", told["id_token"])]

    assert (access["active"], access["sub"], access["client_id"]) == (True, "ada", "web")
    assert access["scope"] == "openid orders"
    assert (refresh["active"], refresh["sub"]) == (True, "ada")
    assert bad == [{"active": False}] * 3


async def test_tokens_of_others_are_for_who_may_ask(tmp_path: Path) -> None:
    """A service that is shown them; no other client, and nobody without a secret."""
    async with stage(tmp_path) as on:
        token = on.server.parts.issuer.mint_for(
            ADA, For("gate", client_id="spa", scope="openid"), now=on.server.now()
        )
        headers = {"authorization": basic("asks", ASKS_SECRET)}
        asks = await on.http.post("/introspect", data={"token": token}, headers=headers)
        web = await introspected(on, token)
        spa = await ask(on, "/introspect", token, "spa")

    assert asks.json()["active"]
    assert web == {"active": False}
    assert (spa.status_code, spa.json()["error"]) == (400, "unauthorized_client")


async def test_a_revoked_token_is_over(tmp_path: Path) -> None:
    """An access token alone, a refresh token with all of its grant."""
    async with stage(tmp_path) as on:
        one, two = await on.tokens(), await on.tokens()
        got = [
            await ask(on, "/revoke", one["access_token"]),
            await ask(on, "/revoke", two["refresh_token"]),
        ]

        assert [each.status_code for each in got] == [200, 200]
        assert (await on.userinfo(one["access_token"])).status_code == 401
        assert (await introspected(on, one["refresh_token"]))["active"]
        assert (await on.userinfo(two["access_token"])).status_code == 401
        assert not (await introspected(on, two["refresh_token"]))["active"]


async def test_nobody_revokes_what_is_not_theirs(tmp_path: Path) -> None:
    """Nor learns that it exists; what is no token is revoked already."""
    async with stage(tmp_path) as on:
        told = await on.tokens()
        got = [
            await ask(on, "/revoke", told["access_token"], "spa"),
            await ask(on, "/revoke", told["refresh_token"], "spa"),
            await ask(on, "/revoke", "x", "spa"),
            await ask(on, "/revoke", "x", "nobody"),
        ]

        assert [each.status_code for each in got] == [200, 200, 200, 401]
        assert (await on.userinfo(told["access_token"])).status_code == 200
        assert (await introspected(on, told["refresh_token"]))["active"]


@pytest.mark.parametrize("path", ["/revoke", "/introspect"])
async def test_a_token_must_be_told(tmp_path: Path, path: str) -> None:
    """Or the request is faulty."""
    async with stage(tmp_path) as on:
        got = await ask(on, path, "")

    assert got.json()["error"] == "invalid_request"
