from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from intertie_media.core.boxes import Fragment, Track
from intertie_media.core.errors import MediaError
from intertie_media.core.model import AudioRung, Probe, Rung, Segment
from intertie_media.core.shelf import Shelf
from intertie_media.core.verify import verify

RUNG = Rung("360p", 640, 360, Fraction(25), 800_000)
TRACK = Track("avc1.64001E", 1000, 640, 360)
PROBE = Probe("mov", 4.0, 1000, None, ())


def shelf(rung: Rung | AudioRung = RUNG, track: Track | None = TRACK, *lasts: float) -> Shelf:
    """A shelf of segments that follow one another; two of two seconds unless told."""
    lasts = lasts or (2.0, 2.0)
    made = Shelf(rung, Path(), Path(), growing=False, track=track)
    made.segments = [Segment(f"{at}.m4s", length, 100) for at, length in enumerate(lasts)]
    starts = [round(sum(lasts[:at]) * 1000) for at in range(len(lasts))]
    made.fragments = [
        Fragment(start, round(length * 1000), 50, starts_with_key=True)
        for start, length in zip(starts, lasts, strict=True)
    ]
    return made


def faults(*shelves: Shelf, probe: Probe = PROBE) -> str:
    """What is found wrong, which must be the engine's fault."""
    with pytest.raises(MediaError) as error:
        verify(shelves, probe)
    assert (error.value.code, error.value.kind) == ("bad_output", "bug")
    return str(error.value)


def test_good_renditions_pass() -> None:
    """Picture and sound as asked for are no error."""
    sound = shelf(AudioRung("audio", 1, 96_000), Track("mp4a.40.2", 1000), 2.01, 2.02)

    verify([shelf(), shelf(replace(RUNG, name="copy")), sound], PROBE)


def test_nothing_is_not_a_rendition() -> None:
    """No init segment or no segments is a fault."""
    empty = shelf()
    empty.segments = []

    assert "360p has no segments" in faults(empty)
    assert "360p has no segments" in faults(shelf(RUNG, None))


@pytest.mark.parametrize(
    ("track", "what"),
    [
        (replace(TRACK, width=202), "360p is 202x360"),
        (replace(TRACK, codecs="hvc1.1.6.L93"), "360p is hvc1"),
    ],
)
def test_other_size_or_codec_is_a_fault(track: Track, what: str) -> None:
    """The picture has the size and codec that the master playlist will say."""
    assert what in faults(shelf(RUNG, track))


def test_sound_has_to_be_aac() -> None:
    """An audio rendition in another codec is a fault."""
    assert "audio is ac-3" in faults(shelf(AudioRung("audio", 1, 1), Track("ac-3", 1000)))


def test_segment_without_key_frame_is_a_fault() -> None:
    """Players must be able to start at each segment."""
    broken = shelf()
    broken.fragments[1] = replace(broken.fragments[1], starts_with_key=False)

    assert "segment 1 does not start with a key frame" in faults(broken)


def test_gap_is_a_fault() -> None:
    """Each segment starts where the one before it ended."""
    broken = shelf()
    broken.fragments[1] = replace(broken.fragments[1], start=2500)

    assert "segment 1 does not follow the one before it" in faults(broken)


@pytest.mark.parametrize("lasts", [2.5, 0.0])
def test_segment_outside_the_target_is_a_fault(lasts: float) -> None:
    """The target duration is a promise."""
    assert "segment 1 lasts" in faults(shelf(RUNG, TRACK, 2.0, lasts))


def test_pictures_of_different_length_are_a_fault() -> None:
    """Players switch between rungs at any time."""
    assert "differ in length" in faults(shelf(), shelf(RUNG, TRACK, 2.0, 1.5))


def test_file_that_ends_early_is_truncated() -> None:
    """A container that promised ten seconds and held four was cut off, and it says so."""
    with pytest.raises(MediaError, match=r"ends after 4\.0 s of 10\.0 s") as error:
        verify([shelf()], replace(PROBE, duration_s=10.0))

    assert (error.value.code, error.value.kind) == ("truncated", "input")


def test_guessed_length_is_not_a_promise() -> None:
    """Where the length was only an estimate, a shorter film is fine."""
    verify([shelf()], replace(PROBE, container="mpegts", duration_s=10.0))
