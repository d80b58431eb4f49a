import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import psutil
import pytest

from intertie_media.core import (
    Event,
    Limits,
    MediaError,
    Playable,
    PosterReady,
    Progress,
    Published,
    Ready,
    RungReady,
    probe,
    transcode,
)
from services.media.tests import samples
from services.media.tests.core import player

pytestmark = [pytest.mark.slow, pytest.mark.anyio]
LIMITS = Limits()
FAST = ("-preset", "ultrafast", "-pix_fmt", "yuv420p")  # for making sources, not for results
PROGRAMS = pytest.mark.parametrize("program", samples.programs(), ids=lambda path: path.name)


@dataclass
class Publisher:
    """Transcodes into a folder and remembers the events; `react` sees each as it comes."""

    out: Path
    react: Callable[[Event], object] = lambda event: None
    events: list[Event] = field(default_factory=list[Event])

    async def publish(self, source: Path, program: Path | None = None) -> Published:
        """Probe and transcode `source`."""
        found = await probe(source, limits=LIMITS, ffmpeg=program)
        return await transcode(
            source, found, self.out, on_event=self.note, limits=LIMITS, ffmpeg=program
        )

    async def note(self, event: Event) -> None:
        """Remember `event`."""
        self.events.append(event)
        self.react(event)

    @property
    def milestones(self) -> list[Event]:
        """All events but progress."""
        return [event for event in self.events if not isinstance(event, Progress)]

    def files(self) -> list[str]:
        """What is in the folder, by name."""
        return sorted(path.name for path in self.out.iterdir())


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    """Publishes into a folder that does not exist yet."""
    return Publisher(tmp_path / "asset")


@PROGRAMS
async def test_phone_video_becomes_a_ladder(publisher: Publisher, program: Path) -> None:
    """A real 1080p clip ends as three rungs, sound and a poster, the first rung first."""
    published = await publisher.publish(samples.phone_video(), program)

    master = publisher.out / "master.m3u8"
    assert publisher.milestones == [
        Playable(master),
        RungReady("360p"),
        PosterReady(publisher.out / "poster.jpg"),
        RungReady("720p"),
        RungReady("1080p"),
        Ready(published),
    ]
    assert [each.name for each in published.renditions] == ["360p", "720p", "1080p", "audio"]
    assert published.duration_s == pytest.approx(1.6, abs=0.1)
    assert publisher.files() == sorted(
        ["1080p", "360p", "720p", "audio", "master.m3u8", "poster.jpg"]
    )


@PROGRAMS
async def test_all_of_it_plays(publisher: Publisher, program: Path) -> None:
    """Another ffmpeg reads the master and decodes every rendition without a fault."""
    await publisher.publish(samples.phone_video(), program)

    seen = player.play(publisher.out / "master.m3u8")

    pictures = [stream for stream in seen.streams if stream.kind == "video"]
    assert [(each.width, each.height) for each in pictures] == [
        (640, 360),
        (1280, 720),
        (1920, 1080),
    ]
    assert {each.pixel_format for each in pictures} == {"yuv420p"}


@PROGRAMS
async def test_place_and_device_are_in_no_public_file(publisher: Publisher, program: Path) -> None:
    """The phone wrote where and with what the clip was taken; nothing of it gets out."""
    source = samples.phone_video()
    private = [b"-15.8355", b"com.android", b"\xa9xyz", b"location", b"VideoHandle\0", b"mp42"]
    original = source.read_bytes()
    assert all(tag in original for tag in private[:3])

    await publisher.publish(source, program)

    public = [path for path in publisher.out.rglob("*") if path.is_file()]
    assert len(public) > 8
    for path in public:
        content = path.read_bytes()
        assert [tag for tag in private if tag in content] == [], path.name


async def test_announced_rates_are_kept(publisher: Publisher) -> None:
    """No two seconds need more than the BANDWIDTH that the master promises."""
    published = await publisher.publish(samples.big_buck_bunny())

    text = published.master.read_text()
    rates = [int(rate) for rate in re.findall(r":BANDWIDTH=(\d+)", text)]
    *pictures, sound = published.renditions
    loudest = max(segment.size_bytes * 8 / segment.duration_s for segment in sound.segments[:-1])
    for rate, picture in zip(rates, pictures, strict=True):
        whole = [segment for segment in picture.segments if segment.duration_s >= 1]
        peak = max(segment.size_bytes * 8 / segment.duration_s for segment in whole)
        assert peak + loudest <= rate


async def test_surround_sound_becomes_stereo(publisher: Publisher) -> None:
    """Six channels are mixed down to the two that each device plays."""
    await publisher.publish(samples.big_buck_bunny())

    sound = player.play(publisher.out / "audio" / "index.m3u8").streams[0]

    assert (sound.codec, sound.channels) == ("aac", 2)


