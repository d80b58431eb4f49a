import json

import pytest
from anyio import fail_after

from intertie_media.documents import AssetId, UserId
from intertie_media.pipeline.event import AssetEvent, Hub
from intertie_media.pipeline.live import follow, frame
from intertie_media.web import Identity
from services.media.tests.kit import START, asset

pytestmark = pytest.mark.anyio
ANN = Identity(UserId("ann"))
ADMIN = Identity(UserId("root"), frozenset({"admin"}))


async def nothing() -> str:
    """No first frame."""
    return ""


def test_a_frame_never_breaks_on_its_data() -> None:
    """Line breaks in a title do not end the event."""
    text = frame("asset.status", {"title": "two\nlines"}, "r-1")

    assert text.splitlines()[:2] == ["id: r-1", "event: asset.status"]
    assert json.loads(text.splitlines()[2].removeprefix("data: ")) == {"title": "two\nlines"}
    assert text.endswith("\n\n")


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
    with fail_after(5):
        async with follow(hub, who, asset=id, after=None, present=nothing) as frames:
            for name, user in (("a1", "ann"), ("b1", "bob"), ("a2", "ann")):
                hub.publish("asset.status", AssetEvent.of(asset(name, user), START))
            hub.close()
            texts = [text async for text in frames]

    assert texts[0].startswith(":")
    assert [json.loads(text.split("data: ")[1])["assetId"] for text in texts[1:]] == seen
