"""Writes HLS playlists from what was measured (RFC 8216). Pure.

ffmpeg's own master is not used: it announces 1.1 × the wanted bitrate, leaves out AVERAGE-BANDWIDTH
and FRAME-RATE, and with a constant rate factor has no variants at all.
"""

from collections.abc import Sequence
from itertools import accumulate
from math import ceil, floor

from intertie_media.core.model import Rendition, Segment

VERSION = 7
GROUP = "audio"


def master(renditions: Sequence[Rendition]) -> str:
    """The master playlist; variants in the order given, the first is where players start."""
    video = [each for each in renditions if each.kind == "video"]
    audio = [each for each in renditions if each.kind == "audio"]
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{VERSION}", "#EXT-X-INDEPENDENT-SEGMENTS"]
    if video or len(audio) > 1:
        lines += [_media(each, place) for place, each in enumerate(audio, start=1)]
    for each in video or audio[:1]:
        lines += [_variant(each, audio if video or len(audio) > 1 else []), each.uri]
    return "\n".join(lines) + "\n"


def media(
    segments: Sequence[Segment], target_s: int, *, growing: bool = False, ended: bool = True
) -> str:
    """A media playlist over init.mp4.

    `growing` marks one that is published before it `ended`; it stays marked to the end, for only
    lines at the end may change (§6.2.1), and it tells players to start at its beginning.
    """
    lines = [
        "#EXTM3U",
        f"#EXT-X-VERSION:{VERSION}",
        f"#EXT-X-TARGETDURATION:{target_s}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        f"#EXT-X-PLAYLIST-TYPE:{'EVENT' if growing else 'VOD'}",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        *(["#EXT-X-START:TIME-OFFSET=0,PRECISE=YES"] if growing else []),
        '#EXT-X-MAP:URI="init.mp4"',
    ]
    for segment in segments:
        lines += [f"#EXTINF:{segment.duration_s:.6f},", segment.uri]
    return "\n".join([*lines, *(["#EXT-X-ENDLIST"] if ended else [])]) + "\n"


def segment_names(text: str) -> list[str]:
    """The segments that a media playlist lists."""
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def peak_bitrate(segments: Sequence[Segment], target_s: float) -> int:
    """Peak segment bit rate, bits a second (§4.1).

    The largest rate of any run of segments that lasts 0.5 to 1.5 target durations, so that a tail
    of a few frames does not count alone. A rendition shorter than that is one run.
    """
    sizes = [0, *accumulate(each.size_bytes for each in segments)]
    times = [0.0, *accumulate(each.duration_s for each in segments)]
    rates = [average_bitrate(segments)]
    for first in range(len(segments)):
        for last in range(first + 1, len(segments) + 1):
            lasts = times[last] - times[first]
            if lasts > 1.5 * target_s:
                break
            if lasts >= 0.5 * target_s:
                rates.append(ceil((sizes[last] - sizes[first]) * 8 / lasts))
    return max(rates)


def average_bitrate(segments: Sequence[Segment]) -> int:
    """Bits a second over all segments."""
    lasts = sum(each.duration_s for each in segments)
    return ceil(sum(each.size_bytes for each in segments) * 8 / lasts) if lasts else 0


def target_duration_s(segments: Sequence[Segment]) -> int:
    """The smallest target duration that `segments` allow: the longest, rounded, at least 1."""
    return max(1, *(floor(each.duration_s + 0.5) for each in segments))


def _media(each: Rendition, place: int) -> str:
    language = f'LANGUAGE="{each.language}",' if each.language else ""
    name = f"Track {place}" + (f" ({each.language})" if each.language else "")
    default = "YES" if each.default else "NO"
    return (
        f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="{GROUP}",NAME="{name}",{language}'
        f'DEFAULT={default},AUTOSELECT=YES,CHANNELS="2",URI="{each.uri}"'
    )


def _variant(each: Rendition, group: Sequence[Rendition]) -> str:
    """One EXT-X-STREAM-INF: its rates are those of the picture plus the largest audio."""
    pictures, sounds = ([each], group) if each.kind == "video" else ([], group or [each])
    codecs = ",".join(dict.fromkeys(part.codecs for part in (*pictures, *sounds)))
    peak = sum(map(_peak, pictures)) + max(map(_peak, sounds), default=0)
    mean = sum(map(_mean, pictures)) + max(map(_mean, sounds), default=0)
    attributes = [f"BANDWIDTH={peak}", f"AVERAGE-BANDWIDTH={mean}", f'CODECS="{codecs}"']
    if pictures:
        attributes += [
            f"RESOLUTION={each.width}x{each.height}",
            f"FRAME-RATE={float(each.fps):.3f}",
        ]
    if group:
        attributes.append(f'AUDIO="{GROUP}"')
    return "#EXT-X-STREAM-INF:" + ",".join(attributes)


def _peak(each: Rendition) -> int:
    return each.peak_bitrate or peak_bitrate(each.segments, target_duration_s(each.segments))


def _mean(each: Rendition) -> int:
    return min(_peak(each), average_bitrate(each.segments))