async def test_rungs_can_be_switched_at_each_segment(publisher: Publisher) -> None:
    """Segments of all rungs start at the same times, each with a key frame."""
    await publisher.publish(samples.screen_video("mp4"))

    folders = [publisher.out / name for name in ("360p", "720p")]
    assert player.starts_s(folders[0]) == pytest.approx(player.starts_s(folders[1]))
    assert len(player.starts_s(folders[0])) == 5
    for folder in folders:
        assert all(fragment.starts_with_key for fragment in player.fragments(folder))


async def test_film_plays_while_it_grows(publisher: Publisher, tmp_path: Path) -> None:
    """The first seconds play before the rung is complete; later playlists only add lines."""
    index = publisher.out / "360p" / "index.m3u8"
    seen: list[str] = []

    def look(event: Event) -> None:
        if isinstance(event, Playable):
            seen.append(index.read_text())
            player.play(event.master, seconds=1)

    publisher.react = look
    await publisher.publish(samples.film(tmp_path / "long.mp4", *FAST, size="640x360", seconds=20))

    early, final = seen[0], index.read_text()
    assert "#EXT-X-ENDLIST" not in early
    assert final.startswith(early)
    assert final.endswith("#EXT-X-ENDLIST\n")
    assert final.count("#EXTINF") == 10


async def test_progress_rises_to_the_end(publisher: Publisher, tmp_path: Path) -> None:
    """Each stage reports its rungs and how far it is, up to 1."""
    await publisher.publish(samples.film(tmp_path / "film.mp4", *FAST, size="1280x720", seconds=4))

    steps = [event for event in publisher.events if isinstance(event, Progress)]
    for stage, rungs in (("first", "360p"), ("rest", "720p")):
        ratios = [step.ratio for step in steps if (step.stage, step.rung) == (stage, rungs)]
        assert ratios == sorted(ratios)
        assert ratios[-1] == pytest.approx(1.0, abs=0.05)


async def test_cut_off_film_is_withdrawn(publisher: Publisher, tmp_path: Path) -> None:
    """A Matroska that ends early plays at first, then is found out and taken back."""
    whole = samples.film(tmp_path / "whole.mkv", seconds=20)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])

    with pytest.raises(MediaError) as error:
        await publisher.publish(cut)

    assert (error.value.code, error.value.kind) == ("truncated", "input")
    assert publisher.files() == []


async def test_first_rung_survives_a_later_fault(publisher: Publisher, tmp_path: Path) -> None:
    """What was verified stays playable when the work on the other rungs fails."""

    def fail(event: Event) -> None:
        if isinstance(event, Progress) and event.stage == "rest":
            raise LookupError("the store is gone")

    publisher.react = fail
    film = samples.film(tmp_path / "film.mp4", *FAST, size="1280x720", seconds=1)
    with pytest.raises(LookupError):
        await publisher.publish(film)

    assert publisher.files() == ["360p", "master.m3u8", "poster.jpg"]
    assert [stream.width for stream in player.play(publisher.out / "master.m3u8").streams] == [640]


async def test_another_try_starts_afresh(publisher: Publisher, tmp_path: Path) -> None:
    """Leftovers of an earlier try in the folder are gone."""
    publisher.out.mkdir()
    (publisher.out / "999p").mkdir()
    (publisher.out / "master.m3u8").write_text("old")
    film = samples.film(tmp_path / "film.mp4", seconds=1)

    await publisher.publish(film)
    await publisher.publish(film)

    assert publisher.files() == ["240p", "master.m3u8", "poster.jpg"]


async def test_storage_that_fails_is_not_the_files_fault(tmp_path: Path) -> None:
    """Where the folder cannot be made, another try may succeed."""
    film = samples.film(tmp_path / "film.mp4", seconds=0.2)
    (tmp_path / "taken").touch()

    with pytest.raises(MediaError, match="cannot store the video: ") as error:
        await Publisher(tmp_path / "taken" / "asset").publish(film)

    assert (error.value.code, error.value.retryable) == ("storage", True)


@pytest.mark.parametrize("stage", ["first", "rest"])
async def test_cancelling_leaves_no_process_and_no_part(
    publisher: Publisher, tmp_path: Path, stage: str
) -> None:
    """Whenever it is cancelled, ffmpeg is dead and only verified files are left."""
    film = samples.film(tmp_path / "film.mp4", *FAST, size="1280x720", seconds=10)
    before = set(psutil.Process().children(recursive=True))
    async with anyio.create_task_group() as group:

        def stop(event: Event) -> None:
            if isinstance(event, Progress) and event.stage == stage:
                group.cancel_scope.cancel()

        publisher.react = stop
        await publisher.publish(film)

    assert set(psutil.Process().children(recursive=True)) <= before
    left = [] if stage == "first" else ["360p", "master.m3u8", "poster.jpg"]
    assert publisher.files() == left
