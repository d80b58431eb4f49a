"""What the media services tell each other over the bus."""

from intertie_media.documents import AssetId, Status, UserId
from intertie_media.messages import AssetEvent, UploadCompleted
from services.media.tests.kit import START, asset


def test_the_payload_has_the_agreed_members() -> None:
    """Other services read these names."""
    ready = asset(status=Status.READY, streaming_url="/s", thumbnail_url="/t")

    payload = AssetEvent.of(ready, START).model_dump(mode="json")

    agreed = {
        "assetId",
        "userId",
        "status",
        "metadata",
        "thumbnailUrl",
        "streamingUrl",
        "timestamp",
    }
    assert agreed <= set(payload)
    assert (payload["assetId"], payload["status"]) == ("a1", "ready")


def test_a_message_is_read_back_from_what_was_sent() -> None:
    """Also with keys that a newer sender adds."""
    sent = UploadCompleted(asset_id=AssetId("a1"), user_id=UserId("ann"), priority="high")
    event = AssetEvent.of(asset(), START)

    found = {**sent.model_dump(mode="json"), "added": 1}
    assert UploadCompleted.model_validate(found) == sent
    assert AssetEvent.model_validate(event.model_dump(mode="json")) == event
    assert (sent.type, event.type) == ("upload.completed", "asset.processed")
