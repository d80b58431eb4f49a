"""Ways in which vendors want to know who asks."""

from base64 import b64encode
from collections.abc import Sequence
from typing import ClassVar

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from pydantic import SecretStr

from intertie.integrations import rest
from intertie.integrations.credentials import (
    ApiKey,
    Auth,
    Basic,
    Bearer,
    DeveloperToken,
    NoAuth,
    SignedQuery,
    chosen,
)
from intertie.integrations.data import Probe
from intertie.integrations.errors import AuthExpiredError, InvalidError
from intertie.integrations.message import Request
from intertie.integrations.operation import Empty, Nothing, get
from tests.integrations.stage import Stage, answer

pytestmark = pytest.mark.anyio
KEY = ECKey.generate_key("P-256")
PEM = KEY.as_pem(private=True).decode()


class Settings(rest.Settings):
    """All that any way asks for."""

    api_key: SecretStr | None = None
    access_token: SecretStr | None = None
    user: str = ""
    password: SecretStr | None = None
    shared_secret: SecretStr | None = None
    team_id: str = ""
    key_id: str = ""
    private_key: SecretStr | None = None


class Vendor(rest.RestIntegration):
    """One call."""

    kind = "vendor"
    docs = "https://vendor.test"
    base = "https://vendor.test/v1"
    settings_type = Settings
    ways: ClassVar[Sequence[Auth]] = (
        DeveloperToken(),
        Basic("user", "password"),
        Bearer(),
        SignedQuery(),
        NoAuth(),
    )
    probe = Probe("things")
    things = get("/things", Nothing, Empty)


async def asked(stage: Stage, **config: str) -> Request:
    """What the vendor was sent last."""
    vendor = stage.made(Vendor, config=config)
    await vendor.things()
    return stage.vendor.asked[-1]


@pytest.mark.parametrize(
    ("way", "config", "sent"),
    [
        (NoAuth(), {}, None),
        (Bearer(), {"access_token": "t"}, "Bearer t"),
        (
            Basic("user", "password"),
            {"user": "ann", "password": "p:w"},
            f"Basic {b64encode(b'ann:p:w').decode()}",
        ),
        (ApiKey("authorization", prefix="Key "), {"api_key": "k"}, "Key k"),
    ],
)
async def test_a_header_says_who_asks(way: Auth, config: dict[str, str], sent: str | None) -> None:
    """As the vendor wants it."""

    class Other(Vendor):
        ways = (way,)

    stage = Stage()
    await stage.made(Other, config=config).things()

    assert stage.vendor.asked[0].headers.get("authorization") == sent


async def test_the_first_way_with_all_it_needs_is_taken() -> None:
    """Others are not looked at."""
    sent = await asked(Stage(), access_token="t", api_key="k")

    assert sent.headers["authorization"] == "Bearer t"
    assert chosen((Bearer(),), frozenset({"api_key"})) is None


async def test_a_key_may_stand_in_the_query() -> None:
    """Beside what is there."""

    class Other(Vendor):
        ways = (ApiKey("key", place="query"),)

    stage = Stage()
    await stage.made(Other, config={"api_key": "a b&c"}).things()

    assert stage.vendor.asked[0].url == "https://vendor.test/v1/things?key=a%20b%26c"


async def test_a_signed_token_is_made_once_an_hour() -> None:
    """With our key, and good for the vendor."""
    stage = Stage()
    config = {"team_id": "T", "key_id": "K", "private_key": PEM}
    vendor = stage.made(Vendor, config=config)
    await vendor.things()
    await vendor.things()
    stage.clock.time_s += 3600
    await vendor.things()

    tokens = [each.headers["authorization"].removeprefix("Bearer ") for each in stage.vendor.asked]
    token = jwt.decode(tokens[0], KEY)
    assert token.header == {"typ": "JWT", "alg": "ES256", "kid": "K"}
    assert token.claims["iss"] == "T"
    assert token.claims["exp"] - token.claims["iat"] == 3600
    assert tokens[0] == tokens[1] != tokens[2]


async def test_a_key_that_is_none_is_told_without_showing_it() -> None:
    """It may be a whole key with one line missing."""
    stage = Stage()
    vendor = stage.made(
        Vendor, config={"team_id": "T", "key_id": "K", "private_key": "hunter2-hunter2"}
    )

    with pytest.raises(AuthExpiredError, match="`private_key` is no key in PEM") as caught:
        await vendor.things()

    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_what_is_refused_stays_refused() -> None:
    """A fixed key is not tried twice."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer(status=401)
    vendor = stage.made(Vendor, config={"access_token": "t"})

    with pytest.raises(AuthExpiredError):
        await vendor.things()

    assert len(stage.vendor.asked) == 1


async def test_a_way_in_must_be_there() -> None:
    """Each of the possible sets is named."""

    class Other(Vendor):
        ways = (Bearer(), Basic("user", "password"))

    with pytest.raises(InvalidError, match="`access_token` or `user` and `password`"):
        Stage().made(Other, config={"user": "ann"})
