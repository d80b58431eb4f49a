import pytest

from intertie.errors import AccessDeniedError, NotFoundError
from intertie_media.assets import Assets
from intertie_media.documents import AssetId, UserId
from intertie_media.streaming.access import REMEMBERED_S, Access
from intertie_media.web import Identity
from services.media.tests.kit import Clock, asset

pytestmark = pytest.mark.anyio
A1 = AssetId("a1")
ANN, BOB = Identity(UserId("ann")), Identity(UserId("bob"))


@pytest.fixture
async def access(assets: Assets, clock: Clock) -> Access:
    """To one asset of Ann's."""
    await assets.create(asset())
    return Access(assets, clock=lambda: clock().timestamp())


async def test_only_the_owner_passes(access: Access) -> None:
    """Asked once or again, first by the owner or first by another."""
    for _ in range(2):
        with pytest.raises(AccessDeniedError):
            await access.check(BOB, A1)
        await access.check(ANN, A1)


async def test_an_unknown_asset_is_not_found(access: Access) -> None:
    """And not remembered."""
    with pytest.raises(NotFoundError):
        await access.check(ANN, AssetId("nope"))


async def test_a_deleted_asset_is_shut_after_a_moment(
    access: Access, assets: Assets, clock: Clock
) -> None:
    """What is remembered is soon forgotten."""
    await access.check(ANN, A1)
    await assets.change(A1, lambda found: found.model_copy(update={"deleted_at": clock()}))
    clock.pass_by(REMEMBERED_S + 0.1)

    with pytest.raises(NotFoundError):
        await access.check(ANN, A1)
