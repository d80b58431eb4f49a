"""What clients are told of the authorization server."""

from pathlib import Path

import pytest

from intertie.api.oauth.discovery import metadata
from tests.api.oauth.stage import URL, stage

GRANTS = ("authorization_code", "refresh_token", "client_credentials")
pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("name", ["openid-configuration", "oauth-authorization-server"])
async def test_the_server_describes_itself(tmp_path: Path, name: str) -> None:
    """Both documents are the same, below the issuer's URL, and may be kept for a while."""
    async with stage(tmp_path) as on:
        got = await on.http.get(f"/.well-known/{name}")

    assert got.json() == metadata(URL, GRANTS)
    assert got.json()["issuer"] == URL
    assert "max-age" in got.headers["cache-control"]


async def test_every_endpoint_it_names_is_there(tmp_path: Path) -> None:
    """At that address, with one of its methods."""
    told = metadata(URL, GRANTS)
    named = [str(v) for k, v in told.items() if k.endswith(("_endpoint", "jwks_uri"))]
    async with stage(tmp_path) as on:
        for address in named:
            answers = [await on.http.get(address), await on.http.post(address)]
            assert {each.status_code for each in answers} - {404, 405}, address

    assert len(named) == 7


async def test_keys_may_be_kept_no_longer_than_they_are_published(tmp_path: Path) -> None:
    """Public halves only, the next one among them."""
    async with stage(tmp_path) as on:
        got = await on.http.get("/.well-known/jwks.json")

    assert got.headers["cache-control"] == "public, max-age=600"
    assert [set(key) for key in got.json()["keys"]] == [
        {"kty", "crv", "x", "y", "kid", "use", "alg"}
    ] * 2
