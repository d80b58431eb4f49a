"""Makes the HLS renditions of one asset, the first rung first."""

import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar, TypeVarTuple

import anyio
from anyio import to_thread

from intertie_media.core import commands, playlist
from intertie_media.core.boxes import BadBoxes
from intertie_media.core.errors import MediaError
from intertie_media.core.ffmpeg import (
    CLEANUP_S,
    Budget,
    Outcome,
    diagnose,
    locate,
    run,
    workbench,
)
from intertie_media.core.ladder import audio_ladder, ladder
from intertie_media.core.model import (
    AudioRung,
    Event,
    Limits,
    Playable,
    PosterReady,
    Probe,
    Progress,
    Published,
    Ready,
    Rung,
    RungReady,
    VideoStream,
)
from intertie_media.core.shelf import INDEX, Shelf, write_whole
from intertie_media.core.verify import broken, verify

OnEvent = Callable[[Event], Awaitable[None]]
Args = TypeVarTuple("Args")
Result = TypeVar("Result")
MASTER = "master.m3u8"
POSTER = "poster.jpg"
STAGING = ".staging"

# Superfast with three rungs takes some 20 CPU-seconds a gigapixel here; ten times that is a fault.
BASE_CPU_S = 60
CPU_S_PER_GIGAPIXEL = 200
WALL_PER_CPU = 4


async def transcode(
    source: Path,
    probe: Probe,
    out_dir: Path,
    *,
    on_event: OnEvent,
    limits: Limits,
    ffmpeg: Path | None = None,
) -> Published:
    """Fill `out_dir` with master.m3u8, poster.jpg and one folder a rendition.

    `out_dir` belongs to this call: what an earlier try left there is deleted first. Events, in
    order: Progress(first)…, Playable (as soon as two seconds exist), RungReady(first rung),
    PosterReady (unless audio only), then Progress(rest)…, RungReady for each other rung, Ready.
    Raises MediaError; master.m3u8 then is gone unless the first rung was already verified.
    """
    rungs, tracks = ladder(probe), audio_ladder(probe)
    await _disk(_clear, out_dir)
    try:
        async with workbench(source, out_dir / STAGING) as bench:
            budget = _budget(probe, rungs, limits)
            line = _Line(ffmpeg or locate(), bench, out_dir, probe, limits, budget, on_event)
            shelves = await line.first([*rungs[:1], *tracks])
            poster = await line.poster()
            shelves = await line.rest(rungs[1:], shelves)
    finally:
        with anyio.move_on_after(CLEANUP_S, shield=True):
            await _disk(_drop, out_dir / STAGING)
    renditions = tuple(shelf.rendition(ended=True) for shelf in shelves)
    duration = max(each.duration_s for each in renditions)
    published = Published(out_dir / MASTER, poster, renditions, duration)
    await on_event(Ready(published))
    return published


@dataclass(frozen=True, slots=True)
class _Line:
    """The production line of one asset: one ffmpeg at a time."""

    ffmpeg: Path
    bench: Path
    out_dir: Path
    probe: Probe
    limits: Limits
    budget: Budget
    on_event: OnEvent

    async def first(self, rungs: Sequence[Rung | AudioRung]) -> list[Shelf]:
        """Make the first rung and all audio; players may read them while they grow."""
        shelves = [
            Shelf(rung, self.staging / rung.name, self.out_dir / rung.name, growing=True)
            for rung in rungs
        ]
        watch = _Watch(self, "first", shelves)
        try:
            await self._make(shelves, watch)
            await self._prove(shelves, [f"../{rung.name}" for rung in rungs])
            await self.master(shelves, ended=True)
        except BaseException:
            with anyio.move_on_after(CLEANUP_S, shield=True):
                await _disk(_clear, self.out_dir)
            raise
        if not watch.playable:
            await self.on_event(Playable(self.out_dir / MASTER))
        await self.on_event(RungReady(rungs[0].name))
        return shelves

    async def rest(self, rungs: Sequence[Rung], first: list[Shelf]) -> list[Shelf]:
        """Make all other rungs in one go; returns all shelves, pictures in front."""
        if not rungs:
            return first
        places = [self.staging / rung.name for rung in rungs]
        fresh = [
            Shelf(rung, place, place, growing=False)
            for rung, place in zip(rungs, places, strict=True)
        ]
        await self._make(fresh, _Watch(self, "rest", fresh))
        shelves = [*first[:1], *fresh, *first[1:]]
        verify(shelves, self.probe)
        await self._prove(fresh, [rung.name for rung in rungs])
        for place in places:
            await _disk(place.replace, self.out_dir / place.name)
        await self.master(shelves, ended=True)
        for rung in rungs:
            await self.on_event(RungReady(rung.name))
        return shelves

    async def poster(self) -> Path | None:
        """Take one frame; from the very start where the file cannot be searched."""
        video = self.probe.video
        if video is None:
            return None
        outcome = await self._poster(video, seek=True)
        if outcome.code or not await _disk(_is_jpeg, self.staging / POSTER):
            outcome = await self._poster(video, seek=False)
        if outcome.code or not await _disk(_is_jpeg, self.staging / POSTER):
            raise diagnose(outcome)
        target = self.out_dir / POSTER
        await _disk((self.staging / POSTER).replace, target)
        await self.on_event(PosterReady(target))
        return target

    async def _poster(self, video: VideoStream, *, seek: bool) -> Outcome:
        return await self._run(commands.poster(self.probe, video, self.limits, seek=seek))

    async def master(self, shelves: Sequence[Shelf], *, ended: bool) -> None:
        """Publish the master playlist of `shelves`."""
        text = playlist.master([shelf.rendition(ended=ended) for shelf in shelves])
        await _disk(write_whole, self.out_dir / MASTER, text)

    @property
    def staging(self) -> Path:
        """Where ffmpeg writes; never named by a playlist."""
        return self.out_dir / STAGING

    async def _make(self, shelves: Sequence[Shelf], watch: "_Watch") -> None:
        """Encode `shelves` and take over every segment."""
        rungs = [shelf.rung for shelf in shelves if isinstance(shelf.rung, Rung)]
        tracks = [shelf.rung for shelf in shelves if isinstance(shelf.rung, AudioRung)]
        await _disk(_make_folders, shelves)
        await self._succeed(commands.encode(self.probe, rungs, tracks, self.limits), watch)
        await gather(shelves)

    async def _prove(self, shelves: Sequence[Shelf], folders: Sequence[str]) -> None:
        """Write the final playlists and decode all they name."""
        verify(shelves, self.probe)
        await _disk(partial(_write_all, shelves, ended=True))
        names = [f"{folder}/{INDEX}" for folder in folders]
        outcome = await self._run(commands.decode(names, self.limits))
        if outcome.code or outcome.tail:
            raise broken(f"{', '.join(folders)} cannot be decoded ({outcome.tail[:200]})")

    async def _succeed(self, arguments: Sequence[str], on_line: "_Watch") -> None:
        outcome = await self._run(arguments, on_line)
        if outcome.code:
            raise diagnose(outcome)

    async def _run(self, arguments: Sequence[str], on_line: "_Watch | None" = None) -> Outcome:
        return await run(
            self.ffmpeg,
            arguments,
            self.bench,
            limits=self.limits,
            budget=self.budget,
            on_line=on_line,
        )


