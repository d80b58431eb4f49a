r"""Reads what ffmpeg prints about an input, the one description that every build can give.

ffprobe's JSON would be nicer, but the wheel that stands in for a system ffmpeg carries no ffprobe,
and two ways of probing would be two sets of faults. The text is printed by libavformat/dump.c and
has kept its form from ffmpeg 4 to 9. It is not trusted: `level+info` marks the start of each line
that ffmpeg itself begins, so text inside tags cannot open a line of its own except through a
newline in a tag's *name*, and a description that says anything twice is refused.
"""

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

DURATION = re.compile(
    r"^\[info\]   Duration: (?:N/A|(\d+):(\d\d):(\d\d\.\d+)).*?bitrate: (?:N/A|(\d+) kb/s)$"
)
STREAM = re.compile(
    r"^\[info\]   Stream #0:(\d+)(?:\[0x[0-9a-f]+\])?(?:\(([A-Za-z0-9_-]{0,35})\))?"
    r": (Video|Audio|Subtitle|Data|Attachment|Unknown): (.*)$"
)
KIND = re.compile(r": (?:Video|Audio|Subtitle|Data|Attachment|Unknown): ")
ANY_STREAM = "[info]   Stream #0:"
ROTATION = re.compile(
    r"^\[info\]\s+(?:displaymatrix|Display Matrix): rotation of (-?\d+\.\d+) degrees$"
)
OVERSIZE = re.compile(r"^\[.*\[error\] Picture size (\d+)x(\d+) exceeds specified max pixel count")
COMMA = re.compile(r", (?![^(]*\))")
DIMENSIONS = re.compile(r"^(\d+)x(\d+)\b")
SAMPLE_ASPECT = re.compile(r"\bSAR (\d+):(\d+)")
NUMBER = re.compile(r"^([\d.]+)(k?) (fps|tbr|kb/s|Hz)\b")
LAYOUTS = {"mono": 1, "stereo": 2, "downmix": 2, "quad": 4, "hexagonal": 6, "octagonal": 8}


@dataclass(frozen=True, slots=True)
class Described:
    """One stream, as printed."""

    index: int
    kind: Literal["video", "audio", "other"]
    codec: str
    language: str = ""
    pixel_format: str = ""
    colour: str = ""
    """What stands in brackets behind the pixel format."""
    width: int = 0
    height: int = 0
    sample_aspect: Fraction = Fraction(1)
    fps: float = 0.0
    base_fps: float = 0.0
    """ffmpeg's `tbr`: the guessed nominal rate."""
    bitrate: int = 0
    sample_rate: int = 0
    channels: int = 0
    rotation: int = 0
    attached_picture: bool = False


@dataclass(frozen=True, slots=True)
class Description:
    """One input, as printed."""

    duration_s: float | None
    bitrate: int
    streams: tuple[Described, ...]
    oversize: tuple[int, int] = (0, 0)
    """Width and height of a picture that `-max_pixels` kept from being decoded."""


class Unreadable(ValueError):
    """The text is not what ffmpeg prints about one input."""


def describe(text: str) -> Description:
    """Parse stderr of `ffmpeg -loglevel level+info -i …`; raises Unreadable."""
    header: tuple[float | None, int] | None = None
    streams: dict[int, Described] = {}
    latest, oversize = -1, (0, 0)
    for line in text.splitlines():
        if found := DURATION.match(line):
            if header:
                raise Unreadable("two durations")
            header = _header(found)
        elif line.startswith(ANY_STREAM):
            stream = _stream(line)
            latest = stream.index
            # A transport stream prints a stream once for each programme it belongs to.
            if streams.setdefault(latest, stream) != stream:
                raise Unreadable(f"stream {latest} is described twice")
        elif latest in streams and (found := ROTATION.match(line)):
            streams[latest] = _rotated(streams[latest], float(found[1]))
        elif found := OVERSIZE.match(line):
            oversize = int(found[1]), int(found[2])
    if header is None:
        raise Unreadable("no duration line")
    return Description(*header, tuple(streams[key] for key in sorted(streams)), oversize)


def _header(found: re.Match[str]) -> tuple[float | None, int]:
    hours, minutes, seconds, rate = found.groups()
    duration = int(hours) * 3600 + int(minutes) * 60 + float(seconds) if hours else None
    return duration, int(rate or 0) * 1000


def _stream(line: str) -> Described:
    found = STREAM.match(line)
    # A language tag is free text in Matroska and could begin a description of its own.
    if found is None or len(KIND.findall(line)) != 1:
        raise Unreadable("a stream is described oddly")
    language = found[2] or ""
    codec, *fields = COMMA.split(found[4])
    base = Described(int(found[1]), "other", codec.partition(" ")[0], language)
    if found[3] == "Video":
        return _video(base, fields, line)
    return _audio(base, fields) if found[3] == "Audio" else base


def _video(base: Described, fields: list[str], line: str) -> Described:
    pixel_format, _, colour = (fields[0] if fields else "").partition("(")
    size = next((found for field in fields if (found := DIMENSIONS.match(field))), None)
    aspect = next((found for field in fields if (found := SAMPLE_ASPECT.search(field))), None)
    numbers = _numbers(fields)
    return Described(
        base.index,
        "video",
        base.codec,
        base.language,
        pixel_format,
        colour.rstrip(")"),
        width=int(size[1]) if size else 0,
        height=int(size[2]) if size else 0,
        sample_aspect=_aspect(aspect),
        fps=numbers.get("fps", 0.0),
        base_fps=numbers.get("tbr", 0.0),
        bitrate=int(numbers.get("kb/s", 0)) * 1000,
        attached_picture="(attached pic)" in line or "(still image)" in line,
    )


def _audio(base: Described, fields: list[str]) -> Described:
    numbers = _numbers(fields)
    return Described(
        base.index,
        "audio",
        base.codec,
        "" if base.language == "und" else base.language,
        bitrate=int(numbers.get("kb/s", 0)) * 1000,
        sample_rate=int(numbers.get("Hz", 0)),
        channels=channels(fields[1]) if len(fields) > 1 else 0,
    )


def channels(layout: str) -> int:
    """How many channels `5.1(side)`, `stereo`, `24 channels (FL+…)` have; 0 when not known."""
    name = layout.partition("(")[0].strip()
    if name in LAYOUTS:
        return LAYOUTS[name]
    if found := re.fullmatch(r"(\d+) channels", name):
        return int(found[1])
    if re.fullmatch(r"\d+(\.\d+){1,2}", name):
        return sum(int(part) for part in name.split("."))
    return 0


def _numbers(fields: list[str]) -> dict[str, float]:
    """`27.02 fps`, `1k tbr`, `96 kb/s (default)` by unit."""
    found = (NUMBER.match(field) for field in fields)
    return {each[3]: float(each[1]) * (1000 if each[2] else 1) for each in found if each}


def _aspect(found: re.Match[str] | None) -> Fraction:
    if found is None or 0 in (int(found[1]), int(found[2])):
        return Fraction(1)
    return Fraction(int(found[1]), int(found[2]))


def _rotated(stream: Described, degrees: float) -> Described:
    return replace(stream, rotation=round(degrees / 90) * 90 % 360)
