"""What a provider says of itself."""

from typing import Any

import pytest

from intertie.identity.sso import ProviderError
from intertie.identity.sso.discovery import Discovery
from tests.api.login.site import Clock
from tests.identity.sso.idp import ISSUER, Provider, asking, new_key

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "told",
    [
        {"issuer": "https://other.test"},
        {"issuer": f"{ISSUER}/"},
        {"issuer": None},
        {"token_endpoint": "http://idp.test/token"},
        {"token_endpoint": None},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": 7},
        {"userinfo_endpoint": "http://idp.test/me"},
    ],
    ids=repr,
)
async def test_metadata_that_is_not_believed(told: dict[str, Any], clock: Clock) -> None:
    """Of another issuer, or with an address that is not encrypted."""
    async with asking(Provider(metadata=told)) as fetch:
        with pytest.raises(ProviderError):
            await Discovery(ISSUER, fetch, clock).metadata()


async def test_what_is_known_counts_while_the_provider_is_away(clock: Clock) -> None:
    """It is asked again, but not all the time."""
    provider = Provider()
    async with asking(provider) as fetch:
        discovery = Discovery(ISSUER, fetch, clock)
        before = (await discovery.metadata(), await discovery.keys())
        provider.is_away = True
        clock.advance(4000)
        for _ in range(5):
            assert (await discovery.metadata(), await discovery.keys()) == before
        asked = len(provider.asked)
        provider.is_away, provider.key = False, new_key("two")
        clock.advance(4000)

        assert asked == 4
        assert (await discovery.keys()).usable[0].kid == "two"


async def test_a_missing_key_is_looked_for_every_ten_seconds_at_most(clock: Clock) -> None:
    """However often one is missing."""
    provider = Provider()
    async with asking(provider) as fetch:
        discovery = Discovery(ISSUER, fetch, clock)
        await discovery.keys()
        for _ in range(10):
            await discovery.keys(renewed=True)
        few = provider.count("/jwks")
        clock.advance(11)
        await discovery.keys(renewed=True)

    assert (few, provider.count("/jwks")) == (1, 2)


async def test_a_provider_that_was_never_there(clock: Clock) -> None:
    """Is said to be away."""
    async with asking(Provider(is_away=True)) as fetch:
        with pytest.raises(ProviderError, match="503"):
            await Discovery(ISSUER, fetch, clock).metadata()
