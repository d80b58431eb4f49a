"""The Blobs port on a local folder."""

from pathlib import Path

import pytest

from intertie.errors import NotFoundError, StoreError
from intertie.store import open_blobs
from intertie.store.local import LocalBlobs

pytestmark = pytest.mark.anyio


async def _read(blobs: LocalBlobs, key: str, start: int = 0, end: int | None = None) -> bytes:
    async with blobs.read(key, start=start, end=end) as chunks:
        return b"".join([chunk async for chunk in chunks])


async def test_bytes_come_back_whole_and_in_parts(tmp_path: Path) -> None:
    """A range is start inclusive, end exclusive."""
    blobs = LocalBlobs(tmp_path)
    await blobs.put("a/b.bin", bytes(range(256)) * 2048)

    assert await blobs.size("a/b.bin") == 524_288
    assert len(await _read(blobs, "a/b.bin")) == 524_288
    assert await _read(blobs, "a/b.bin", 254, 258) == b"\xfe\xff\x00\x01"


async def test_a_file_is_taken_over(tmp_path: Path) -> None:
    """After put_file the source is gone and the blob is there."""
    blobs = LocalBlobs(tmp_path / "blobs")
    source = tmp_path / "made.mp4"
    source.write_bytes(b"film")

    await blobs.put_file("asset/film.mp4", source)

    assert not source.exists()
    assert await _read(blobs, "asset/film.mp4") == b"film"


async def test_keys_and_delete_work_on_folders(tmp_path: Path) -> None:
    """A prefix is a folder: `asset-1` does not match `asset-10`."""
    blobs = LocalBlobs(tmp_path)
    for key in ("asset-1/a", "asset-1/hls/b", "asset-10/c"):
        await blobs.put(key, b"x")

    assert await blobs.keys("asset-1") == ["asset-1/a", "asset-1/hls/b"]
    assert await blobs.delete("asset-1") == 2
    assert await blobs.keys("asset-10") == ["asset-10/c"]


@pytest.mark.parametrize("key", ["", "../x", "/etc/passwd", "a/../../x", "a\\b", ".hidden", "a\0b"])
async def test_a_key_cannot_leave_the_folder(tmp_path: Path, key: str) -> None:
    """Keys that are absolute, climb, or hide are refused."""
    blobs = LocalBlobs(tmp_path / "blobs")

    with pytest.raises(StoreError, match="cannot use blob key"):
        await blobs.put(key, b"x")


async def test_a_missing_blob_is_named(tmp_path: Path) -> None:
    """Reading and sizing what is not there says so."""
    blobs = LocalBlobs(tmp_path)

    with pytest.raises(NotFoundError, match="cannot find blob 'gone'"):
        await blobs.size("gone")
    with pytest.raises(NotFoundError):
        await _read(blobs, "gone")


async def test_an_address_opens_the_adapter_it_names(tmp_path: Path) -> None:
    """`file://` and a path is this adapter; an unknown scheme is refused with the known ones."""
    assert isinstance(open_blobs(f"file://{tmp_path}/blobs"), LocalBlobs)

    with pytest.raises(StoreError, match="cannot open ftp://…: known are file"):
        open_blobs("ftp://x")
