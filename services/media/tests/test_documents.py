from intertie_media.documents import COLLECTIONS, Asset, AssetId, source_key, stream_folder
from services.media.tests.kit import asset


def test_collections_have_the_agreed_names() -> None:
    """Other services read the same collections."""
    assert COLLECTIONS == (
        "media-assets",
        "users",
        "notifications",
        "streaming-sessions",
        "analytics",
    )


def test_an_asset_survives_being_stored() -> None:
    """The document has camelCase names and gives the same asset back."""
    before = asset(streaming_url="/x")

    document = before.model_dump(mode="json")

    assert {"userId", "streamingUrl", "thumbnailUrl", "metadata", "status"} <= set(document)
    assert Asset.model_validate(document) == before


def test_each_try_has_a_folder_of_its_own() -> None:
    """No try overwrites what an earlier one published."""
    id = AssetId("a")

    assert len({source_key(id), stream_folder(id, 1), stream_folder(id, 2)}) == 3
