"""Tells what a file holds, by its bytes alone, and refuses what must not be decoded."""

from dataclasses import replace
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Literal

from anyio import to_thread

from intertie_media.core.commands import input_arguments
from intertie_media.core.dump import Described, Description, Unreadable, describe
from intertie_media.core.errors import MediaError, MediaRefused
from intertie_media.core.ffmpeg import Budget, Outcome, diagnose, locate, run, workbench
from intertie_media.core.model import AudioStream, Limits, Probe, VideoStream
from intertie_media.core.sniff import sniff

MAX_FPS = 60
USUAL_FPS = (
    *(Fraction(rate) for rate in (24, 25, 30, 48, 50, 60)),
    *(Fraction(rate * 1000, 1001) for rate in (24, 30, 60)),
)
CLOSE = 0.005
# Headers of these know the duration; the others' is guessed from a bitrate, or wrong too often.
KNOW_DURATION = frozenset({"mov", "matroska", "ogg", "wav", "flac"})
SANE_ASPECT = 4
PROGRESSIVE_CODECS = frozenset(
    {"vp8", "vp9", "av1", "theora", "png", "gif", "cinepak", "flv1", "msmpeg4v3", "h263"}
)
MIN_SIDE = 16


async def probe(path: Path, *, limits: Limits, ffmpeg: Path | None = None) -> Probe:
    """What `path` holds. Raises MediaRefused for all that is not a video or audio file we take.

    The name is never looked at. `ffmpeg` overrides the program that is found by itself.
    """
    container, size = await to_thread.run_sync(_sniff, path)
    program = ffmpeg or locate()
    async with workbench(path) as bench:
        outcome = await run(
            program,
            ["-loglevel", "level+info", *input_arguments(container, limits)],
            bench,
            limits=limits,
            budget=Budget(cpu_s=limits.probe_s, wall_s=limits.probe_s),
        )
        described = _description(outcome)
        found = digest(described, container, size)
        check(described, found, limits)
        if described.duration_s is None or container not in KNOW_DURATION:
            found = await _measured(found, program, bench, limits)
            check(described, found, limits)
    return found


def digest(described: Description, container: str, size: int) -> Probe:
    """The Probe that ffmpeg's description amounts to; raises MediaRefused for no streams."""
    if any(described.oversize) and any(map(_is_unsized, described.streams)):
        raise _too_large(*described.oversize)
    duration = described.duration_s or 0.0
    audio = tuple(
        _audio(each)
        for each in described.streams
        if each.kind == "audio" and each.sample_rate and each.codec != "none"
    )
    pictures = (each for each in described.streams if _is_picture(each))
    picture = next(pictures, None)
    rest = described.bitrate - sum(each.bitrate for each in audio)
    video = _video(picture, duration, max(0, rest)) if picture else None
    if not video and not audio:
        raise MediaRefused(
            "cannot take the file: it holds no video or audio that can be decoded; "
            "convert it to H.264 and AAC in MP4",
            code="no_streams",
        )
    return Probe(container, duration, size, video, audio)


def check(described: Description, found: Probe, limits: Limits) -> None:
    """Raise MediaRefused when decoding `found` would cost more than the limits allow."""
    if len(described.streams) > limits.max_streams:
        raise MediaRefused(
            f"cannot take the file: it has {len(described.streams)} streams, more than "
            f"{limits.max_streams}; remove those not needed",
            code="too_many_streams",
        )
    if found.duration_s > limits.max_duration_s:
        raise MediaRefused(
            f"cannot take the file: it lasts {found.duration_s:.0f} s, longer than "
            f"{limits.max_duration_s:.0f} s; cut it into parts",
            code="too_long",
        )
    video = found.video
    if video is None:
        return
    if video.coded_pixels > limits.max_pixels:
        raise _too_large(video.width, video.height)
    if min(video.width, video.height) < MIN_SIDE:
        raise MediaRefused(
            f"cannot take the file: its picture is {video.width}x{video.height}, too small to "
            f"show; each side must be at least {MIN_SIDE}",
            code="too_small",
        )
    if video.coded_pixels * video.frames > limits.max_pixel_frames:
        raise MediaRefused(
            f"cannot take the file: {video.frames} frames of {video.width}x{video.height} are "
            "more than one upload may hold; upload it shorter or smaller",
            code="too_many_pixels",
        )


