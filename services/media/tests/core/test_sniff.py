import io

import pytest

from intertie_media.core.errors import MediaRefused
from intertie_media.core.sniff import sniff


def box(name: bytes, body: bytes = b"") -> bytes:
    """An ISO box."""
    return (8 + len(body)).to_bytes(4) + name + body


MP4 = box(b"ftyp", b"isom\0\0\0\0") + box(b"mdat", b"x" * 100) + box(b"moov", b"y" * 50)
TS_PACKET = b"\x47" + b"\0" * 187


@pytest.mark.parametrize(
    ("content", "container"),
    [
        (MP4, "mov"),
        (box(b"wide") + box(b"mdat", b"x") + box(b"moov", b"y"), "mov"),
        (b"\x1aE\xdf\xa3" + b"\0" * 40, "matroska"),
        (b"RIFF\0\0\0\0AVI LIST", "avi"),
        (b"RIFF\0\0\0\0WAVEfmt ", "wav"),
        (b"OggS\0\x02", "ogg"),
        (b"FLV\x01\x05", "flv"),
        (b"fLaC\0\0\0\x22", "flac"),
        (b"\0\0\x01\xba\x44", "mpeg"),
        (TS_PACKET * 4, "mpegts"),
        ((b"\0\0\0\0" + TS_PACKET) * 4, "mpegts"),
        (b"\xff\xf1\x50\x80", "aac"),
        (b"\xff\xfb\x90\x00", "mp3"),
        (b"ID3\x04\0\0\0\0\0\x05" + b"cover" + b"\xff\xfb\x90\x00", "mp3"),
        (b"ID3\x04\0\0\0\0\0\x05" + b"cover" + b"fLaC", "flac"),
    ],
)
def test_container_follows_from_the_bytes(content: bytes, container: str) -> None:
    """Each container of the allow-list is known by its signature."""
    assert sniff(io.BytesIO(content)) == container


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"ffconcat version 1.0\nfile secret.mp4\n", "playlist"),
        (b"#EXTM3U\n#EXTINF:2,\nsecret.mp4\n", "playlist"),
        (b"\xef\xbb\xbf#EXTM3U\n", "playlist"),
        (b'<?xml version="1.0"?>\n<MPD xmlns="">', "playlist"),
        (b"\x1b[31mhello", "not_media"),
        (b"<!doctype html><html>", "not_media"),
        (b"x", "not_media"),
        (b"GIF89a is how this text starts", "image"),
        (b"\x89PNG\r\n\x1a\n", "image"),
        (b"\xff\xd8\xff\xe0", "image"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image"),
        (box(b"ftyp", b"heic\0\0\0\0"), "image"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "unsupported_container"),
        (b"ID3\x04\0\0\0\0\0\x05cover", "not_media"),
        (b"ID3\x04\0\0\x7f\x7f\x7f\x7f", "not_media"),
        (MP4[:100], "truncated"),
        (box(b"ftyp") + box(b"moov", b"y" * 50)[:30], "truncated"),
        (box(b"ftyp") + box(b"moov") + box(b"mdat", b"x" * 50)[:30], "truncated"),
        (box(b"ftyp") + box(b"free"), "truncated"),
    ],
)
def test_all_else_is_refused_with_a_code(content: bytes, code: str) -> None:
    """Empty, text, pictures, playlists, other containers and cut-off files are told apart."""
    with pytest.raises(MediaRefused, match=r"^cannot take the file: .+; \w+") as refusal:
        sniff(io.BytesIO(content))

    assert refusal.value.code == code


def test_fragmented_file_may_be_cut_off() -> None:
    """A recorder that died leaves whole fragments, which play."""
    content = box(b"ftyp") + box(b"moov") + box(b"moof") + box(b"mdat", b"x" * 50)[:30]

    assert sniff(io.BytesIO(content)) == "mov"


def test_long_and_open_boxes_are_followed() -> None:
    """64-bit lengths count, and a length of 0 reaches to the end of the file."""
    long = (1).to_bytes(4) + b"mdat" + (116).to_bytes(8) + b"x" * 100
    content = box(b"ftyp") + long + box(b"moov", b"y")

    assert sniff(io.BytesIO(content)) == "mov"
    assert sniff(io.BytesIO(box(b"moov") + b"\0\0\0\0mdat" + b"x" * 9)) == "mov"


def test_endless_small_boxes_do_not_keep_it_busy() -> None:
    """A file of empty boxes is given up after some thousands and refused."""
    with pytest.raises(MediaRefused) as refusal:
        sniff(io.BytesIO(box(b"free") * 200_000))

    assert refusal.value.code == "truncated"
