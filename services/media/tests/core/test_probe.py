from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from intertie_media.core.dump import describe
from intertie_media.core.errors import MediaRefused
from intertie_media.core.model import Limits
from intertie_media.core.probe import check, digest, play_rate, probe
from services.media.tests import samples

LIMITS = Limits()
TEXT = """\
[info]   Duration: 00:00:10.00, start: 0.000000, bitrate: 1000 kb/s
[info]   Stream #0:0: Video: {picture}
[info]   Stream #0:1(und): Audio: aac (LC), 48000 Hz, stereo, fltp, 96 kb/s (default)
"""
PLAIN = "h264 (High), yuv420p(tv, bt709, progressive), 1920x1080, 25 fps, 25 tbr, 90k tbn"


@pytest.mark.parametrize(
    ("nominal", "mean", "rate"),
    [
        (25, 25, Fraction(25)),
        (30.01, 27.02, Fraction(30)),
        (29.97, 29.97, Fraction(30000, 1001)),
        (23.98, 23.98, Fraction(24000, 1001)),
        (59.94, 59.94, Fraction(60000, 1001)),
        (90_000, 24.99, Fraction(25)),
        (120, 120, Fraction(60)),
        (1000, 1000, Fraction(1000, 17)),
        (0, 12.5, Fraction(25, 2)),
        (0.1, 0.1, Fraction(1)),
        (0, 0, Fraction(1)),
    ],
)
def test_play_rate_is_sane(nominal: float, mean: float, rate: Fraction) -> None:
    """The nominal rate counts where it is one; nothing plays faster than 60 or slower than 1."""
    assert play_rate(nominal, mean) == rate


@pytest.mark.parametrize(
    ("picture", "facts"),
    [
        (PLAIN, {"width": 1920, "height": 1080, "bitrate": 904_000, "frames": 250}),
        (PLAIN.replace("bt709, ", "bt2020nc/bt2020/smpte2084, "), {"hdr": "pq"}),
        (PLAIN.replace("bt709, ", "bt2020nc/bt2020/arib-std-b67, "), {"hdr": "hlg"}),
        (PLAIN.replace("progressive", "top first"), {"may_be_interlaced": True}),
        (
            PLAIN.replace("progressive", "top first").replace("25 tbr", "50 tbr"),
            {"fps": Fraction(25)},
        ),
        (PLAIN.replace("1920x1080", "720x576 [SAR 64:45 DAR 16:9]"), {"width": 1024}),
        (PLAIN.replace("1920x1080", "720x576 [SAR 1000:1 DAR 16:9]"), {"width": 720}),
        (
            PLAIN + "\n[info]       displaymatrix: rotation of 90.00 degrees",
            {"width": 1080, "height": 1920, "rotation": 90, "coded_pixels": 1920 * 1080},
        ),
    ],
)
def test_picture_is_described_as_it_will_be_shown(picture: str, facts: dict[str, object]) -> None:
    """Rotation and pixel shape are worked in; light, fields and rates are told."""
    video = digest(describe(TEXT.format(picture=picture)), "mov", 1).video

    assert {name: getattr(video, name) for name in facts} == facts


def test_undetermined_language_is_none() -> None:
    """`und` is not a language."""
    assert digest(describe(TEXT.format(picture=PLAIN)), "mov", 1).audio[0].language == ""


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (replace(LIMITS, max_pixels=1000), "too_large_pixels"),
        (replace(LIMITS, max_pixel_frames=250 * 1920 * 1080 - 1), "too_many_pixels"),
        (replace(LIMITS, max_duration_s=9), "too_long"),
        (replace(LIMITS, max_streams=1), "too_many_streams"),
    ],
)
def test_cost_is_known_before_decoding(limits: Limits, code: str) -> None:
    """Pixels, frames, length and streams are checked against the limits."""
    described = describe(TEXT.format(picture=PLAIN))
    found = digest(described, "mov", 1)
    check(described, found, LIMITS)

    with pytest.raises(MediaRefused) as refusal:
        check(described, found, limits)

    assert refusal.value.code == code


