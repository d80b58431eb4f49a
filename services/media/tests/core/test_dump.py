from fractions import Fraction

import pytest

from intertie_media.core.dump import Unreadable, channels, describe

PHONE = """\
[info] Input #0, mov,mp4,m4a,3gp,3g2,mj2, from 'file:input':
[info]   Metadata:
[info]     location        : -15.8355-048.0153/
[info]   Duration: 01:02:03.60, start: 0.000000, bitrate: 14711 kb/s
[info]   Stream #0:0[0x1](eng): Video: h264 (High) (avc1 / 0x31637661), yuv420p(tv, bt709, progressive), 1920x1080, 13274 kb/s, SAR 4:3 DAR 16:9, 27.02 fps, 30.01 tbr, 90k tbn (default)
[info]     Metadata:
[info]       handler_name    : VideoHandle
[info]     Side data:
[info]       displaymatrix: rotation of -90.00 degrees
[info]   Stream #0:1[0x2](eng): Audio: aac (LC) (mp4a / 0x6134706D), 48000 Hz, 5.1(side), fltp, 96 kb/s (default)
[info]   Stream #0:2[0x3](und): Data: none (tmcd / 0x64636D74)
[fatal] At least one output file must be specified
"""  # noqa: E501 - as ffmpeg prints it
HEADER = "[info]   Duration: N/A, start: 0.000000, bitrate: N/A\n"
STREAM = "[info]   Stream #0:0: Video: vp8, yuv420p(progressive), 320x240, 25 fps, 25 tbr, 1k tbn\n"


def test_description_is_read() -> None:
    """Duration, rates, sizes, rotation and language come out as numbers."""
    found = describe(PHONE)
    video, audio, data = found.streams

    assert (found.duration_s, found.bitrate) == (3723.6, 14_711_000)
    assert (video.kind, video.codec, video.language) == ("video", "h264", "eng")
    assert (video.pixel_format, video.colour) == ("yuv420p", "tv, bt709, progressive")
    assert (video.width, video.height, video.sample_aspect) == (1920, 1080, Fraction(4, 3))
    assert (video.fps, video.base_fps, video.bitrate) == (27.02, 30.01, 13_274_000)
    assert video.rotation == 270
    assert (audio.kind, audio.codec, audio.bitrate) == ("audio", "aac", 96_000)
    assert (audio.sample_rate, audio.channels) == (48000, 6)
    assert data.kind == "other"


def test_newer_spelling_of_rotation_is_read() -> None:
    """The name of the side data changed with a later ffmpeg."""
    text = HEADER + STREAM + "[info]       Display Matrix: rotation of 90.00 degrees\n"

    assert describe(text).streams[0].rotation == 90


def test_unknown_duration_is_none() -> None:
    """What is not there is not guessed."""
    assert describe(HEADER + STREAM).duration_s is None


def test_thousands_are_read() -> None:
    """`1k fps` is a thousand frames a second."""
    text = HEADER + STREAM.replace("25 fps, 25 tbr", "1k fps, 16k tbr")

    assert describe(text).streams[0].fps == 1000
    assert describe(text).streams[0].base_fps == 16_000


def test_cover_art_is_marked() -> None:
    """An attached picture is told from a film."""
    text = HEADER + STREAM.replace("1k tbn", "90k tbn (attached pic)")

    assert describe(text).streams[0].attached_picture


def test_refused_picture_size_is_kept() -> None:
    """What ffmpeg would not decode is named by its size."""
    line = "[png @ 0x5] [IMGUTILS @ 0x7] [error] Picture size 16000x9000 exceeds specified max pixel count 9437184, see\n"  # noqa: E501

    assert describe(line + HEADER).oversize == (16000, 9000)


def test_stream_of_two_programmes_counts_once() -> None:
    """A transport stream prints the same stream for each programme."""
    assert len(describe(HEADER + STREAM + STREAM).streams) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        STREAM,
        HEADER + HEADER,
        HEADER + STREAM.replace("vp8", "h264") + STREAM,
        HEADER + STREAM.replace("#0:0:", "#0:0(x): Video: h264, 1x1 (y):"),
    ],
    ids=["nothing", "no header", "two headers", "two of a kind", "odd language"],
)
def test_contradictions_are_unreadable(text: str) -> None:
    """Text that a tag's name smuggled in makes the description contradict itself."""
    with pytest.raises(Unreadable):
        describe(text)


@pytest.mark.parametrize(
    ("layout", "count"),
    [("mono", 1), ("stereo", 2), ("5.1(side)", 6), ("7.1.4", 12), ("24 channels", 24), ("odd", 0)],
)
def test_channels_are_counted(layout: str, count: int) -> None:
    """Layout names become numbers, unknown ones 0."""
    assert channels(layout) == count
