import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from anyio import to_thread

from intertie.errors import NotFoundError
from intertie.store import Blobs
from intertie_media import core
from intertie_media.assets import Assets
from intertie_media.documents import AssetId, Status, source_key
from intertie_media.messages import AssetEvent, Kind
from intertie_media.pipeline.worker import Bench, give_up, process, take_temporary_folder
from intertie_media.storage import Storage
from services.media.tests import samples
from services.media.tests.kit import Clock, asset

pytestmark = pytest.mark.anyio
A1 = AssetId("a1")


@dataclass
class Room:
    """A bench, and what was published from it."""

    bench: Bench
    events: list[tuple[Kind, AssetEvent]] = field(default_factory=list)

    @property
    def assets(self) -> Assets:
        """The bench's."""
        return self.bench.assets

    @property
    def blobs(self) -> Blobs:
        """The bench's."""
        return self.bench.blobs

    def statuses(self) -> list[str]:
        """Without repeats."""
        found = [event.status for _, event in self.events]
        return [now for before, now in zip([None, *found], found, strict=False) if now != before]


@pytest.fixture
async def room(storage: Storage, assets: Assets, clock: Clock, tmp_path: Path) -> Room:
    """With one asset that waits."""
    await assets.create(asset())
    events: list[tuple[Kind, AssetEvent]] = []

    async def publish(kind: Kind, event: AssetEvent) -> None:
        events.append((kind, event))

    bench = Bench(
        assets=assets,
        blobs=storage.blobs,
        work=tmp_path / "work",
        publish=publish,
        now=clock,
        public_path="/api/media",
        limits=core.Limits(),
    )
    return Room(bench, events)


async def bring(room: Room, source: Path, tmp_path: Path) -> None:
    """Put a copy of `source` where uploads are handed over."""
    copy = tmp_path / "copy"
    await to_thread.run_sync(shutil.copyfile, source, copy)
    await room.blobs.put_file(source_key(A1), copy)


@pytest.mark.slow
async def test_a_phone_video_becomes_a_ladder_the_first_rung_first(
    room: Room, tmp_path: Path
) -> None:
    """Playable early, ready at the end, described by what the file itself says."""
    await bring(room, samples.phone_video(), tmp_path)

    assert await process(room.bench, A1, 1) is None

    found = await room.assets.get(A1)
    assert room.statuses() == ["processing", "viewable", "ready"]
    assert [kind for kind, _ in room.events][-1] == "asset.processed"
    assert found.rungs == ("360p", "720p", "1080p")
    assert (found.metadata.width, found.metadata.height) == (1920, 1080)
    assert found.streaming_url == "/api/media/media/a1/hls/v1/master.m3u8"
    assert found.thumbnail_url == "/api/media/media/a1/poster?v=1"
    assert found.timings.time_to_playable_s is not None
    keys = await room.blobs.keys("a1/v1")
    assert {"a1/v1/master.m3u8", "a1/v1/poster.jpg", "a1/v1/1080p/init.mp4"} <= set(keys)
    viewable = next(event for kind, event in room.events if kind == "asset.viewable")
    assert viewable.rungs == ()
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.slow
async def test_a_second_try_publishes_under_new_names(room: Room, tmp_path: Path) -> None:
    """No cached segment is ever another one under its name; the old ones are gone."""
    await bring(room, samples.film(tmp_path / "film.mp4"), tmp_path)
    await process(room.bench, A1, 1)

    await process(room.bench, A1, 2)

    found = await room.assets.get(A1)
    assert (found.version, found.status) == (2, Status.READY)
    assert found.streaming_url == "/api/media/media/a1/hls/v2/master.m3u8"
    assert await room.blobs.keys("a1/v1") == []


@pytest.mark.parametrize("data", [b"", b"just text\n" * 50, b"GIF89a but not really"])
async def test_what_is_no_video_is_refused_with_a_reason(
    room: Room, tmp_path: Path, data: bytes
) -> None:
    """The asset says why, its original is not kept, and the worker lives on."""
    (tmp_path / "odd").write_bytes(data)
    await bring(room, tmp_path / "odd", tmp_path)

    failure = await process(room.bench, A1, 1)

    found = await room.assets.get(A1)
    assert failure
    assert (found.status, found.error) == (Status.FAILED, failure)
    assert failure.kind == "input"
    assert failure.message.startswith("cannot")
    assert await room.blobs.keys("a1") == []
    assert room.events[-1][0] == "asset.processed"


async def test_a_deleted_asset_is_not_worked_on(room: Room, clock: Clock) -> None:
    """Its job ends without a trace."""
    await room.assets.change(A1, lambda found: found.model_copy(update={"deleted_at": clock()}))

    with pytest.raises(NotFoundError):
        await process(room.bench, A1, 1)


async def test_an_asset_without_its_original_is_not_found(room: Room) -> None:
    """Rather than failed: nobody can mend it by another file."""
    with pytest.raises(NotFoundError, match="original"):
        await process(room.bench, A1, 1)


async def test_giving_up_leaves_what_plays(room: Room) -> None:
    """With a verified rung the asset stays viewable, with the error beside it."""
    plays = {"status": Status.VIEWABLE, "rungs": ("360p",), "streaming_url": "/s"}
    await room.assets.change(A1, lambda found: found.model_copy(update=plays))

    exc = core.MediaError("cannot go on: full", code="disk_full", kind="capacity")
    failure = await give_up(room.bench, A1, 1, exc)

    found = await room.assets.get(A1)
    assert (found.status, found.streaming_url, found.error) == (Status.VIEWABLE, "/s", failure)


def test_what_a_killed_run_left_is_gone_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Temporary files lie in the data folder, and a start begins with none."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    left = tmp_path / "work" / "left" / "file"
    left.parent.mkdir(parents=True)
    left.touch()

    take_temporary_folder(tmp_path / "work")

    assert not left.exists()
    assert Path(tempfile.mkdtemp()).parent == tmp_path / "work"