@dataclass(slots=True)
class _Watch:
    """Follows ffmpeg's progress lines: reports, and shows what may be shown already."""

    line: _Line
    stage: Literal["first", "rest"]
    shelves: Sequence[Shelf]
    playable: bool = False
    ratio: float = 0.0

    async def __call__(self, text: str) -> None:
        key, _, value = text.partition("=")
        if key == "out_time_us" and value.strip().isdigit():
            self.ratio = min(1.0, int(value) / 1e6 / max(self.line.probe.duration_s, 0.001))
        elif key == "progress":
            names = "+".join(shelf.rung.name for shelf in self.shelves)
            await self.line.on_event(Progress(self.stage, names, self.ratio))
            # At the end all is verified before it is shown.
            if self.stage == "first" and value.strip() == "continue":
                await self._show()

    async def _show(self) -> None:
        if not await gather(self.shelves) or not all(shelf.segments for shelf in self.shelves):
            return
        await _disk(partial(_write_all, self.shelves, ended=False))
        if not self.playable:
            await self.line.master(self.shelves, ended=False)
            self.playable = True
            await self.line.on_event(Playable(self.line.out_dir / MASTER))


async def gather(shelves: Sequence[Shelf]) -> bool:
    """Take over what ffmpeg finished on any shelf; whether there was something."""
    try:
        return any([await _disk(shelf.gather) for shelf in shelves])
    except BadBoxes as exc:
        raise broken(f"ffmpeg wrote what cannot be read: {exc}") from exc


async def _disk(work: Callable[[*Args], Result], *args: *Args) -> Result:
    """Do blocking work on files; what the disk refuses is for the operator to mend."""
    try:
        return await to_thread.run_sync(work, *args)
    except OSError as exc:
        raise MediaError(
            f"cannot store the video: {exc.strerror}; make room or access, then try again",
            code="storage",
            kind="capacity",
        ) from exc


def _budget(probe: Probe, rungs: Sequence[Rung], limits: Limits) -> Budget:
    """Time for one run, in proportion to the pixels that go in and come out."""
    made = sum(rung.width * rung.height * rung.fps for rung in rungs) * probe.duration_s
    taken = probe.video.coded_pixels * probe.video.frames if probe.video else 0
    cpu_s = BASE_CPU_S + probe.duration_s + CPU_S_PER_GIGAPIXEL * (float(made) + taken) / 1e9
    return Budget(cpu_s, WALL_PER_CPU * cpu_s, limits.stall_s)


def _clear(folder: Path) -> None:
    """Leave `folder` empty but for the staging place."""
    _drop(folder)
    (folder / STAGING).mkdir(parents=True)


def _drop(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _make_folders(shelves: Sequence[Shelf]) -> None:
    for shelf in shelves:
        shelf.made.mkdir()


def _write_all(shelves: Sequence[Shelf], *, ended: bool) -> None:
    for shelf in shelves:
        shelf.write(ended=ended)


def _is_jpeg(path: Path) -> bool:
    try:
        return path.read_bytes()[:2] == b"\xff\xd8"
    except FileNotFoundError:
        return False
