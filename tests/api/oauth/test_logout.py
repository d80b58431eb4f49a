"""Logging out at the wish of a client."""

import re
from pathlib import Path

import pytest

from intertie.identity.issuer import For
from tests.api.oauth.stage import ADA, BYE, Stage, stage

pytestmark = pytest.mark.anyio
COOKIE = {"cookie": "session=ada"}


async def still_in(on: Stage) -> bool:
    """Whether a new request finds the session."""
    return not on.login.gone


async def test_a_client_logs_its_user_out(tmp_path: Path) -> None:
    """With the ID token, however old: session and tokens are over, the browser goes on."""
    async with stage(tmp_path) as on:
        told = await on.tokens()
        on.clock.time += 7200
        query = {
            "id_token_hint": told["id_token"],
            "post_logout_redirect_uri": BYE,
            "state": "a b&c",
        }
        got = await on.http.get("/end-session", params=query, headers=COOKIE)
        refreshed = await on.token(grant_type="refresh_token", refresh_token=told["refresh_token"])

        assert (got.status_code, got.headers["location"]) == (303, f"{BYE}?state=a+b%26c")
        assert 'session=""' in got.headers["set-cookie"]
        assert got.headers["cache-control"] == "no-store"
        assert not await still_in(on)
        assert refreshed.json()["error"] == "invalid_grant"


async def test_a_link_logs_nobody_out(tmp_path: Path) -> None:
    """Without the session's ID token the user is asked, in a page that nobody frames."""
    async with stage(tmp_path) as on:
        other = on.server.parts.issuer.sign(
            {"sub": "eve", "aud": "web", "sid": "s9"},
            typ="JWT",
            now=on.server.now(),
            lifetime_s=60,
        )
        for query in ({}, {"id_token_hint": other}, {"confirm": "x"}, {"client_id": "web"}):
            got = await on.http.get("/end-session", params=query, headers=COOKIE)
            assert got.status_code == 200
            assert "Log out?" in got.text
            assert "frame-ancestors 'none'" in got.headers["content-security-policy"]
            assert await still_in(on)


async def test_a_user_who_says_yes_is_logged_out(tmp_path: Path) -> None:
    """By the page that asked, and goes where the client wanted."""
    async with stage(tmp_path) as on:
        query = {"client_id": "web", "post_logout_redirect_uri": BYE, "state": '"><b>'}
        page = (await on.http.get("/end-session", params=query, headers=COOKIE)).text
        assert "<b>" not in page
        mark = re.search(r'name="confirm" value="([^"]+)"', page)
        assert mark is not None
        told = {**query, "confirm": mark[1]}
        got = await on.http.post("/end-session", data=told, headers=COOKIE)

        assert got.headers["location"].startswith(f"{BYE}?state=")
        assert not await still_in(on)


@pytest.mark.parametrize("uri", ["https://evil.test/", BYE + "/", "https://web.test/done?x=1"])
async def test_nobody_is_sent_to_an_address_that_is_not_registered(
    tmp_path: Path, uri: str
) -> None:
    """And the session stays."""
    async with stage(tmp_path) as on:
        hint = (await on.tokens())["id_token"]
        for query in ({"id_token_hint": hint}, {"client_id": "web"}, {}):
            got = await on.http.get(
                "/end-session", params={**query, "post_logout_redirect_uri": uri}, headers=COOKIE
            )
            assert got.status_code == 400
            assert "location" not in got.headers
        assert await still_in(on)


async def test_a_hint_must_be_an_id_token_of_the_client(tmp_path: Path) -> None:
    """Signed by us, of this kind and for it."""
    async with stage(tmp_path) as on:
        told = await on.tokens()
        access = on.server.parts.issuer.mint_for(ADA, For("web"), now=on.server.now())
        faulty = [
            {"id_token_hint": told["id_token"] + "A"},
            {"id_token_hint": told["id_token"], "client_id": "spa"},
            {"id_token_hint": access},
            {"id_token_hint": "x"},
        ]
        got = [await on.http.get("/end-session", params=each, headers=COOKIE) for each in faulty]

        assert [each.status_code for each in got] == [400] * 4
        assert await still_in(on)


async def test_who_is_not_logged_in_just_goes_on(tmp_path: Path) -> None:
    """There is nothing to end."""
    async with stage(tmp_path) as on:
        page = await on.http.get("/end-session")
        way = {"client_id": "web", "post_logout_redirect_uri": BYE}
        got = await on.http.get("/end-session", params=way)

    assert "You are logged out" in page.text
    assert got.headers["location"] == BYE
