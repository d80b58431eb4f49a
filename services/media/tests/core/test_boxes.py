import io
import struct

import pytest

from intertie_media.core.boxes import BadBoxes, Fragment, Track, read_fragment, read_track


def box(name: bytes, *parts: bytes) -> bytes:
    """An ISO box."""
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), name) + body


def descriptor(tag: int, body: bytes) -> bytes:
    """An MPEG-4 descriptor with the four length bytes that ffmpeg writes."""
    return bytes([tag, 0x80, 0x80, 0x80, len(body)]) + body


def init(entry: bytes, *, version: int = 0) -> bytes:
    """An initialisation segment of one track with timescale 12800."""
    times = b"\0" * (16 if version else 8)
    mdhd = box(b"mdhd", bytes([version, 0, 0, 0]), times, struct.pack(">I", 12800), b"\0" * 12)
    stsd = box(b"stsd", b"\0" * 4, struct.pack(">I", 1), entry)
    stbl = box(b"minf", box(b"stbl", stsd))
    return box(b"ftyp", b"iso5") + box(b"moov", box(b"trak", box(b"mdia", mdhd, stbl)))


def avc1(width: int = 640, height: int = 360) -> bytes:
    """An H.264 sample entry, High at level 3."""
    size = struct.pack(">HH", width, height)
    avcc = box(b"avcC", bytes([1, 0x64, 0x00, 0x1E, 0xFF]))
    return box(b"avc1", b"\0" * 24, size, b"\0" * 50, avcc)


def mp4a(specific: bytes) -> bytes:
    """An AAC sample entry."""
    config = descriptor(4, b"\x40" + b"\0" * 12 + descriptor(5, specific))
    return box(b"mp4a", b"\0" * 28, box(b"esds", b"\0" * 4, descriptor(3, b"\0\1\0" + config)))


def moof(tfhd: bytes, trun: bytes, start: int = 0) -> bytes:
    """A movie fragment that starts at `start`."""
    tfdt = box(b"tfdt", b"\1\0\0\0", struct.pack(">Q", start))
    traf = box(b"traf", box(b"tfhd", tfhd), tfdt, box(b"trun", trun))
    return box(b"moof", box(b"mfhd", b"\0" * 8), traf)


# Default duration 512, default flags "not a sync sample".
TFHD = struct.pack(">IIII", 0x28, 1, 512, 0x1010000)
KEY_FIRST = struct.pack(">IIiI", 0x5, 50, 0, 0x2000000)
MDAT = box(b"mdat", b"media")


@pytest.mark.parametrize("version", [0, 1])
def test_picture_track_is_read(version: int) -> None:
    """Codec string, size and timescale of H.264."""
    assert read_track(init(avc1(), version=version)) == Track("avc1.64001E", 12800, 640, 360)


@pytest.mark.parametrize(
    ("specific", "codecs"), [(b"\x11\x90", "mp4a.40.2"), (b"\xf8\x80\x00", "mp4a.40.36")]
)
def test_sound_track_is_read(specific: bytes, codecs: str) -> None:
    """The audio object type, with its escape, makes the codec string."""
    assert read_track(init(mp4a(specific))) == Track(codecs, 12800)


@pytest.mark.parametrize(
    "data",
    [b"", b"junk that is long enough", init(avc1())[:-40], init(box(b"hvc1", b"\0" * 90))],
    ids=["empty", "junk", "cut off", "other codec"],
)
def test_other_initialisation_segments_are_refused(data: bytes) -> None:
    """Only a whole init segment of H.264 or AAC is taken."""
    with pytest.raises(BadBoxes):
        read_track(data)


def test_fragment_with_defaults_is_read() -> None:
    """Durations come from the defaults, the first sample's flags from the run."""
    file = io.BytesIO(box(b"styp") + moof(TFHD, KEY_FIRST, 25_600) + MDAT)

    assert read_fragment(file) == Fragment(25_600, 50 * 512, 50, starts_with_key=True)


def test_fragment_with_a_table_is_read() -> None:
    """Durations and flags of each sample win over the defaults."""
    table = struct.pack(">IIIIII", 500, 9, 0x1010000, 300, 9, 0x2000000)
    trun = struct.pack(">II", 0x700, 2) + table

    found = read_fragment(io.BytesIO(moof(TFHD, trun) + MDAT))

    assert found == Fragment(0, 800, 2, starts_with_key=False)


def test_fragments_of_one_segment_add_up() -> None:
    """A segment of two fragments starts with the first and lasts for both."""
    second = struct.pack(">IIi", 0x1, 10, 0)
    data = moof(TFHD, KEY_FIRST, 100) + MDAT + moof(TFHD, second, 25_700) + MDAT

    assert read_fragment(io.BytesIO(data)) == Fragment(100, 60 * 512, 60, starts_with_key=True)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        MDAT,
        moof(TFHD, KEY_FIRST),
        moof(TFHD, KEY_FIRST) + MDAT[:-1],
        moof(TFHD, KEY_FIRST) + box(b"mdat"),
        moof(TFHD, struct.pack(">II", 0x700, 99)) + MDAT,
        box(b"moof") + MDAT,
        b"\0\0\0\4abcd",
    ],
    ids=["empty", "no moof", "no mdat", "cut", "nothing in it", "table cut", "no traf", "tiny"],
)
def test_broken_segments_are_refused(data: bytes) -> None:
    """A segment is whole or not one."""
    with pytest.raises(BadBoxes):
        read_fragment(io.BytesIO(data))
