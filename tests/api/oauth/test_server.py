"""What the endpoints share."""

from pathlib import Path

import pytest

from intertie.api.oauth.server import as_before, new_grant_id
from intertie.identity.tokens.jws import Refusal
from tests.api.oauth.stage import ADA, stage
from tests.identity.tokens.stage import grant

pytestmark = pytest.mark.anyio


async def test_a_token_is_good_until_somebody_revokes_it(tmp_path: Path) -> None:
    """Though another process did it just now."""
    (tmp_path / "other").mkdir()
    async with stage(tmp_path) as on, stage(tmp_path / "other") as other:
        token = on.server.access_token(grant())

        assert not isinstance(await on.server.good(token), Refusal)
        assert isinstance(await other.server.good(token), Refusal)
        await on.server.parts.revocations.revoke_grant("g1")
        found = await on.server.good(token)
        assert isinstance(found, Refusal)
        assert "revoked" in found.detail


async def test_the_path_is_that_of_the_url(tmp_path: Path) -> None:
    """Where the gateway brings browsers."""
    async with stage(tmp_path) as on:
        assert on.server.path == "/auth"


async def test_grants_have_names_of_their_own() -> None:
    """And nobody looks at a user again unless told to."""
    assert new_grant_id() != new_grant_id()
    assert await as_before(ADA) == ADA
