"""Reads the little of fragmented MP4 that publishing must know (ISO/IEC 14496-12, -14, -15)."""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

HEADER = 8
VISUAL_ENTRY = 78  # bytes of a VisualSampleEntry before its boxes
AUDIO_ENTRY = 28
ES_DESCRIPTOR, DECODER_CONFIG, DECODER_SPECIFIC = 3, 4, 5
ESCAPE_OBJECT_TYPE = 31
SAMPLE_DURATION, SAMPLE_SIZE, SAMPLE_FLAGS, SAMPLE_OFFSET = 0x100, 0x200, 0x400, 0x800
SAMPLE_FIELDS = (SAMPLE_DURATION, SAMPLE_SIZE, SAMPLE_FLAGS, SAMPLE_OFFSET)
NOT_SYNC = 1 << 16  # sample_is_non_sync_sample


class BadBoxes(ValueError):
    """The bytes are not the MP4 that we asked for."""


@dataclass(frozen=True, slots=True)
class Track:
    """What an initialisation segment says of its one track."""

    codecs: str
    timescale: int
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class Fragment:
    """One media segment; times in the track's timescale."""

    start: int
    duration: int
    samples: int
    starts_with_key: bool


def read_track(init: bytes) -> Track:
    """The track of an initialisation segment; raises BadBoxes unless it is H.264 or AAC."""
    try:
        mdia = _find(init, b"moov", b"trak", b"mdia")
        header = _find(mdia, b"mdhd")
        timescale = struct.unpack_from(">I", header, 20 if header[0] else 12)[0]
        entries = _find(mdia, b"minf", b"stbl", b"stsd")
        name, entry = next(_boxes(entries[8:]))
        if name == b"avc1":
            width, height = struct.unpack_from(">HH", entry, 24)
            profile = _find(entry[VISUAL_ENTRY:], b"avcC")[1:4]
            return Track(f"avc1.{profile.hex().upper()}", timescale, width, height)
        if name == b"mp4a":
            return Track(_aac_codec(_find(entry[AUDIO_ENTRY:], b"esds")), timescale)
    except (struct.error, IndexError, StopIteration) as exc:
        raise BadBoxes("the initialisation segment is cut off") from exc
    raise BadBoxes(f"unexpected sample entry {name!r}")


def read_fragment(file: BinaryIO) -> Fragment:
    """The times of a media segment; reads its headers only. Raises BadBoxes."""
    found: list[Fragment] = []
    has_data = False
    try:
        for name, length in _top_level(file):
            if name == b"moof":
                found.append(_fragment(file.read(length)))
            elif name == b"mdat":
                has_data = length > 0
    except (struct.error, IndexError) as exc:
        raise BadBoxes("a media segment is cut off") from exc
    if not found or not has_data:
        raise BadBoxes("a media segment holds no media")
    return Fragment(
        found[0].start,
        sum(each.duration for each in found),
        sum(each.samples for each in found),
        found[0].starts_with_key,
    )


def _top_level(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Name and body length of each top-level box, with `file` at its body."""
    size = file.seek(0, io.SEEK_END)
    at = 0
    while at < size:
        file.seek(at)
        length, name = struct.unpack(">I4s", file.read(HEADER))
        if length < HEADER or at + length > size:
            raise BadBoxes(f"box {name!r} does not fit into the file")
        yield name, length - HEADER
        at += length


def _fragment(moof: bytes) -> Fragment:
    """Times of one `moof` with one track run, which is what ffmpeg writes."""
    traf = _find(moof, b"traf")
    default_duration, default_flags = _defaults(_find(traf, b"tfhd"))
    tfdt = _find(traf, b"tfdt")
    start = struct.unpack_from(">Q" if tfdt[0] else ">I", tfdt, 4)[0]
    duration, samples, first_flags = 0, 0, default_flags
    for name, trun in _boxes(traf):
        if name != b"trun":
            continue
        run, count, flags = _run(trun, default_duration)
        if samples == 0 and flags is not None:
            first_flags = flags
        duration, samples = duration + run, samples + count
    return Fragment(start, duration, samples, not first_flags & NOT_SYNC)


def _defaults(tfhd: bytes) -> tuple[int, int]:
    """Default duration and flags of the samples (§8.8.7): fields are there as flags say."""
    flags, at = int.from_bytes(tfhd[1:4]), 8
    values: dict[int, int] = {}
    for bit, width in ((0x1, 8), (0x2, 4), (0x8, 4), (0x10, 4), (0x20, 4)):
        if flags & bit:
            values[bit] = int.from_bytes(tfhd[at : at + width])
            at += width
    return values.get(0x8, 0), values.get(0x20, 0)


def _run(trun: bytes, default_duration: int) -> tuple[int, int, int | None]:
    """Duration, count and the first sample's flags if given, of a track run (§8.8.8)."""
    flags, count = int.from_bytes(trun[1:4]), int.from_bytes(trun[4:8])
    at = 8 + (4 if flags & 0x1 else 0)
    first: int | None = None
    if flags & 0x4:
        first = struct.unpack_from(">I", trun, at)[0]
        at += 4
    fields = [bit for bit in SAMPLE_FIELDS if flags & bit]
    table = struct.unpack_from(f">{count * len(fields)}I", trun, at)
    if SAMPLE_FLAGS in fields and first is None and count:
        first = table[fields.index(SAMPLE_FLAGS)]
    if SAMPLE_DURATION not in fields:
        return default_duration * count, count, first
    return sum(table[:: len(fields)]), count, first


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and body of each box in `data`."""
    at = 0
    while at + HEADER <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        if length < HEADER or at + length > len(data):
            raise BadBoxes(f"box {name!r} does not fit")
        yield name, data[at + HEADER : at + length]
        at += length


def _find(data: bytes, *path: bytes) -> bytes:
    """Body of the first box at `path`."""
    for wanted in path:
        body = next((body for name, body in _boxes(data) if name == wanted), None)
        if body is None:
            raise BadBoxes(f"box {wanted!r} is missing")
        data = body
    return data


def _aac_codec(esds: bytes) -> str:
    """`mp4a.40.2`: object type indication and audio object type (RFC 6381 §3.3)."""
    es = _descriptor(esds[4:], ES_DESCRIPTOR)
    config = _descriptor(es[3:], DECODER_CONFIG)  # ES_ID and flags before; ffmpeg sets no flag
    specific = _descriptor(config[13:], DECODER_SPECIFIC)
    kind = specific[0] >> 3
    if kind == ESCAPE_OBJECT_TYPE:
        kind = 32 + ((specific[0] & 7) << 3 | specific[1] >> 5)
    return f"mp4a.{config[0]:x}.{kind}"


def _descriptor(data: bytes, wanted: int) -> bytes:
    """Body of the descriptor at the start of `data` (14496-1 §8.3.3: 7 bits of length a byte)."""
    if data[0] != wanted:
        raise BadBoxes(f"descriptor {data[0]} where {wanted} should be")
    length, at = 0, 1
    while True:
        length = length << 7 | data[at] & 0x7F
        at += 1
        if not data[at - 1] & 0x80:
            return data[at : at + length]
