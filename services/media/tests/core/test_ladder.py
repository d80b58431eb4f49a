from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie_media.core.ladder import MAX_LONG_SIDE, audio_ladder, ladder
from intertie_media.core.model import AudioStream, Probe, VideoStream

VIDEO = VideoStream(0, "h264", 1920, 1080, 1920 * 1080, Fraction(30), 300, 13_000_000, "yuv420p")
AUDIO = AudioStream(1, "aac", 48000, 2, 256_000, "eng")
PROBE = Probe("mov", 10.0, 10_000_000, VIDEO, (AUDIO,))


def sized(width: int, height: int, bitrate: int = 13_000_000) -> Probe:
    """A source of this size."""
    return replace(PROBE, video=replace(VIDEO, width=width, height=height, bitrate=bitrate))


@pytest.mark.parametrize(
    ("source", "rungs"),
    [
        ((3840, 2160), ["360p 640x360", "720p 1280x720", "1080p 1920x1080"]),
        ((1920, 1080), ["360p 640x360", "720p 1280x720", "1080p 1920x1080"]),
        ((1280, 720), ["360p 640x360", "720p 1280x720"]),
        ((1024, 576), ["360p 640x360", "576p 1024x576"]),
        ((640, 400), ["360p 576x360"]),
        ((640, 360), ["360p 640x360"]),
        ((176, 144), ["144p 176x144"]),
        ((177, 145), ["144p 176x144"]),
        ((1080, 1920), ["360p 360x640", "720p 720x1280", "1080p 1080x1920"]),
        ((1920, 803), ["360p 860x360", "720p 1720x720"]),
        ((8000, 1000), ["360p 2880x360", "512p 4096x512"]),
    ],
)
def test_ladder_scales_the_short_side_and_never_up(
    source: tuple[int, int], rungs: list[str]
) -> None:
    """360p first, then what the source has; a smaller source is its own only rung."""
    made = ladder(sized(*source))

    assert [f"{rung.name} {rung.width}x{rung.height}" for rung in made] == rungs


@given(st.integers(16, 8192), st.integers(16, 8192), st.integers(0, 10**9))
def test_rungs_fit_the_source_and_every_decoder(width: int, height: int, bitrate: int) -> None:
    """Whatever the source, each rung is even, no larger than it, and each has a name of its own."""
    made = ladder(sized(width, height, bitrate))

    assert made
    assert len({rung.name for rung in made}) == len(made)
    for rung in made:
        assert rung.width % 2 == rung.height % 2 == 0
        assert 2 <= rung.width <= min(width, MAX_LONG_SIDE)
        assert 2 <= rung.height <= min(height, MAX_LONG_SIDE)
        assert rung.max_bitrate > 0


def test_bitrates_grow_with_the_picture() -> None:
    """A rich source gets the usual rates, the largest close to 5 Mbit/s."""
    rates = [rung.max_bitrate for rung in ladder(PROBE)]

    assert rates == sorted(rates)
    assert 700_000 < rates[0] < 900_000
    assert rates[-1] == 5_000_000


def test_poor_source_is_not_given_more_bits_than_it_has() -> None:
    """At the source's own size the cap is its bitrate and a little."""
    top = ladder(sized(1920, 1080, 1_000_000))[-1]

    assert top.max_bitrate == 1_200_000


def test_denser_codec_is_given_more_bits() -> None:
    """H.264 needs more bits than AV1 for the same picture."""
    av1 = replace(PROBE, video=replace(VIDEO, codec="av1", bitrate=1_000_000))

    assert ladder(av1)[-1].max_bitrate == 2_400_000


def test_unknown_bitrate_does_not_starve_the_ladder() -> None:
    """A file that does not tell its bitrate gets the usual rates."""
    assert ladder(sized(1920, 1080, 0)) == ladder(PROBE)


def test_high_frame_rate_costs_more() -> None:
    """Sixty frames a second get more bits than thirty."""
    fast = replace(PROBE, video=replace(VIDEO, fps=Fraction(60), bitrate=0))

    assert ladder(fast)[-1].max_bitrate > ladder(PROBE)[-1].max_bitrate


def test_sound_alone_has_no_pictures() -> None:
    """An audio file has audio renditions only."""
    sound = replace(PROBE, video=None)

    assert ladder(sound) == ()
    assert [track.name for track in audio_ladder(sound)] == ["audio"]


def test_each_track_is_a_rendition_and_the_first_the_default() -> None:
    """Languages are kept apart, four tracks at most, and no track gains bits."""
    german = replace(AUDIO, index=2, language="deu", bitrate=32_000)
    tracks = audio_ladder(replace(PROBE, audio=(AUDIO, german, AUDIO, AUDIO, AUDIO)))

    assert [track.name for track in tracks] == ["audio", "audio-2", "audio-3", "audio-4"]
    assert [track.default for track in tracks] == [True, False, False, False]
    assert (tracks[1].index, tracks[1].language, tracks[1].bitrate) == (2, "deu", 64_000)
    assert tracks[0].bitrate == 128_000


def test_silent_film_has_no_audio() -> None:
    """No track, no rendition."""
    assert audio_ladder(replace(PROBE, audio=())) == ()
