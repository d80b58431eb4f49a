"""Who asks goes into the request, and nowhere else."""

import logging
from traceback import format_exception

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey
from pydantic import SecretStr

from intertie.integrations import rest
from intertie.integrations.credentials import ApiKey, Basic, DeveloperToken
from intertie.integrations.errors import AuthExpiredError, IntegrationError, InvalidError
from tests.integrations.shop import CONFIG, GrantShop, Shop
from tests.integrations.stage import Stage, answer

pytestmark = pytest.mark.anyio


async def test_refused_tokens_are_renewed_once() -> None:
    """With another token, in the same call."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer(
        {}, 200 if request.headers["authorization"] == "Bearer token-2" else 401
    )

    await stage.made(GrantShop).ping()

    assert stage.grants.refusals == ["token-1"]
    assert [each.headers["authorization"] for each in stage.vendor.asked] == [
        "Bearer token-1",
        "Bearer token-2",
    ]


async def test_a_token_that_is_refused_again_is_the_persons_business() -> None:
    """Two requests, and not one more."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer({}, 401)

    with pytest.raises(AuthExpiredError):
        await stage.made(GrantShop).make(name="a")

    assert len(stage.vendor.asked) == 2


async def test_a_fixed_key_is_not_shown_twice() -> None:
    """It would be refused again."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer({}, 401)

    with pytest.raises(AuthExpiredError):
        await stage.made(Shop, config=CONFIG).ping()

    assert len(stage.vendor.asked) == 1


async def test_without_grants_nobody_can_log_in() -> None:
    """The error says so; nothing is sent."""
    stage = Stage()
    stage.tools.grants = None

    with pytest.raises(AuthExpiredError, match="no grants are kept"):
        await stage.made(GrantShop).ping()

    assert stage.vendor.asked == []


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r\nx-admin: 1", "\x00", "\x7f"])
async def test_a_secret_with_a_line_break_is_refused_before_it_is_sent(end: str) -> None:
    """By a text that names the header, and not the secret."""
    stage = Stage()

    with pytest.raises(InvalidError, match="header `authorization` has line breaks") as caught:
        await stage.made(Shop, config={"token": f"top-secret{end}"}).ping()

    assert stage.vendor.asked == []
    assert "top-secret" not in str(caught.value)


@given(st.text(max_size=40))
async def test_no_value_ever_becomes_another_header(secret: str) -> None:
    """Whatever a secret is made of."""
    stage = Stage()
    try:
        await stage.made(Shop, config={"token": secret}).ping()
    except InvalidError:
        assert stage.vendor.asked == []
        return

    value = stage.vendor.asked[0].headers["authorization"]
    assert value == f"Bearer {secret}"
    assert not set(value) & set("\r\n\0")
    value.encode()


class Keyed(rest.RestIntegration):
    """Wants its key in the query."""

    class Settings(rest.Settings):
        """A key."""

        api_key: SecretStr
        user: str = ""
        password: SecretStr = SecretStr("")

    kind = "keyed"
    settings_type = Settings
    base = "https://api.keyed.example"
    ways = (Basic("user", "password"), ApiKey("key", place="query"))
    probe = Shop.probe
    ping, item = Shop.ping, Shop.item


async def test_the_first_way_whose_settings_are_there_is_taken() -> None:
    """Others are for those who have not that much."""
    stage = Stage()
    told = {"api_key": "k&k=1", "user": "me", "password": "pä:ss"}
    await stage.made(Keyed, config=told).ping()
    await stage.made(Keyed, name="key", config={"api_key": "k&k=1"}).ping()

    basic, keyed = stage.vendor.asked
    assert basic.headers["authorization"] == "Basic bWU6cMOkOnNz"
    assert keyed.url == "https://api.keyed.example/ping?key=k%26k%3D1"


async def test_a_key_in_the_query_shows_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    """Not in errors, not in what is printed, not in logs."""
    caplog.set_level(logging.DEBUG)
    stage = Stage()
    secret = "query-key-771"
    stage.vendor.answers = lambda request: answer(
        {"message": f"bad key {secret}\x1b[2J\nforged line"}, 401
    )
    keyed = stage.made(Keyed, config={"api_key": secret})

    with pytest.raises(IntegrationError) as caught:
        await keyed.ping()
    health = await keyed.health_check()

    told = f"{caught.value!r} {caught.value} {health} {keyed!r} {keyed.config!r} {caplog.text}"
    assert secret not in f"{told} {stage.vendor.asked} {keyed.settings}"
    assert str(caught.value).endswith("bad key *** [2J forged line")


class Minted(rest.RestIntegration):
    """Wants tokens that we sign."""

    class Settings(rest.Settings):
        """A key."""

        team_id: str = "TEAM"
        key_id: str = "KEY"
        private_key: SecretStr

    kind = "minted"
    settings_type = Settings
    base = "https://api.minted.example"
    ways = (DeveloperToken(lifetime_s=600),)
    ping = Shop.ping


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    """As a vendor hands it out."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


async def test_minted_tokens_are_kept_until_they_end() -> None:
    """And are signed by the key that was given."""
    stage = Stage()
    text = pem(ec.generate_private_key(ec.SECP256R1()))
    minted = stage.made(Minted, config={"private_key": text})
    for forward_s in (0, 500, 41):
        stage.clock.time_s += forward_s
        await minted.ping()

    tokens = [each.headers["authorization"].removeprefix("Bearer ") for each in stage.vendor.asked]
    assert tokens[0] == tokens[1] != tokens[2]
    read = jwt.decode(tokens[2], ECKey.import_key(text), algorithms=["ES256"])
    assert read.header["kid"] == "KEY"
    assert read.claims["iss"] == "TEAM"
    assert read.claims["exp"] - read.claims["iat"] == 600


@pytest.mark.parametrize("sort", ["text", "rsa", "curve"])
async def test_a_key_that_cannot_sign_is_a_fault_of_the_settings(sort: str) -> None:
    """Whatever is wrong with it; its text shows nowhere."""
    texts = {
        "text": "no key, but top-secret",
        "rsa": pem(rsa.generate_private_key(65537, 2048)),
        "curve": pem(ec.generate_private_key(ec.SECP384R1())),
    }
    stage = Stage()

    with pytest.raises(AuthExpiredError, match="`private_key` is no key") as caught:
        await stage.made(Minted, config={"private_key": texts[sort]}).ping()

    whole = "".join(format_exception(caught.value))
    assert texts[sort][10:60] not in whole
    assert stage.vendor.asked == []
