"""A browser comes with a client's request, and leaves with a code."""

from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.api.oauth.stage import BYE, CHALLENGE, DONE, URL, sent_back, stage

pytestmark = pytest.mark.anyio


async def test_a_user_comes_back_with_a_code(tmp_path: Path) -> None:
    """And with the client's state and the name of the server (RFC 9207); nothing is kept."""
    async with stage(tmp_path) as on:
        got = await on.authorize()

    back = sent_back(got)
    assert (back["state"], back["iss"], back["x"]) == ("st", URL, "1")
    assert len(back["code"]) > 40
    assert got.headers["cache-control"] == "no-store"
    assert got.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "other",
    [
        {"client_id": "nobody"},
        {"client_id": None},
        {"redirect_uri": None},
        {"redirect_uri": "https://evil.test/"},
        {"redirect_uri": DONE + "/"},
        {"redirect_uri": DONE.upper()},
        {"redirect_uri": DONE + "&y=2"},
        {"redirect_uri": DONE.replace("https", "http")},
        {"redirect_uri": "https://web.test/done"},
        {"redirect_uri": BYE},
        {"redirect_uri": "https://web.test@evil.test/done?x=1"},
    ],
)
async def test_nobody_is_sent_to_an_address_that_is_not_registered(
    tmp_path: Path, other: dict[str, str | None]
) -> None:
    """Letter by letter: the browser is told, and goes nowhere."""
    async with stage(tmp_path) as on:
        got = await on.authorize(**other)

    assert got.status_code == 400
    assert "location" not in got.headers
    assert got.text.startswith("cannot log in: ")
    assert "evil" not in got.text


@pytest.mark.parametrize(
    ("other", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": CHALLENGE + "="}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"scope": "openid root"}, "invalid_scope"),
        ({"scope": " "}, "invalid_scope"),
        ({"prompt": "consent"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "٣"}, "invalid_request"),
        ({"nonce": "n" * 513}, "invalid_request"),
        ({"request": "e30.e30."}, "request_not_supported"),
        ({"request_uri": "https://evil.test"}, "request_uri_not_supported"),
    ],
)
async def test_a_faulty_request_goes_back_to_the_client(
    tmp_path: Path, other: dict[str, str | None], error: str
) -> None:
    """With what is wrong, its state and the name of the server, and without a code."""
    async with stage(tmp_path) as on:
        back = sent_back(await on.authorize(**other))

    assert (back["error"], back["state"], back["iss"]) == (error, "st", URL)
    assert "code" not in back


async def test_who_is_not_logged_in_goes_to_the_login_page_and_comes_back(tmp_path: Path) -> None:
    """To the same request."""
    async with stage(tmp_path) as on:
        to = (await on.authorize_nobody()).headers["location"]
        return_to = dict(parse_qsl(urlsplit(to).query))["return_to"]
        assert return_to.startswith("/auth/authorize?")
        got = await on.http.get(return_to.removeprefix("/auth"), headers={"cookie": "session=ada"})

    assert sent_back(got)["code"]


async def test_who_may_not_be_asked_is_not(tmp_path: Path) -> None:
    """`prompt=none` gives a code, or says that a login is needed."""
    async with stage(tmp_path) as on:
        assert "code" in sent_back(await on.authorize(prompt="none"))
        back = sent_back(await on.authorize_nobody(prompt="none"))
        on.clock.time += 100
        old = sent_back(await on.authorize(prompt="none", max_age="99"))

    assert (back["error"], back["state"]) == ("login_required", "st")
    assert old["error"] == "login_required"


async def test_a_client_may_ask_for_a_new_login(tmp_path: Path) -> None:
    """`prompt=login`: the old one does not do, nor a request that says it was done."""
    async with stage(tmp_path) as on:
        on.clock.time += 100
        to = (await on.authorize(prompt="login")).headers["location"]
        return_to = dict(parse_qsl(urlsplit(to).query))["return_to"].removeprefix("/auth")
        cookie = {"cookie": "session=ada"}
        again = await on.http.get(return_to, headers=cookie)
        forged = await on.authorize(prompt="login", login_since="0", login_mark="x")
        odd = await on.authorize(prompt="login", login_since="x", login_mark="x")
        on.login.again()
        done = await on.http.get(return_to, headers=cookie)

    for each in (again, forged, odd):
        assert each.headers["location"].startswith("/auth/login?")
    assert "code" in sent_back(done)


async def test_a_login_may_not_be_older_than_asked(tmp_path: Path) -> None:
    """By `max_age`."""
    async with stage(tmp_path) as on:
        on.clock.time += 100
        assert "code" in sent_back(await on.authorize(max_age="100"))
        got = await on.authorize(max_age="99")

    assert got.headers["location"].startswith("/auth/login?")


async def test_a_session_whose_tokens_were_stolen_is_over(tmp_path: Path) -> None:
    """The user logs in again, in a new one."""
    async with stage(tmp_path) as on:
        await on.server.parts.revocations.revoke_session("s1")
        got = await on.authorize()
        assert got.headers["location"].startswith("/auth/login?")
        assert 'session=""' in got.headers["set-cookie"]
        on.login.again()

        assert "code" in sent_back(await on.authorize())


async def test_a_parameter_told_twice_is_refused(tmp_path: Path) -> None:
    """And so is a request that is too long or of a client that may not send users."""
    async with stage(tmp_path) as on:
        twice = await on.http.get(f"/authorize?client_id=web&client_id=spa&redirect_uri={DONE}")
        long = await on.authorize(state="x" * 9000)
        asks = await on.authorize(client_id="asks")

    assert [each.status_code for each in (twice, long, asks)] == [400, 400, 400]


async def test_a_form_does_as_well(tmp_path: Path) -> None:
    """OpenID Connect asks for both."""
    async with stage(tmp_path) as on:
        told = {
            "client_id": "web",
            "redirect_uri": DONE,
            "response_type": "code",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        got = await on.http.post("/authorize", data=told, headers={"cookie": "session=ada"})

    assert "code" in sent_back(got)
