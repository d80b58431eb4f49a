import json

import pytest
from anyio import fail_after

from intertie.service import ServerEvent
from intertie_media.documents import AssetId, UserId
from intertie_media.messages import AssetEvent
from intertie_media.pipeline.event import Hub
from intertie_media.pipeline.live import follow
from intertie_media.web import Identity
from services.media.tests.kit import START, asset

pytestmark = pytest.mark.anyio
ANN = Identity(UserId("ann"))
ADMIN = Identity(UserId("root"), frozenset({"admin"}))


async def nothing() -> None:
    """Nothing is told first."""


@pytest.mark.parametrize(
    ("who", "id", "seen"),
    [
        (ANN, None, ["a1", "a2"]),
        (ANN, AssetId("a2"), ["a2"]),
        (ADMIN, None, []),
        (ADMIN, AssetId("b1"), ["b1"]),
    ],
)
async def test_everybody_sees_their_own(who: Identity, id: AssetId | None, seen: list[str]) -> None:
    """One asset's events or all of them; an admin follows another's by its id."""
    hub = Hub()
    with fail_after(30):
        async with follow(hub, who, asset=id, after=None, present=nothing) as events:
            for name, user in (("a1", "ann"), ("b1", "bob"), ("a2", "ann")):
                hub.publish("asset.status", AssetEvent.of(asset(name, user), START))
            hub.close()
            found = [event async for event in events]

    assert [json.loads(event.encode().split(b"data: ")[1])["assetId"] for event in found] == seen


async def test_the_present_state_comes_first() -> None:
    """So that nothing is missed between asking and listening."""
    hub = Hub()

    async def present() -> ServerEvent:
        return ServerEvent({"now": True}, event="asset.status")

    with fail_after(30):
        async with follow(hub, ANN, asset=None, after=None, present=present) as events:
            hub.close()
            assert [event.data async for event in events] == [{"now": True}]
