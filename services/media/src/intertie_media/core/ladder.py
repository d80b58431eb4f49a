"""Which renditions a source deserves. Pure."""

from fractions import Fraction

from intertie_media.core.model import AudioRung, AudioStream, Probe, Rung, VideoStream

FIRST = 360
STEPS = (FIRST, 720, 1080)
# A source this much larger than the last step that fits gets a rung of its own size on top.
WORTH_A_RUNG = 1.25
# No decoder in a phone goes further; also keeps a panorama's rungs from growing sideways.
MAX_LONG_SIDE = 4096

# The rate of 1080p at 30/s; others follow the power of their pixels that gives the usual 0.8 M for
# 360p and 2.8 M for 720p: larger pictures need fewer bits a pixel.
REFERENCE_BITRATE = 5_000_000
REFERENCE_PIXELS = 1920 * 1080
REFERENCE_FPS = 30
PIXEL_POWER = 0.8
FPS_POWER = 0.5
MIN_BITRATE = 100_000
# More bits than the source has buy nothing, save what a different encoder loses on the way.
HEADROOM = 1.2
DENSE_CODECS = {"hevc": 1.6, "vp9": 1.6, "av1": 2.0, "vvc": 2.5}

MAX_AUDIO_RUNGS = 4
AUDIO_BITRATE = 128_000
MIN_AUDIO_BITRATE = 64_000


def ladder(probe: Probe) -> tuple[Rung, ...]:
    """The picture sizes to make, the one to publish first in front; empty for audio alone."""
    if probe.video is None:
        return ()
    rungs = [_rung(probe.video, short) for short in _short_sides(probe.video)]
    # A panorama's larger rungs can meet at the longest side allowed.
    return tuple({(rung.width, rung.height): rung for rung in rungs}.values())


def audio_ladder(probe: Probe) -> tuple[AudioRung, ...]:
    """The audio renditions to make, one a track, the first the default; empty for silence."""
    tracks = probe.audio[:MAX_AUDIO_RUNGS]
    return tuple(_audio_rung(track, place) for place, track in enumerate(tracks, start=1))


def _short_sides(video: VideoStream) -> list[int]:
    """Short sides from small to large; never larger than the source's."""
    top = min(video.short_side, STEPS[-1])
    sides = [step for step in STEPS if step <= top]
    if not sides or top >= sides[-1] * WORTH_A_RUNG:
        sides.append(top)
    return sides


def _rung(video: VideoStream, short: int) -> Rung:
    scale = min(Fraction(short, video.short_side), Fraction(MAX_LONG_SIDE, _long_side(video)))
    width, height = _even(video.width * scale), _even(video.height * scale)
    rate = min(_usual_bitrate(width * height, video.fps), _source_bound(video, width * height))
    return Rung(
        f"{min(width, height)}p", width, height, video.fps, max(MIN_BITRATE, round(rate, -3))
    )


def _usual_bitrate(pixels: int, fps: Fraction) -> int:
    size: float = (pixels / REFERENCE_PIXELS) ** PIXEL_POWER
    speed: float = max(1.0, float(fps / REFERENCE_FPS)) ** FPS_POWER
    return round(REFERENCE_BITRATE * size * speed)


def _source_bound(video: VideoStream, pixels: int) -> int:
    """What the source's own bits come to at this size; unbounded when its bitrate is unknown."""
    if not video.bitrate:
        return REFERENCE_BITRATE * 10
    share: float = min(1.0, pixels / (video.width * video.height)) ** PIXEL_POWER
    return round(video.bitrate * share * HEADROOM * DENSE_CODECS.get(video.codec, 1.0))


def _audio_rung(track: AudioStream, place: int) -> AudioRung:
    rate = min(AUDIO_BITRATE, max(MIN_AUDIO_BITRATE, track.bitrate or AUDIO_BITRATE))
    name = "audio" if place == 1 else f"audio-{place}"
    return AudioRung(name, track.index, rate, track.language, default=place == 1)


def _long_side(video: VideoStream) -> int:
    return max(video.width, video.height)


def _even(length: Fraction) -> int:
    """The nearest even number not above `length`, at least 2: 4:2:0 halves both sides."""
    return max(2, int(length) // 2 * 2)
