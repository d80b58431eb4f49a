"""A connector whose body is data."""

import pytest
from pydantic import SecretStr

from intertie.integrations import rest
from intertie.integrations.config import IntegrationConfig, IntegrationStatus
from intertie.integrations.credentials import ApiKey, Bearer
from intertie.integrations.errors import InvalidError
from intertie.integrations.message import Response
from tests.integrations.shop import CONFIG, TOKEN, Shop
from tests.integrations.stage import Stage, answer

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({}, "config: token: Field required"),
        ({"token": 5}, "config: token: "),
        ({"token": TOKEN, "tokne": "x"}, "config: tokne: Extra inputs are not permitted"),
        ({"token": ""}, "its config needs `token`"),
    ],
)
def test_settings_that_are_wrong_are_named(told: dict[str, object], text: str) -> None:
    """And what else was told is not."""
    with pytest.raises(InvalidError, match=text) as caught:
        Shop(IntegrationConfig(name="main", config=told))

    assert TOKEN not in f"{caught.value!r}{caught.value.__cause__!r}"


def test_of_several_ways_all_are_named() -> None:
    """So that one of them can be chosen."""

    class Two(Shop):
        class Either(rest.Settings):
            """One or the other."""

            token: SecretStr | None = None
            key: SecretStr | None = None

        kind = "two ways"
        settings_type = Either
        ways = (Bearer("token"), ApiKey("x-key", "key"))

    with pytest.raises(InvalidError, match="needs `token` or `key`"):
        Two(IntegrationConfig(name="main"))
    assert isinstance(Two(IntegrationConfig(name="m", config={"key": "k"})).auth, ApiKey)


def test_nothing_printable_shows_a_secret() -> None:
    """Neither the connection, nor its config, nor its settings."""
    shop = Stage().made(Shop, config=CONFIG)

    assert TOKEN not in f"{shop!r} {shop} {shop.config!r} {shop.config} {shop.settings!r}"
    assert repr(shop) == "Shop('default/main', unknown)"


@pytest.mark.parametrize(
    ("status", "cause", "state"),
    [
        (401, "auth", IntegrationStatus.UNHEALTHY),
        (403, "scope", IntegrationStatus.DEGRADED),
        (429, "quota", IntegrationStatus.DEGRADED),
        (404, "request", IntegrationStatus.UNHEALTHY),
        (503, "vendor", IntegrationStatus.UNHEALTHY),
    ],
)
async def test_health_has_a_cause_and_a_cure(
    status: int, cause: str, state: IntegrationStatus
) -> None:
    """And is good again as soon as the probe is."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer({}, status, retry_after="900")
    once, patient = {"max_attempts": 1}, {"failure_threshold": 50}
    shop = stage.made(Shop, config=CONFIG, retry_policy=once, circuit_breaker=patient)

    health = await shop.health_check()

    assert (health["healthy"], health["cause"]) == (False, cause)
    assert health["cure"]
    assert (shop.status, shop.trouble) == (state, health["error"])
    stage.vendor.answers = lambda request: answer({})
    stage.clock.time_s += 1000
    assert await shop.initialize()
    assert (shop.status, shop.trouble) == (IntegrationStatus.HEALTHY, "")


async def test_an_answer_of_another_shape_is_drift_with_a_place() -> None:
    """And health says what to do about it."""
    stage = Stage()
    stage.vendor.answers = lambda request: Response(200, {}, b"[1]")
    shop = stage.made(Shop, config=CONFIG)

    health = await shop.health_check()

    assert health["cause"] == "drift"
    assert "cannot read what ping of default/main answered: the whole: " in health["error"]


@pytest.mark.parametrize("body", [b"", b"{}", b'{"more": [1], "id": "1"}'])
async def test_more_or_nothing_is_no_fault(body: bytes) -> None:
    """Vendors add fields, and have nothing to say about what is gone."""
    stage = Stage()
    stage.vendor.answers = lambda request: Response(200, {}, body)

    await stage.made(Shop, config=CONFIG).item(id="1")


async def test_closing_forgets_what_was_signed() -> None:
    """Also twice."""
    shop = Stage().made(Shop, config=CONFIG)
    shop.minted = ("token", 9e9)
    await shop.cleanup()
    await shop.cleanup()

    assert shop.minted == ("", 0.0)