def play_rate(nominal: float, mean: float) -> Fraction:
    """The constant rate to play at, at most 60/s.

    `nominal` is what the time stamps are multiples of, right for phones that drop frames in the
    dark; where it is nonsense (1000/s, 90000/s) or absent the `mean` counts. Above 60 each n-th
    frame is kept, so that motion stays even.
    """
    sane = 0 < nominal <= MAX_FPS * (1 + CLOSE)
    rate = nominal if sane else mean or nominal
    usual = min(USUAL_FPS, key=lambda each: abs(float(each) - rate))
    if abs(rate / float(usual) - 1) <= CLOSE:
        return usual
    exact = Fraction(rate).limit_denominator(1001)
    return max(Fraction(1), exact / max(1, ceil(exact / MAX_FPS)))


def _sniff(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return sniff(file), path.stat().st_size


def _description(outcome: Outcome) -> Description:
    try:
        return describe(outcome.tail)
    except Unreadable as exc:
        raise _unreadable(outcome) from exc


def _unreadable(outcome: Outcome) -> MediaError:
    """Why ffmpeg could not even look into the file."""
    error = diagnose(outcome)
    if error.kind != "input":
        return error
    return MediaRefused(
        "cannot take the file: it starts like a video or audio file but cannot be read; "
        "export it again and retry",
        code="not_media",
    )


async def _measured(found: Probe, ffmpeg: Path, bench: Path, limits: Limits) -> Probe:
    """`found` with a duration read off the packets, which costs reading the file once."""
    last = {"out_time_us": 0.0, "frame": 0.0}

    async def note(line: str) -> None:
        key, _, value = line.partition("=")
        if key in last and value.strip().lstrip("-").isdigit():
            last[key] = max(last[key], float(value))

    indexes = [each.index for each in found.audio]
    if found.video:
        indexes.append(found.video.index)
    outcome = await run(
        ffmpeg,
        [
            *("-loglevel", "level+info", "-progress", "pipe:1"),
            *input_arguments(found.container, limits),
            *(word for index in indexes for word in ("-map", f"0:{index}")),
            *("-c", "copy", "-f", "null", "-"),
        ],
        bench,
        limits=limits,
        budget=Budget(cpu_s=limits.probe_s * 4, wall_s=limits.probe_s * 8, stall_s=limits.stall_s),
        on_line=note,
    )
    duration = last["out_time_us"] / 1e6
    if outcome.code or not duration:
        raise _unreadable(outcome)
    video = found.video and replace(found.video, frames=round(last["frame"]))
    return replace(found, duration_s=duration, video=video)


def _is_picture(each: Described) -> bool:
    return each.kind == "video" and not each.attached_picture and bool(each.width and each.height)


def _is_unsized(each: Described) -> bool:
    return each.kind == "video" and not each.attached_picture and not each.width


def _audio(each: Described) -> AudioStream:
    return AudioStream(
        each.index, each.codec, each.sample_rate, each.channels, each.bitrate, each.language
    )


def _video(each: Described, duration_s: float, rest: int) -> VideoStream:
    sane = 1 / SANE_ASPECT <= each.sample_aspect <= SANE_ASPECT
    width, height = round(each.width * (each.sample_aspect if sane else 1)), each.height
    if each.rotation in {90, 270}:
        width, height = height, width
    interlaced = "progressive" not in each.colour and each.codec not in PROGRESSIVE_CODECS
    return VideoStream(
        index=each.index,
        codec=each.codec,
        width=width,
        height=height,
        coded_pixels=each.width * each.height,
        fps=play_rate(_nominal(each, interlaced), each.fps),
        frames=max(1, ceil((each.fps or each.base_fps) * duration_s)),
        bitrate=each.bitrate or rest,
        pixel_format=each.pixel_format,
        hdr=_hdr(each.colour),
        rotation=each.rotation,
        may_be_interlaced=interlaced,
    )


def _nominal(each: Described, interlaced: bool) -> float:
    """Give ffmpeg's nominal rate; halved where it counts fields."""
    counts_fields = interlaced and each.fps and abs(each.base_fps / each.fps / 2 - 1) <= CLOSE
    return each.base_fps / 2 if counts_fields else each.base_fps


def _hdr(colour: str) -> Literal["", "pq", "hlg"]:
    if "smpte2084" in colour:
        return "pq"
    return "hlg" if "arib-std-b67" in colour else ""


def _too_large(width: int, height: int) -> MediaRefused:
    return MediaRefused(
        f"cannot take the file: its picture of {width}x{height} is larger than this service "
        "decodes; upload it in 4K or smaller",
        code="too_large_pixels",
    )
