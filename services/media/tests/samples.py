"""Finds the real videos that tests use, and makes synthetic ones."""

import subprocess
from functools import cache
from pathlib import Path

import imageio_ffmpeg
import pytest

from intertie_media.core import ffmpeg

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = "forensics-samples-files"


def phone_video() -> Path:
    """1.6 s from a phone: 1080p, uneven frame rate, 13 Mbit/s, with the place it was taken at."""
    return _packaged("VID_20191220_170832.mp4")


def screen_video(suffix: str) -> Path:
    """8 s that start late, as mp4, avi, ogg or mpeg."""
    return _packaged(f"movie-hello.{suffix}")


def big_buck_bunny() -> Path:
    """5.3 s of animation, 720p with six channels of sound."""
    path = ROOT / ".cache" / "samples" / "bigbuckbunny.mp4"
    if not path.exists():
        pytest.skip(f"no {path.relative_to(ROOT)}; run tools/sample.py")
    return path


def programs() -> list[Path]:
    """Each ffmpeg at hand: the system's, oldest we support, and the wheel's, newest."""
    found = [ffmpeg.locate(), Path(imageio_ffmpeg.get_ffmpeg_exe())]
    return list(dict.fromkeys(found))


def make(target: Path, *arguments: str) -> Path:
    """Write `target` by one ffmpeg line."""
    command = [str(ffmpeg.locate()), "-v", "error", "-nostdin", "-y", *arguments, str(target)]
    subprocess.run(command, check=True, capture_output=True)
    return target


def film(
    target: Path, *arguments: str, size: str = "320x240", seconds: float = 2, rate: int = 25
) -> Path:
    """A test picture that moves; `arguments` are for the output."""
    source = f"testsrc2=s={size}:r={rate}:d={seconds}"
    return make(target, "-f", "lavfi", "-i", source, *(arguments or ("-pix_fmt", "yuv420p")))


def talkie(target: Path, *arguments: str, seconds: float = 2) -> Path:
    """The same with a tone."""
    picture = ("-f", "lavfi", "-i", f"testsrc2=s=320x240:r=25:d={seconds}")
    tone = ("-f", "lavfi", "-i", f"sine=d={seconds}")
    return make(target, *picture, *tone, "-pix_fmt", "yuv420p", *arguments)


def _packaged(name: str) -> Path:
    found = next((path for path in _packaged_files() if path.name == name), None)
    if found is None:
        pytest.skip(f"no {name}; install the Debian package {PACKAGE}")
    return found


@cache
def _packaged_files() -> tuple[Path, ...]:
    try:
        listing = subprocess.run(
            ["dpkg", "-L", PACKAGE], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ()
    return tuple(Path(line) for line in listing.stdout.splitlines())
