"""Works on one asset: looks into it, has it transcoded, shows each result at once."""

import logging
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import anyio
from anyio import move_on_after, to_thread

from intertie.errors import NotFoundError
from intertie.store import Blobs
from intertie_media import core
from intertie_media.assets import Assets
from intertie_media.documents import (
    Asset,
    AssetId,
    Failure,
    Metadata,
    Progress,
    Status,
    Timings,
    source_key,
    stream_folder,
)
from intertie_media.messages import AssetEvent, Kind
from intertie_media.pipeline.publish import Publisher

log = logging.getLogger(__name__)

TELL_EVERY_S = 0.5
"""Progress in between is not worth a write."""

_CLEANUP_S = 10

Publish = Callable[[Kind, AssetEvent], Awaitable[None]]
"""Where events go."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What work on any asset needs."""

    assets: Assets
    blobs: Blobs
    work: Path
    """Scratch space, on the file system of local blobs."""
    publish: Publish
    now: Callable[[], datetime]
    public_path: str
    limits: core.Limits


async def process(bench: Bench, id: AssetId, attempt: int) -> Failure | None:
    """Make the stream of one asset. What went wrong with its file is on the asset, and returned.

    Raises NotFoundError when the asset is deleted meanwhile, MediaError for what a later try may
    mend (`retryable`).
    """
    show = _Show(bench, id, attempt)
    scratch = bench.work / id
    await to_thread.run_sync(_fresh, scratch)
    try:
        await show.begin()
        source = await _source(bench.blobs, id, scratch)
        found = await core.probe(source, limits=bench.limits)
        await show.found(found)
        show.publisher = Publisher(bench.blobs, scratch / "out", show.folder, scratch)
        await core.transcode(
            source, found, scratch / "out", on_event=show.on_event, limits=bench.limits
        )
    except core.MediaError as exc:
        if exc.retryable:
            raise
        log.warning("asset failed", extra={"asset": id, "code": exc.code, "error": exc.message})
        return await show.failed(exc)
    finally:
        with move_on_after(_CLEANUP_S, shield=True):
            await to_thread.run_sync(partial(shutil.rmtree, scratch, ignore_errors=True))
    return None