def test_sliver_of_a_picture_is_refused() -> None:
    """A side below 16 cannot be encoded or seen."""
    described = describe(TEXT.format(picture=PLAIN.replace("1920x1080", "640x8")))

    with pytest.raises(MediaRefused) as refusal:
        check(described, digest(described, "mov", 1), LIMITS)

    assert refusal.value.code == "too_small"


def test_streams_that_cannot_be_decoded_are_none() -> None:
    """A container without a known codec holds nothing to play."""
    text = TEXT.format(picture="none (abcd / 0x1), none").replace("aac (LC)", "none")

    with pytest.raises(MediaRefused) as refusal:
        digest(describe(text), "mov", 1)

    assert refusal.value.code == "no_streams"


@pytest.mark.slow
@pytest.mark.anyio
@pytest.mark.parametrize("program", samples.programs(), ids=lambda path: path.name)
async def test_phone_video_is_understood(program: Path) -> None:
    """Each ffmpeg tells the same of a real phone's file."""
    found = await probe(samples.phone_video(), limits=LIMITS, ffmpeg=program)

    assert (found.container, found.duration_s) == ("mov", 1.6)
    assert found.video
    assert (found.video.width, found.video.height) == (1920, 1080)
    assert found.video.fps == Fraction(30)
    assert [(track.channels, track.language) for track in found.audio] == [(2, "eng")]


@pytest.mark.slow
@pytest.mark.anyio
@pytest.mark.parametrize("suffix", ["mp4", "avi", "ogg", "mpeg"])
async def test_containers_agree_on_the_length(suffix: str) -> None:
    """The same film in four containers lasts 8.3 s."""
    found = await probe(samples.screen_video(suffix), limits=LIMITS)

    assert found.duration_s == pytest.approx(8.3, abs=0.1)


@pytest.mark.slow
@pytest.mark.anyio
async def test_name_does_not_matter(tmp_path: Path) -> None:
    """A film named like a text, and a text named like a film, are what they are."""
    film = samples.film(tmp_path / "film.mp4", seconds=0.2).rename(tmp_path / "notes.txt")

    assert (await probe(film, limits=LIMITS)).container == "mov"


def recorded(target: Path) -> Path:
    """A WebM as a browser records it: without a duration."""
    made = samples.film(target.with_suffix(".webm"), "-c:v", "libvpx", "-live", "1", seconds=1)
    return made.rename(target)


def cover_art(target: Path) -> Path:
    """An MP3 with a picture."""
    picture = samples.make(
        target.with_suffix(".jpg"), "-f", "lavfi", "-i", "testsrc2=s=64x64", "-frames:v", "1"
    )
    arguments = ("-f", "lavfi", "-i", "sine=d=1", "-i", str(picture), "-map", "0", "-map", "1")
    options = ("-c:v", "copy", "-disposition:v", "attached_pic", "-f", "mp3")
    return samples.make(target, *arguments, *options)


@pytest.mark.slow
@pytest.mark.anyio
@pytest.mark.parametrize(
    ("build", "container", "picture"),
    [(recorded, "matroska", True), (cover_art, "mp3", False)],
    ids=["no duration", "cover art"],
)
async def test_missing_length_is_measured_and_covers_are_no_film(
    tmp_path: Path, build: Callable[[Path], Path], container: str, picture: bool
) -> None:
    """A length that the header lacks is read off the packets; a cover is not a film."""
    found = await probe(build(tmp_path / "upload"), limits=LIMITS)

    assert found.container == container
    assert found.duration_s == pytest.approx(1.0, abs=0.1)
    assert (found.video is not None) is picture


@pytest.mark.slow
@pytest.mark.anyio
@pytest.mark.parametrize("program", samples.programs(), ids=lambda path: path.name)
async def test_description_smuggled_into_a_tag_is_refused(tmp_path: Path, program: Path) -> None:
    """A tag whose name holds a line of ffmpeg's own cannot pass for a smaller picture."""
    lie = "x\n[info]   Stream #0:0: Video: h264, yuv420p, 16x16, 25 fps, 25 tbr=y"
    film = samples.film(
        tmp_path / "lie.mp4", "-movflags", "use_metadata_tags", "-metadata", lie, seconds=0.2
    )

    with pytest.raises(MediaRefused):
        await probe(film, limits=LIMITS, ffmpeg=program)
