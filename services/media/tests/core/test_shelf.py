from fractions import Fraction
from pathlib import Path

import pytest

from intertie_media.core.boxes import BadBoxes
from intertie_media.core.model import AudioRung, Rung
from intertie_media.core.shelf import Shelf, write_whole
from services.media.tests.core.test_boxes import KEY_FIRST, MDAT, TFHD, avc1, init, moof

RUNG = Rung("360p", 640, 360, Fraction(25), 800_000)
ENTRY = "#EXTINF:2.0,\n{name}\n"


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """A growing shelf whose encoder has made nothing yet."""
    (tmp_path / "made").mkdir()
    return Shelf(RUNG, tmp_path / "made", tmp_path / "360p", growing=True)


def make(shelf: Shelf, *names: str) -> None:
    """Write what ffmpeg would have after these segments of two seconds."""
    (shelf.made / "init.mp4").write_bytes(init(avc1()))
    for place, name in enumerate(names):
        (shelf.made / name).write_bytes(moof(TFHD, KEY_FIRST, place * 25_600) + MDAT)
    listing = "#EXTM3U\n" + "".join(ENTRY.format(name=name) for name in names)
    (shelf.made / "index.m3u8").write_text(listing)


def test_nothing_is_shown_before_there_is_something(shelf: Shelf) -> None:
    """An encoder that has just begun is no fault."""
    assert not shelf.gather()
    assert not shelf.shown.exists()


def test_segments_move_once_and_are_measured(shelf: Shelf) -> None:
    """Each call takes what is new; sizes and times are the files' own."""
    make(shelf, "0.m4s")
    assert shelf.gather()
    assert not shelf.gather()
    make(shelf, "0.m4s", "1.m4s")
    assert shelf.gather()

    assert sorted(path.name for path in shelf.shown.iterdir()) == ["0.m4s", "1.m4s", "init.mp4"]
    assert [segment.duration_s for segment in shelf.segments] == [2.0, 2.0]
    assert shelf.segments[0].size_bytes == (shelf.shown / "0.m4s").stat().st_size


def test_broken_segment_is_not_shown(shelf: Shelf) -> None:
    """A segment is looked into before players can see it."""
    make(shelf, "0.m4s")
    (shelf.made / "0.m4s").write_bytes(b"junk")

    with pytest.raises(BadBoxes):
        shelf.gather()

    assert not (shelf.shown / "0.m4s").exists()


def test_growing_playlist_is_ended_in_place(shelf: Shelf) -> None:
    """The same playlist first grows, then ends."""
    make(shelf, "0.m4s")
    shelf.gather()
    shelf.write(ended=False)
    early = (shelf.shown / "index.m3u8").read_text()
    shelf.write(ended=True)

    assert (shelf.shown / "index.m3u8").read_text() == early + "#EXT-X-ENDLIST\n"


def test_peak_is_announced_until_it_can_be_measured(shelf: Shelf) -> None:
    """A growing rendition announces what its encoder may reach in two seconds."""
    make(shelf, "0.m4s")
    shelf.gather()

    assert shelf.rendition(ended=False).peak_bitrate == 1_200_000
    finished = shelf.rendition(ended=True)
    assert finished.peak_bitrate == 0
    assert (finished.codecs, finished.width, finished.height) == ("avc1.64001E", 640, 360)


def test_sound_keeps_its_language(tmp_path: Path) -> None:
    """What the ladder says of a track reaches the master playlist."""
    track = AudioRung("audio-2", 2, 96_000, "deu", default=False)
    rendition = Shelf(track, tmp_path, tmp_path, growing=False).rendition(ended=True)

    assert (rendition.kind, rendition.language, rendition.default) == ("audio", "deu", False)


def test_slow_film_has_a_longer_target(tmp_path: Path) -> None:
    """Below one frame and a half a second, a gop is longer than a segment."""
    slow = Rung("360p", 640, 360, Fraction(13, 10), 800_000)

    assert Shelf(slow, tmp_path, tmp_path, growing=False).target_s == 2
    assert Shelf(RUNG, tmp_path, tmp_path, growing=False).target_s == 2


def test_text_is_replaced_whole(tmp_path: Path) -> None:
    """No part file is left beside the new text."""
    write_whole(tmp_path / "master.m3u8", "old")
    write_whole(tmp_path / "master.m3u8", "new")

    assert [path.name for path in tmp_path.iterdir()] == ["master.m3u8"]
    assert (tmp_path / "master.m3u8").read_text() == "new"
