"""The hostile set: each file is refused with a code, or handled within the limits."""

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from intertie_media.core.model import GIB
from services.media.tests import samples
from services.media.tests.core import player

pytestmark = pytest.mark.slow
Build = Callable[[Path], Path]


def text(content: bytes) -> Build:
    """A file with this content, named like a film."""

    def build(folder: Path) -> Path:
        path = folder / "upload.mp4"
        path.write_bytes(content)
        return path

    return build


def film(name: str, *arguments: str, size: str = "320x240", rate: int = 25) -> Build:
    """A moving picture of one second, encoded as told."""
    return lambda folder: samples.film(folder / name, *arguments, size=size, seconds=1, rate=rate)


def talkie(name: str, *arguments: str) -> Build:
    """A moving picture with a tone."""
    return lambda folder: samples.talkie(folder / name, *arguments, seconds=1)


def flat(name: str, size: str, *arguments: str) -> Build:
    """A huge black picture that takes little disk."""
    source = ("-f", "lavfi", "-i", f"color=s={size}:r=5:d=1")
    return lambda folder: samples.make(folder / name, *source, *arguments)


def cut(build: Build) -> Build:
    """The first half of a file."""

    def half(folder: Path) -> Path:
        path = build(folder)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        return path

    return half


def without_index(folder: Path) -> Path:
    """An AVI that lost its index and its end."""
    path = samples.film(folder / "broken.avi", "-c:v", "mpeg4", "-q:v", "2", seconds=4)
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"idx1") * 3 // 4])
    return path


def covered(folder: Path) -> Path:
    """An MP3 with a cover, which a naive ladder takes for a film of one frame."""
    cover = samples.make(
        folder / "cover.jpg", "-f", "lavfi", "-i", "testsrc2=s=64x64", "-frames:v", "1"
    )
    sound = ("-f", "lavfi", "-i", "sine=d=1", "-i", str(cover), "-map", "0", "-map", "1")
    return samples.make(
        folder / "song.mp3", *sound, "-c:v", "copy", "-disposition:v", "attached_pic"
    )


def turned(folder: Path) -> Path:
    """A portrait film as phones write it: landscape, with a note to turn it."""
    flat_film = samples.film(folder / "flat.mp4", size="1280x720", seconds=1)
    return samples.make(
        folder / "portrait.mp4", "-i", str(flat_film), "-c", "copy", "-metadata:s:v", "rotate=90"
    )


REFUSED: dict[str, tuple[Build, str]] = {
    "list of other files": (text(b"ffconcat version 1.0\nfile neighbour.mp4\n"), "playlist"),
    "playlist": (text(b"#EXTM3U\n#EXTINF:2,\nneighbour.mp4\n#EXT-X-ENDLIST\n"), "playlist"),
    "text as film": (text(b"\x1b[31mhello, this is a text\n" * 99), "not_media"),
    "text as gif": (text(b"GIF89a is how this text starts\n" * 99), "image"),
    "zero length": (text(b""), "empty"),
    "noise": (text(hashlib.shake_256(b"noise").digest(100_000)), "not_media"),
    "page": (text(b"<!doctype html><html><body>hello</body></html>"), "not_media"),
    "end missing": (cut(film("a.mp4")), "truncated"),
    "rest missing": (cut(film("a.mp4", "-movflags", "faststart")), "truncated"),
    "8K": (flat("8k.mp4", "7680x4320", "-preset", "ultrafast"), "too_large_pixels"),
    "huge picture": (flat("huge.png", "16000x9000", "-frames:v", "1"), "image"),
    "huge picture as film": (
        flat("huge.mov", "16000x9000", "-frames:v", "1", "-c:v", "png"),
        "too_large_pixels",
    ),
}