def take_temporary_folder(folder: Path) -> None:
    """Have all temporary files made in `folder`, emptied first of what a killed run left there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tempfile.tempdir = str(folder)


class _Show:
    """Brings what happens to one asset to its document, to the blobs and to the listeners."""

    def __init__(self, bench: Bench, id: AssetId, attempt: int) -> None:
        self._bench = bench
        self._id = id
        self._attempt = attempt
        self._told_at = -TELL_EVERY_S
        self._is_playable = False
        self.folder = stream_folder(id, attempt)
        self.publisher: Publisher | None = None

    async def begin(self) -> None:
        """Nothing of an earlier try counts any more."""
        await self._bench.blobs.delete(self.folder)
        await self._change(
            "asset.status",
            lambda asset: {
                "status": Status.PROCESSING,
                "progress": Progress(stage="probe"),
                "rungs": (),
                "streaming_url": None,
                "thumbnail_url": None,
                "error": None,
                "timings": Timings(
                    uploaded_at=asset.timings.uploaded_at, started_at=self._bench.now()
                ),
            },
        )

    async def found(self, probe: core.Probe) -> None:
        """What the file says of itself."""
        await self._change(
            "asset.progress",
            lambda asset: {
                "metadata": _described(asset.metadata, probe),
                "progress": Progress(stage="first"),
            },
        )

    async def on_event(self, event: core.Event) -> None:
        """Follow the engine."""
        match event:
            case core.Progress():
                await self._progressed(event)
            case core.Playable():
                await self._fill()
                await self._playable()
            case core.PosterReady():
                await self._fill()
                url = f"{self._url}/poster?v={self._attempt}"
                await self._change("asset.progress", lambda _: {"thumbnail_url": url})
            case core.RungReady():
                await self._fill()
                rung = event.rung
                await self._change("asset.progress", lambda asset: {"rungs": (*asset.rungs, rung)})
            case core.Ready():
                await self._fill()
                await self._ready()

    async def failed(self, exc: core.MediaError) -> Failure:
        """What plays already goes on playing; anything else of the asset is of no use."""
        failure = Failure(code=exc.code, message=exc.message, kind=exc.kind)
        asset = await self._bench.assets.get(self._id)
        keeps_playing = bool(asset.rungs)
        if not keeps_playing:
            await self._bench.blobs.delete(self.folder)
        if isinstance(exc, core.MediaRefused):
            await self._bench.blobs.delete(source_key(self._id))
        unusable: dict[str, object] = {"streaming_url": None, "thumbnail_url": None}
        await self._change(
            "asset.processed",
            lambda asset: {
                "status": Status.VIEWABLE if keeps_playing else Status.FAILED,
                "progress": None,
                "error": failure,
                "timings": self._ended(asset),
                **({} if keeps_playing else unusable),
            },
        )
        return failure

    async def _progressed(self, event: core.Progress) -> None:
        now = anyio.current_time()
        if now - self._told_at < TELL_EVERY_S:
            return
        self._told_at = now
        if self._is_playable and event.stage == "first":
            await self._fill()
        progress = Progress(stage=event.stage, rung=event.rung, ratio=round(event.ratio, 3))
        await self._change("asset.progress", lambda _: {"progress": progress})

    async def _playable(self) -> None:
        self._is_playable = True
        at = self._bench.now()
        url = f"{self._url}/hls/v{self._attempt}/master.m3u8"
        asset = await self._change(
            "asset.viewable",
            lambda asset: {
                "status": Status.VIEWABLE,
                "version": self._attempt,
                "streaming_url": url,
                "timings": asset.timings.model_copy(
                    update={
                        "playable_at": at,
                        "time_to_playable_s": _since(asset.timings.uploaded_at, at),
                    }
                ),
            },
        )
        log.info(
            "asset playable",
            extra={"asset": self._id, "after_s": asset.timings.time_to_playable_s},
        )

    async def _ready(self) -> None:
        asset = await self._change(
            "asset.processed",
            lambda asset: {
                "status": Status.READY,
                "progress": None,
                "timings": self._ended(asset),
            },
        )
        for attempt in range(1, self._attempt):
            await self._bench.blobs.delete(stream_folder(self._id, attempt))
        log.info("asset ready", extra={"asset": self._id, "after_s": asset.timings.time_to_ready_s})

    async def _fill(self) -> None:
        if self.publisher:
            await self.publisher.fill()

    async def _change(self, kind: Kind, fields: Callable[[Asset], dict[str, object]]) -> Asset:
        asset = await self._bench.assets.change(
            self._id, lambda asset: asset.model_copy(update=fields(asset))
        )
        await self._bench.publish(kind, AssetEvent.of(asset, self._bench.now()))
        return asset

    def _ended(self, asset: Asset) -> Timings:
        at = self._bench.now()
        taken_s = _since(asset.timings.uploaded_at, at)
        return asset.timings.model_copy(update={"ended_at": at, "time_to_ready_s": taken_s})

    @property
    def _url(self) -> str:
        return f"{self._bench.public_path}/media/{self._id}"


async def give_up(bench: Bench, id: AssetId, attempt: int, exc: core.MediaError) -> Failure:
    """End an asset for which there will be no further try."""
    return await _Show(bench, id, attempt).failed(exc)


async def _source(blobs: Blobs, id: AssetId, scratch: Path) -> Path:
    """The original as a local file; brought here when the blobs are elsewhere."""
    key = source_key(id)
    path = blobs.path(key)
    if path is None:
        path = scratch / "source"
        async with blobs.read(key) as pieces, await anyio.open_file(path, "wb") as file:
            async for piece in pieces:
                await file.write(piece)
    if not await anyio.Path(path).exists():
        raise NotFoundError(f"cannot find the original of asset {id!r}")
    return path


def _fresh(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "out").mkdir(parents=True)


def _described(metadata: Metadata, probe: core.Probe) -> Metadata:
    video, sound = probe.video, probe.audio
    return metadata.model_copy(
        update={
            "container": probe.container,
            "duration_s": round(probe.duration_s, 3),
            "width": video.width if video else None,
            "height": video.height if video else None,
            "fps": round(float(video.fps), 3) if video else None,
            "video_codec": video.codec if video else None,
            "audio_codec": sound[0].codec if sound else None,
        }
    )


def _since(start: datetime, at: datetime) -> float:
    return round((at - start).total_seconds(), 3)
