from fractions import Fraction
from itertools import pairwise

import pytest

from intertie_media.core import commands
from intertie_media.core.ladder import audio_ladder, ladder
from intertie_media.core.model import AudioStream, Limits, Probe, VideoStream

LIMITS = Limits()
RATE = Fraction(30000, 1001)
VIDEO = VideoStream(0, "h264", 1920, 1080, 1920 * 1080, RATE, 300, 13_000_000, "yuv420p")
HDR = VideoStream(
    0, "hevc", 3840, 2160, 3840 * 2160, RATE, 300, 40_000_000, "yuv420p10le", "pq", 0, True
)
PROBE = Probe("mov", 10.0, 10_000_000, VIDEO, (AudioStream(1, "aac", 48000, 6, 384_000, "eng"),))


def pairs(arguments: list[str]) -> set[tuple[str, str]]:
    """Each word with the one behind it."""
    return set(pairwise(arguments))


def test_each_input_is_forced_and_fenced() -> None:
    """Demuxer, protocols and picture size are fixed before the input is named."""
    arguments = commands.input_arguments("mov", LIMITS)

    assert arguments[-2:] == ["-i", "file:input"]
    assert {("-f", "mov"), ("-protocol_whitelist", "file")} < pairs(arguments)
    assert ("-max_pixels", str(4096 * 2304)) in pairs(arguments)


def test_one_decode_feeds_every_rung() -> None:
    """Repair happens once at the largest size, then each rung has its own scaler."""
    assert commands.graph(VIDEO, ladder(PROBE)) == (
        "[0:0]fps=30000/1001:start_time=0,scale=1920:1080:flags=bicubic:out_range=tv,setsar=1,format=yuv420p,"
        "split=3[s0][s1][s2];"
        "[s0]scale=640:360:flags=bicubic:out_range=tv[360p];[s1]scale=1280:720:flags=bicubic:out_range=tv[720p];"
        "[s2]null[1080p]"
    )


def test_hdr_and_fields_are_repaired() -> None:
    """Fields are joined before, light is mapped behind the scaler."""
    graph = commands.graph(HDR, ladder(PROBE)[:1])

    assert graph.index("bwdif") < graph.index("scale=640:360") < graph.index("tin=smpte2084")
    assert graph.index("tonemap") < graph.index("format=yuv420p,split")


def test_renditions_share_one_time_grid_and_no_metadata() -> None:
    """Each rung has the same fixed distance of key frames; nothing of the source is copied."""
    arguments = commands.encode(PROBE, ladder(PROBE), audio_ladder(PROBE), LIMITS)

    assert arguments.count("-i") == 1
    assert arguments.count("-f") == 5
    assert [arguments[at + 1] for at, word in enumerate(arguments) if word == "-g"] == ["60"] * 3
    assert arguments.count("-map_metadata") == arguments.count("-map_chapters") == 4
    assert {("-ac", "2"), ("-map", "0:1"), ("-map", "[360p]")} < pairs(arguments)


def test_sound_alone_has_no_graph() -> None:
    """An audio file is encoded without a filter graph."""
    assert "-filter_complex" not in commands.encode(PROBE, (), audio_ladder(PROBE), LIMITS)


@pytest.mark.parametrize(("seek", "at"), [(True, ["-ss", "1.000"]), (False, [])])
def test_poster_seeks_before_the_input(seek: bool, at: list[str]) -> None:
    """A tenth into the film, found by the index, not by decoding up to it."""
    arguments = commands.poster(PROBE, VIDEO, LIMITS, seek=seek)

    before = arguments[: arguments.index("-i")]
    assert before[before.index("-ss") : before.index("-ss") + 2] == at if seek else not at
    assert "scale=1280:720:flags=bicubic:out_range=tv,setsar=1,format=yuv420p" in arguments


def test_proof_decodes_each_playlist_strictly() -> None:
    """All playlists are inputs of one run that stops at the first fault."""
    arguments = commands.decode(["a/index.m3u8", "b/index.m3u8"], LIMITS)

    assert arguments.count("-xerror") == arguments.count("explode") == 2
    assert {("-i", "file:out/a/index.m3u8"), ("-i", "file:out/b/index.m3u8")} < pairs(arguments)
    assert {("-map", "0"), ("-map", "1")} < pairs(arguments)