HDR = ("-pix_fmt", "yuv420p10le", "-color_trc", "smpte2084", "-color_primaries", "bt2020")
FIELDS = ("-vf", "interlace", "-flags", "+ilme+ildct", "-pix_fmt", "yuv420p")
# What is made, and the size of the first rung (0 for sound).
HANDLED: dict[str, tuple[Build, tuple[int, int]]] = {
    "cover art": (covered, (0, 0)),
    "sound alone": (
        lambda folder: samples.make(folder / "a.wav", "-f", "lavfi", "-i", "sine=d=1"),
        (0, 0),
    ),
    "no sound": (film("a.mp4"), (320, 240)),
    "HDR": (film("a.mp4", *HDR, "-colorspace", "bt2020nc"), (320, 240)),
    "4:4:4": (film("a.mp4", "-pix_fmt", "yuv444p"), (320, 240)),
    "RGB": (film("a.mov", "-c:v", "png"), (320, 240)),
    "full range": (film("a.avi", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p"), (320, 240)),
    "two tracks": (talkie("a.mkv", "-map", "0", "-map", "1", "-map", "1"), (320, 240)),
    "six channels": (talkie("a.mkv", "-ac", "6"), (320, 240)),
    "1000 fps": (film("a.mp4", rate=1000), (320, 240)),
    "uneven rate": (
        film("a.mp4", "-vf", "select=not(mod(n\\,7))+lt(n\\,9)", "-vsync", "vfr"),
        (320, 240),
    ),
    "fields": (film("a.mp4", *FIELDS, size="720x576", rate=50), (450, 360)),
    "portrait": (turned, (360, 640)),
    "tiny": (film("a.mp4", size="176x144"), (176, 144)),
    "odd size": (film("a.webm", "-c:v", "libvpx", size="321x241"), (320, 240)),
    "broken index": (without_index, (320, 240)),
}


@dataclass(frozen=True)
class Report:
    """What a fresh process says of one file: see engine.py."""

    refused: str
    message: str
    peak_bytes: int
    """The most that any ffmpeg of it had resident, as the kernel counted."""
    sizes: list[list[int]]
    """Width and height of each rendition in order; 0 for sound."""
    times: dict[str, float]


def through_engine(source: Path, out: Path) -> Report:
    """Probe and publish `source` in a process of its own, so that its memory can be told."""
    command = [sys.executable, "-m", "services.media.tests.core.engine", str(source), str(out)]
    done = subprocess.run(command, cwd=samples.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = Report(**json.loads(done.stdout))
    assert report.peak_bytes <= GIB
    return report


@pytest.mark.parametrize("name", REFUSED)
def test_refused(tmp_path: Path, name: str) -> None:
    """The file is refused with its code and a sentence that says what to do."""
    samples.film(tmp_path / "neighbour.mp4", seconds=0.2)
    build, code = REFUSED[name]

    report = through_engine(build(tmp_path), tmp_path / "out")

    assert report.refused == code
    assert re.match(r"cannot take the file: .+; \w+", report.message)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", HANDLED)
def test_handled(tmp_path: Path, name: str) -> None:
    """The file becomes what every browser plays: 8-bit 4:2:0 at its own shape, stereo AAC."""
    build, size = HANDLED[name]

    report = through_engine(build(tmp_path), tmp_path / "out")

    assert report.refused == ""
    assert tuple(report.sizes[0]) == size
    playlists = sorted((tmp_path / "out").glob("*/index.m3u8"))
    assert len(playlists) == len(report.sizes)
    for playlist in playlists:
        stream = player.play(playlist).streams[0]
        wanted = ("aac", 2, "") if "audio" in playlist.parent.name else ("h264", 0, "yuv420p")
        assert (stream.codec, stream.channels, stream.pixel_format) == wanted


def test_light_is_mapped(tmp_path: Path) -> None:
    """HDR comes out marked, and meant, for ordinary screens."""
    through_engine(HANDLED["HDR"][0](tmp_path), tmp_path / "out")

    stream = player.play(tmp_path / "out" / "240p" / "index.m3u8").streams[0]
    assert stream.colour.startswith("tv, bt709")


def test_fields_are_joined(tmp_path: Path) -> None:
    """The source is made of fields, and none are left in the result."""
    source = HANDLED["fields"][0](tmp_path)
    assert player.fields(source, container="mov")[0] > 20

    through_engine(source, tmp_path / "out")

    woven, plain = player.fields(tmp_path / "out" / "576p" / "index.m3u8")
    assert woven == 0
    assert plain > 20


def test_frame_rate_is_capped(tmp_path: Path) -> None:
    """A thousand frames a second become an even 58.8."""
    through_engine(HANDLED["1000 fps"][0](tmp_path), tmp_path / "out")

    assert "FRAME-RATE=58.824" in (tmp_path / "out" / "master.m3u8").read_text()
    assert player.fragments(tmp_path / "out" / "240p")[0].samples == 59


def test_both_tracks_are_offered(tmp_path: Path) -> None:
    """Each audio track is a rendition of one group."""
    through_engine(HANDLED["two tracks"][0](tmp_path), tmp_path / "out")

    master = (tmp_path / "out" / "master.m3u8").read_text()
    assert master.count("#EXT-X-MEDIA:TYPE=AUDIO") == 2
