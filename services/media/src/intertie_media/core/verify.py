"""Decides whether renditions may be called finished: an exit code and a file are no proof."""

from collections.abc import Sequence
from itertools import pairwise

from intertie_media.core.errors import MediaError
from intertie_media.core.model import AudioRung, Probe, Rung
from intertie_media.core.shelf import Shelf

# What these say of their length is a promise; elsewhere it is a guess.
PROMISE_DURATION = frozenset({"mov", "matroska"})
SHORTFALL = 0.1
SHORTFALL_S = 1.0
SLACK_S = 0.1


def verify(shelves: Sequence[Shelf], probe: Probe) -> None:
    """Check what can be read off the boxes. Raises MediaError: `bug`, or `truncated` input."""
    for shelf in shelves:
        faults = [*_shape(shelf.rung, shelf), *_times(shelf)]
        if faults:
            raise broken(f"{shelf.rung.name} {faults[0]}")
    pictures = [_length_s(shelf) for shelf in shelves if isinstance(shelf.rung, Rung)]
    if pictures and max(pictures) - min(pictures) > SLACK_S:
        raise broken("the renditions differ in length")
    _check_length(max(map(_length_s, shelves)), probe)


def _check_length(lasts_s: float, probe: Probe) -> None:
    """Raise MediaError when the file promised more than was in it."""
    least = probe.duration_s * (1 - SHORTFALL) - SHORTFALL_S
    if probe.container in PROMISE_DURATION and lasts_s < least:
        raise MediaError(
            f"cannot process the file: it ends after {lasts_s:.1f} s of {probe.duration_s:.1f} s; "
            "upload it again from the start",
            code="truncated",
            kind="input",
        )


def broken(what: str) -> MediaError:
    """The error for output that is not what was asked for."""
    return MediaError(
        f"cannot publish the video: {what}; please report this", code="bad_output", kind="bug"
    )


def _shape(rung: Rung | AudioRung, shelf: Shelf) -> list[str]:
    track = shelf.track
    if track is None or not shelf.segments:
        return ["has no segments"]
    if isinstance(rung, AudioRung):
        return [] if track.codecs.startswith("mp4a.") else [f"is {track.codecs}"]
    if (track.width, track.height) != (rung.width, rung.height):
        return [f"is {track.width}x{track.height}"]
    return [] if track.codecs.startswith("avc1.") else [f"is {track.codecs}"]


def _times(shelf: Shelf) -> list[str]:
    """Faults of the time line: gaps, overlong segments, segments that cannot be started from."""
    timescale = shelf.track.timescale if shelf.track else 1
    faults = [
        f"segment {place} does not start with a key frame"
        for place, each in enumerate(shelf.fragments)
        if not each.starts_with_key
    ]
    faults += [
        f"segment {place} lasts {each.duration_s:.3f} s"
        for place, each in enumerate(shelf.segments)
        if not 0 < each.duration_s < shelf.target_s + 0.5
    ]
    faults += [
        f"segment {place} does not follow the one before it"
        for place, (left, right) in enumerate(pairwise(shelf.fragments), start=1)
        if abs(left.start + left.duration - right.start) > SLACK_S * timescale
    ]
    return faults


def _length_s(shelf: Shelf) -> float:
    return sum(segment.duration_s for segment in shelf.segments)
