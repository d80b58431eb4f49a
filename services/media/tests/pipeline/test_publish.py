from pathlib import Path

import pytest

from intertie.store import Blobs
from intertie.store.local import LocalBlobs
from intertie_media.pipeline.publish import Publisher

pytestmark = pytest.mark.anyio


class Watched:
    """Real blobs that remember the order in which keys were written."""

    def __init__(self, root: Path) -> None:
        self._inner = LocalBlobs(root)
        self.order: list[str] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    async def put_file(self, key: str, path: Path) -> None:
        """As the inner one."""
        self.order.append(key)
        await self._inner.put_file(key, path)


def write(folder: Path, name: str, text: str) -> None:
    """As the engine does: beside it, then renamed."""
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(".part")
    part.write_text(text)
    part.replace(target)


@pytest.fixture
def blobs(tmp_path: Path) -> Watched:
    """In a folder of their own."""
    return Watched(tmp_path / "blobs")


def publisher(blobs: Blobs | Watched, tmp_path: Path) -> Publisher:
    """From `made` to `a1/v1`."""
    (tmp_path / "made").mkdir()
    return Publisher(blobs, tmp_path / "made", "a1/v1", tmp_path)  # type: ignore[arg-type]


async def test_no_name_is_shown_before_its_bytes(blobs: Watched, tmp_path: Path) -> None:
    """Segments, then media playlists, then the master."""
    work, made = publisher(blobs, tmp_path), tmp_path / "made"
    for name in ("master.m3u8", "360p/index.m3u8", "360p/00000.m4s", "360p/init.mp4"):
        write(made, name, name)

    await work.fill()

    assert blobs.order == [
        "a1/v1/360p/00000.m4s",
        "a1/v1/360p/init.mp4",
        "a1/v1/360p/index.m3u8",
        "a1/v1/master.m3u8",
    ]


async def test_only_what_is_new_is_brought(blobs: Watched, tmp_path: Path) -> None:
    """A playlist that was replaced is new; the engine keeps its own files."""
    work, made = publisher(blobs, tmp_path), tmp_path / "made"
    write(made, "360p/00000.m4s", "one")
    write(made, "360p/index.m3u8", "short")
    await work.fill()
    blobs.order.clear()
    write(made, "360p/00001.m4s", "two")
    write(made, "360p/index.m3u8", "longer")

    await work.fill()

    assert blobs.order == ["a1/v1/360p/00001.m4s", "a1/v1/360p/index.m3u8"]
    assert (tmp_path / "blobs/a1/v1/360p/index.m3u8").read_text() == "longer"
    assert (made / "360p/00000.m4s").read_text() == "one"


async def test_what_is_hidden_stays_so(blobs: Watched, tmp_path: Path) -> None:
    """The staging place and files in the making are nobody's business."""
    work, made = publisher(blobs, tmp_path), tmp_path / "made"
    write(made, ".staging/720p/00000.m4s", "x")
    (made / ".index.part").write_text("x")

    await work.fill()

    assert blobs.order == []
