from pathlib import Path

import pytest

from intertie_media.assets import Assets
from intertie_media.documents import UPLOADS, UserId
from intertie_media.errors import Refused
from intertie_media.storage import Storage
from intertie_media.upload.quota import MAX_OPEN_UPLOADS, Quota
from services.media.tests.kit import START, asset, settings

pytestmark = pytest.mark.anyio
ANN = UserId("ann")


async def open_upload(storage: Storage, number: int, size: int, user: str = "ann") -> None:
    """Note down an upload."""
    document = {
        "id": f"u{number}",
        "userId": user,
        "assetId": "a",
        "filename": "f",
        "title": "",
        "contentType": "",
        "sizeBytes": size,
        "chunkBytes": 100,
        "sha256": None,
        "state": "open",
        "createdAt": START.isoformat(),
    }
    await storage.records.put(UPLOADS, f"{user}-{number}", document)


async def refusal(quota: Quota, size: int) -> str:
    """Code of the refusal to take so many bytes."""
    with pytest.raises(Refused) as caught:
        async with quota.room_for(ANN, size):
            pass
    return caught.value.code


async def test_a_file_may_be_as_large_as_allowed(storage: Storage, tmp_path: Path) -> None:
    """One byte more is too much."""
    quota = Quota(storage.records, settings(tmp_path, MEDIA_MAX_FILE_BYTES=100))

    async with quota.room_for(ANN, 100):
        pass

    assert await refusal(quota, 101) == "file_too_large"


async def test_open_uploads_and_assets_count_together(
    storage: Storage, assets: Assets, tmp_path: Path
) -> None:
    """Others' and deleted ones do not."""
    await assets.create(asset("mine"))  # 1,000 bytes
    await assets.create(asset("theirs", user="bob"))
    await assets.create(asset("gone", deleted_at=START))
    await open_upload(storage, 1, 500)
    await open_upload(storage, 1, 500, user="bob")
    quota = Quota(storage.records, settings(tmp_path, MEDIA_MAX_USER_BYTES=2000))

    async with quota.room_for(ANN, 500):
        pass

    assert await refusal(quota, 501) == "quota_exceeded"


async def test_the_number_of_open_uploads_is_bounded(storage: Storage, tmp_path: Path) -> None:
    """Small ones also cost files and memory."""
    for number in range(MAX_OPEN_UPLOADS):
        await open_upload(storage, number, 1)

    assert await refusal(Quota(storage.records, settings(tmp_path)), 1) == "too_many_uploads"


async def test_a_file_that_the_disk_cannot_hold_is_refused(
    storage: Storage, tmp_path: Path
) -> None:
    """Before its first byte, not at its last."""
    huge = 10**17
    place = settings(tmp_path, MEDIA_MAX_FILE_BYTES=huge, MEDIA_MAX_USER_BYTES=huge)
    quota = Quota(storage.records, place)

    assert await refusal(quota, huge) == "disk_full"
