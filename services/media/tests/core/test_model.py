from fractions import Fraction

import pytest

from intertie_media.core.model import Rendition, Rung, Segment


@pytest.mark.parametrize(
    ("fps", "frames"),
    [
        (Fraction(25), 50),
        (Fraction(30000, 1001), 60),
        (Fraction(1000, 17), 118),
        (Fraction(13, 10), 3),
        (Fraction(1), 2),
    ],
)
def test_gop_fills_two_seconds_and_no_frame_more(fps: Fraction, frames: int) -> None:
    """The key frame after a gop is the first at or behind two seconds."""
    rung = Rung("360p", 640, 360, fps, 800_000)

    assert rung.gop_frames == frames
    assert rung.gop_frames / fps >= 2 > (rung.gop_frames - 1) / fps


def test_rendition_knows_its_place_and_length() -> None:
    """The master playlist links `<name>/index.m3u8`, which lasts as long as its segments."""
    segments = (Segment("00000.m4s", 2.0, 10), Segment("00001.m4s", 0.5, 10))
    rendition = Rendition("audio", "audio", "mp4a.40.2", segments)

    assert rendition.uri == "audio/index.m3u8"
    assert rendition.duration_s == 2.5
