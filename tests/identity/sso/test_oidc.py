"""The code flow, against a provider that misbehaves."""

import base64
import hashlib
from collections.abc import AsyncIterator

import pytest
from starlette.responses import JSONResponse, Response

from intertie.identity.sso import LoginRefusedError, ProviderError
from intertie.identity.sso.flows import Flow
from intertie.identity.sso.oidc import GrantEndedError, Oidc
from tests.identity.sso.idp import ISSUER, LOGOUT, T0, Loose, Provider, client, new_key, query

pytestmark = pytest.mark.anyio
BACK = "https://app.test/auth/callback/corporate"


@pytest.fixture
def provider() -> Provider:
    """A good one, until a test says otherwise."""
    return Provider()


@pytest.fixture
async def oidc(provider: Provider) -> AsyncIterator[Oidc]:
    """The suite's side."""
    async with client(provider) as found:
        yield found


@pytest.fixture
def flow(provider: Provider) -> Flow:
    """A login under way; the provider knows its nonce."""
    begun = Flow.begin("corporate", "/", T0)
    provider.claims["nonce"] = begun.nonce
    return begun


def back(flow: Flow, **changed: str) -> Loose:
    """What the browser brings."""
    return {"code": "c", "state": flow.id, "iss": ISSUER, **changed}


async def test_the_browser_is_sent_with_a_challenge(oidc: Oidc, flow: Flow) -> None:
    """Code, PKCE, nonce and state of this flow; only known prompts and plain hints go along."""
    url = await oidc.address(flow, BACK, prompt="login", login_hint="ada@example.com")
    other = await oidc.address(flow, BACK, prompt="none&x=y", login_hint="a\nb")

    asked = query(url)
    digest = hashlib.sha256(flow.verifier.encode()).digest()
    assert asked["code_challenge"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert (asked["state"], asked["nonce"], asked["redirect_uri"]) == (flow.id, flow.nonce, BACK)
    assert (asked["prompt"], asked["login_hint"]) == ("login", "ada@example.com")
    assert {"prompt", "login_hint"}.isdisjoint(query(other))


async def test_a_login(oidc: Oidc, provider: Provider, flow: Flow) -> None:
    """The code is changed for tokens with the verifier and the client's own secret."""
    provider.claims["sid"] = "session-1"

    login = await oidc.finish(flow, back(flow), BACK)

    (form,) = [told for path, told in provider.asked if path == "/token"]
    basic = base64.b64decode(form["authorization"].removeprefix("Basic ")).decode()
    assert (form["code"], form["code_verifier"], form["redirect_uri"]) == ("c", flow.verifier, BACK)
    assert basic == "suite:s3cret%2F%2B"
    assert (login.person.email, login.person.groups) == ("ada@example.com", ("users",))
    assert (login.sid, login.tokens.lasts_s) == ("session-1", 60)
    assert login.tokens.refresh_token not in repr(login)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"iss": "https://other.test"}, "another provider"),
        ({"state": "x"}, "another login"),
        ({"code": ""}, "no code"),
        ({"error": "access_denied"}, "access_denied"),
        ({"error": "x", "error_description": "<b>no</b>"}, "<b>no</b>"),
        ({"code": "c" * 5000}, "too long"),
    ],
)
async def test_an_answer_that_is_not_taken(
    oidc: Oidc, provider: Provider, flow: Flow, changed: dict[str, str], why: str
) -> None:
    """Before any code is sent anywhere."""
    with pytest.raises(LoginRefusedError, match=why):
        await oidc.finish(flow, back(flow, **changed), BACK)

    assert provider.count("/token") == 0


async def test_a_provider_that_says_iss_must_say_it(
    oidc: Oidc, provider: Provider, flow: Flow
) -> None:
    """RFC 9207: an answer without it may be of another provider."""
    answer = back(flow)
    del answer["iss"]

    with pytest.raises(LoginRefusedError, match="another provider"):
        await oidc.finish(flow, answer, BACK)


async def test_another_user_s_information_is_refused(
    oidc: Oidc, provider: Provider, flow: Flow
) -> None:
    """The userinfo must be of whom the ID token is."""
    provider.leaves_out = {"groups"}
    provider.userinfo["sub"] = "s-2"

    with pytest.raises(LoginRefusedError, match="two users"):
        await oidc.finish(flow, back(flow), BACK)


async def test_a_new_key_is_fetched_once(oidc: Oidc, provider: Provider, flow: Flow) -> None:
    """A provider may change keys at any time; made-up ones do not have us ask all the time."""
    await oidc.finish(flow, back(flow), BACK)
    for number in range(5):
        provider.header["kid"] = f"made-up-{number}"
        with pytest.raises(LoginRefusedError):
            await oidc.finish(flow, back(flow), BACK)

    assert provider.count("/jwks") == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (JSONResponse({"error": "invalid_grant"}, 400), GrantEndedError),
        (JSONResponse({"error": "server_error"}, 500), ProviderError),
        (Response("<html>"), ProviderError),
        (JSONResponse({"access_token": "a"}), ProviderError),
        (JSONResponse({"id_token": 1, "access_token": "a"}), ProviderError),
        (Response("x" * (1 << 21)), ProviderError),
        (Response("", 302, {"location": f"{ISSUER}/elsewhere"}), ProviderError),
    ],
)
async def test_tokens_that_are_none(
    oidc: Oidc, provider: Provider, flow: Flow, answer: Response, error: type[Exception]
) -> None:
    """A refusal, a fault, a web page, half an answer, too much of it, another address."""
    provider.token_answer = lambda _: answer

    with pytest.raises(error):
        await oidc.finish(flow, back(flow), BACK)


async def test_a_renewal_is_of_the_same_person(oidc: Oidc, provider: Provider) -> None:
    """Else it ends."""
    login = await oidc.renew("r0", "s-1")

    assert login.tokens.refresh_token
    with pytest.raises(GrantEndedError, match="another user"):
        await oidc.renew("r0", "s-2")


async def test_a_logout_token(oidc: Oidc, provider: Provider) -> None:
    """Names what ends; also when it is signed with a key that is new."""
    token = {name: provider.base()[name] for name in ("iss", "aud", "sub", "iat", "exp")}
    token |= {"jti": "j", "events": {LOGOUT: {}}}
    provider.key = new_key("two")

    ended = await oidc.ended(provider.sign(token))

    assert (ended.subject, ended.sid, ended.jti) == ("s-1", "", "j")


async def test_leaving_at_the_provider(oidc: Oidc, provider: Provider) -> None:
    """With the ID token as a hint; not where it has no such page."""
    url = await oidc.logout_address("idt", "https://app.test/auth/logged-out", "s")
    provider.metadata["end_session_endpoint"] = None

    assert url is not None
    assert url.startswith(f"{ISSUER}/end?x=1&")
    assert query(url)["id_token_hint"] == "idt"
    async with client(provider) as other:
        assert await other.logout_address("", "https://app.test/", "s") is None


async def test_a_public_client_has_no_secret(provider: Provider, flow: Flow) -> None:
    """It names itself in the form."""
    async with client(provider, client_secret=None) as public:
        await public.finish(flow, back(flow), BACK)

    (form,) = [told for path, told in provider.asked if path == "/token"]
    assert form["client_id"] == "suite"
    assert "authorization" not in form
    assert "client_secret" not in form
