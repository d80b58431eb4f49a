from pathlib import Path

import pytest

from intertie.errors import StoreError
from intertie_media.storage import open_storage
from services.media.tests.kit import settings

pytestmark = pytest.mark.anyio


async def test_what_is_stored_is_there_when_opened_again(tmp_path: Path) -> None:
    """Documents and blobs outlive the process that wrote them."""
    place = settings(tmp_path)
    async with open_storage(place) as storage:
        await storage.records.put("things", "one", {"is": "here"})
        await storage.blobs.put("one", b"bytes")

    async with open_storage(place) as storage:
        assert (await storage.records.get("things", "one")).document == {"is": "here"}
        assert await storage.blobs.size("one") == 5


async def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """The error says which database cannot be opened."""
    (tmp_path / "file").write_text("")
    place = settings(tmp_path, INTERTIE_DATA=tmp_path / "file" / "below")

    with pytest.raises(StoreError, match=r"cannot open database .*below"):
        async with open_storage(place):
            pass
