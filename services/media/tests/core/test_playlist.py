from fractions import Fraction

from intertie_media.core import playlist
from intertie_media.core.model import Rendition, Segment

TWO = (Segment("00000.m4s", 2.0, 100_000), Segment("00001.m4s", 2.0, 200_000))
SMALL = Rendition("360p", "video", "avc1.64001E", TWO, 640, 360, Fraction(30000, 1001))
SOUND = Rendition(
    "audio",
    "audio",
    "mp4a.40.2",
    (Segment("00000.m4s", 4.0, 64_000),),
    language="eng",
    default=True,
)


def test_master_names_rates_codecs_and_group() -> None:
    """A variant's rates are its picture's plus its sound's, measured from the segments."""
    text = playlist.master([SMALL, SOUND])

    assert text.splitlines() == [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Track 1 (eng)",LANGUAGE="eng",'
        'DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="audio/index.m3u8"',
        "#EXT-X-STREAM-INF:BANDWIDTH=928000,AVERAGE-BANDWIDTH=728000,"
        'CODECS="avc1.64001E,mp4a.40.2",RESOLUTION=640x360,FRAME-RATE=29.970,AUDIO="audio"',
        "360p/index.m3u8",
    ]


def test_silent_film_names_no_group() -> None:
    """Without sound there is no audio group and no audio codec."""
    text = playlist.master([SMALL])

    assert "AUDIO" not in text
    assert 'CODECS="avc1.64001E"' in text


def test_sound_alone_is_a_variant() -> None:
    """An audio file plays from a master that has its rendition as the only variant."""
    assert playlist.master([SOUND]).splitlines()[3:] == [
        '#EXT-X-STREAM-INF:BANDWIDTH=128000,AVERAGE-BANDWIDTH=128000,CODECS="mp4a.40.2"',
        "audio/index.m3u8",
    ]


def test_two_sounds_alone_are_one_variant_with_a_choice() -> None:
    """The choice counts once: a player loads one of them at a time."""
    other = Rendition("audio-2", "audio", "mp4a.40.2", SOUND.segments, language="deu")
    lines = playlist.master([SOUND, other]).splitlines()

    assert sum(line.startswith("#EXT-X-MEDIA") for line in lines) == 2
    assert lines[-2:] == [
        "#EXT-X-STREAM-INF:BANDWIDTH=128000,AVERAGE-BANDWIDTH=128000,"
        'CODECS="mp4a.40.2",AUDIO="audio"',
        "audio/index.m3u8",
    ]


def test_announced_peak_stands_in_for_the_measured_one() -> None:
    """While a rendition grows, what its encoder may reach is announced."""
    growing = Rendition(
        "360p", "video", "avc1.64001E", TWO[:1], 640, 360, Fraction(25), "", False, 9
    )

    assert "BANDWIDTH=9,AVERAGE-BANDWIDTH=9," in playlist.master([growing])


def test_media_playlist_lists_segments() -> None:
    """A finished rendition is VOD with an end."""
    assert playlist.media(TWO, 2).splitlines() == [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        "#EXT-X-TARGETDURATION:2",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        '#EXT-X-MAP:URI="init.mp4"',
        "#EXTINF:2.000000,",
        "00000.m4s",
        "#EXTINF:2.000000,",
        "00001.m4s",
        "#EXT-X-ENDLIST",
    ]


def test_growing_playlist_changes_at_its_end_only() -> None:
    """RFC 8216 §6.2.1: an EVENT playlist may be appended to and ended, nothing else."""
    first = playlist.media(TWO[:1], 2, growing=True, ended=False)
    second = playlist.media(TWO, 2, growing=True, ended=False)
    final = playlist.media(TWO, 2, growing=True, ended=True)

    assert "#EXT-X-PLAYLIST-TYPE:EVENT\n" in first
    assert second.startswith(first)
    assert final == second + "#EXT-X-ENDLIST\n"


def test_segment_names_are_read_back() -> None:
    """What is written can be read."""
    assert playlist.segment_names(playlist.media(TWO, 2)) == ["00000.m4s", "00001.m4s"]


def test_peak_is_the_largest_rate_of_about_a_target_duration() -> None:
    """RFC 8216 §4.1: runs of segments that last half to one and a half target durations."""
    assert playlist.peak_bitrate(TWO, 2) == 800_000


def test_peak_does_not_count_a_tail_of_a_few_frames_alone() -> None:
    """A last segment of 0.1 s counts together with the one before it."""
    tail = Segment("00002.m4s", 0.1, 50_000)

    assert playlist.peak_bitrate([*TWO, tail], 2) == round(250_000 * 8 / 2.1 + 0.5)


def test_peak_of_something_very_short_is_its_mean() -> None:
    """A clip shorter than half a target duration is one run."""
    assert playlist.peak_bitrate([Segment("00000.m4s", 0.4, 1000)], 2) == 20_000


def test_target_duration_rounds_the_longest() -> None:
    """2.4 s fit under a target of 2, 2.5 s do not; it is never 0."""
    assert playlist.target_duration_s([Segment("a", 2.4, 1)]) == 2
    assert playlist.target_duration_s([Segment("a", 2.5, 1)]) == 3
    assert playlist.target_duration_s([Segment("a", 0.2, 1)]) == 1
