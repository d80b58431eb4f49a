"""Names the container by a file's first bytes, so that ffmpeg never gets to guess.

ffmpeg's own guess also weighs the file name, and ends at demuxers that open other files (ffconcat,
HLS) or draw any text as video. Here a file is one of the few containers below or is not taken.
"""

import os
import re
from typing import BinaryIO

from intertie_media.core.errors import MediaRefused

HEAD_BYTES = 2048
ID3_HEADER = 10
BOX_HEADER = 8
MAX_BOXES = 20_000  # of one file; a fragmented film of hours has fewer
SIGNATURES: tuple[tuple[re.Pattern[bytes], str], ...] = tuple(
    (re.compile(pattern, re.DOTALL), container)
    for pattern, container in (
        (rb".{4}(ftyp|moov|mdat|free|skip|wide|pnot)", "mov"),
        (rb"\x1aE\xdf\xa3", "matroska"),
        (rb"RIFF.{4}AVI ", "avi"),
        (rb"(RIFF|RF64).{4}WAVE", "wav"),
        (rb"OggS\0", "ogg"),
        (rb"FLV\x01", "flv"),
        (rb"fLaC", "flac"),
        (rb"\x00\x00\x01\xba", "mpeg"),
        (rb"\x47.{187}\x47.{187}\x47.{187}\x47", "mpegts"),
        (rb".{4}\x47.{191}\x47.{191}\x47", "mpegts"),  # M2TS: a time stamp before each packet
        (rb"\xff[\xf0\xf1\xf8\xf9]", "aac"),
        (rb"\xff[\xe2\xe3\xf2-\xf7\xfa\xfb]", "mp3"),
    )
)
IMAGES = re.compile(
    rb"\x89PNG|\xff\xd8\xff|GIF8[79]a|BM.{4}\0\0\0\0|II\*\0|MM\0\*|RIFF.{4}WEBP|8BPS"
    rb"|\0\0\0\x0cJXL |\0\0\0\x0cjP  |.{4}ftyp(avif|avis|heic|heix|hevc|mif1|msf1|crx )",
    re.DOTALL,
)
PLAYLISTS = re.compile(
    rb"(\xef\xbb\xbf)?\s*(#EXTM3U|ffconcat version|<\?xml.{0,512}<MPD|<MPD)", re.DOTALL
)
OTHER_MEDIA = re.compile(
    rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11|\.RMF|#!AMR|MThd|FORM.{4}AIF|\x06\x0e\x2b\x34|caff|DKIF"
    rb"|YUV4MPEG2|\0\0\0\x01[\x09\x40\x46\x67]|\0\0\x01\xb3",
    re.DOTALL,
)  # fmt: skip
TAKEN = "MP4, MOV, WebM, MKV, AVI, MPEG, MPEG-TS, Ogg, FLV, MP3, AAC, FLAC or WAV"


def sniff(file: BinaryIO) -> str:
    """Give ffmpeg's name of the demuxer for `file`; raises MediaRefused when it is none of ours."""
    size = file.seek(0, os.SEEK_END)
    if size == 0:
        raise MediaRefused("cannot take the file: it is empty; upload it again", code="empty")
    head = _head(file)
    if IMAGES.match(head):
        raise MediaRefused(
            "cannot take the file: it is a picture; upload a video or audio file", code="image"
        )
    for pattern, container in SIGNATURES:
        if pattern.match(head):
            if container == "mov":
                check_boxes(file, size)
            return container
    raise _refusal(head)


def check_boxes(file: BinaryIO, size: int) -> None:
    """Walk the top-level boxes (ISO/IEC 14496-12 §4.2) and refuse a file that was cut off.

    ffmpeg would play the first part of it and call that a success. A fragmented file is made to
    survive that, so it passes.
    """
    at, names = 0, set[bytes]()
    for _ in range(MAX_BOXES):
        if at + BOX_HEADER > size:
            break
        file.seek(at)
        header = file.read(2 * BOX_HEADER)
        length = _box_length(header) or size - at
        if length < BOX_HEADER:
            break  # trailing rubbish: ffmpeg stops here too
        names.add(header[4:8])
        at += length
    if b"moov" not in names or (at > size and b"moof" not in names):
        raise MediaRefused(
            "cannot take the file: its end is missing; upload it again from the start",
            code="truncated",
        )


def _box_length(header: bytes) -> int:
    """Length of a box; 0 means up to the end of the file."""
    length = int.from_bytes(header[:4])
    return int.from_bytes(header[8:16]) if length == 1 else length


def _head(file: BinaryIO) -> bytes:
    """The first bytes, behind ID3 tags if there are any."""
    at = 0
    for _ in range(4):
        file.seek(at)
        head = file.read(HEAD_BYTES)
        if head[:3] != b"ID3" or len(head) < ID3_HEADER:
            return head.lstrip(b"\0") if at else head
        # ID3v2 §3.1: four bytes of seven bits, the ten bytes of the header not counted.
        high, mid, low, last = head[6:10]
        at += ID3_HEADER + (high << 21 | mid << 14 | low << 7 | last)
    return b""


def _refusal(head: bytes) -> MediaRefused:
    """Why `head` is none of ours, as exactly as the bytes tell."""
    if PLAYLISTS.match(head):
        return MediaRefused(
            "cannot take the file: it is a playlist that points at other files; "
            "upload the video itself",
            code="playlist",
        )
    if OTHER_MEDIA.match(head):
        return MediaRefused(
            f"cannot take the file: its container is not supported; convert it to {TAKEN}",
            code="unsupported_container",
        )
    return MediaRefused(
        f"cannot take the file: it is not video or audio; upload {TAKEN}", code="not_media"
    )
