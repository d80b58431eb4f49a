import gzip
from io import FileIO
from pathlib import Path

import pytest

from intertie.runtime.log_archive import (
    MEMBER_BYTES,
    Archive,
    ArchiveReader,
    archive_path,
    archives,
    copy,
    pack,
)
from tests.runtime.stage import chance

TEXT = b"".join(b"%d\n" % number for number in range(500_000))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of a few members."""
    path = tmp_path / "0.out.log"
    path.write_bytes(TEXT)
    return path


def make(log: Path, start: int, end: int, *, packed: bool = True) -> Archive:
    """An archive of that part."""
    path = archive_path(log, start, end, packed=packed)
    with FileIO(log) as file, path.open("wb") as out:
        (pack if packed else copy)(file, start, end, out.write)
    return Archive(path, start, end)


@pytest.mark.parametrize("packed", [True, False])
def test_any_place_can_be_read(log: Path, packed: bool) -> None:
    """By the offsets of the log; a read ends with its member, and with the archive."""
    archive = make(log, 1000, 3_000_000, packed=packed)
    reader = ArchiveReader(archive)
    random = chance(3)

    for offset in (1000, 2_999_999, *(random.randrange(1000, 3_000_000) for _ in range(50))):
        data = reader.read(offset, 5000)
        assert data
        assert data == TEXT[offset : offset + len(data)]
        assert offset + len(data) <= 3_000_000
    reader.close()

    assert reader.covers(1000)
    assert not reader.covers(999)
    assert not reader.covers(3_000_000)
    assert archive.packed == packed


def test_a_packed_archive_is_a_gzip_file(log: Path) -> None:
    """Of many members, none above 1 MiB."""
    archive = make(log, 0, len(TEXT))

    data = archive.path.read_bytes()

    assert gzip.decompress(data) == TEXT
    assert data.count(b"\x1f\x8b\x08\x04") == -(-len(TEXT) // MEMBER_BYTES)


def test_archives_are_told_from_other_files(log: Path) -> None:
    """Oldest first, of this log only."""
    for name in ("0.out.log.900-1000", "0.out.log.0-900.gz", "10.out.log.0-5.gz"):
        log.with_name(name).touch()
    for name in ("0.out.log.gz", "0.out.log.1", "0.out.log.1-2.bz2", "0.out.log.a-b.gz"):
        log.with_name(name).touch()

    assert archives(log) == [
        Archive(log.with_name("0.out.log.0-900.gz"), 0, 900),
        Archive(log.with_name("0.out.log.900-1000"), 900, 1000),
    ]
    assert archives(log.parent / "nowhere" / "0.out.log") == []


@pytest.mark.parametrize(
    "content",
    [b"no gzip", gzip.compress(b"not ours"), b"\x1f\x8b\x08\x04" * 9],
    ids=["text", "foreign", "torn"],
)
def test_a_foreign_file_is_refused(log: Path, content: bytes) -> None:
    """With its name and the reason."""
    path = archive_path(log, 0, 100, packed=True)
    path.write_bytes(content)

    with pytest.raises(OSError, match=f"cannot read log archive {path}"):
        ArchiveReader(Archive(path, 0, 100))


def test_a_damaged_member_is_told(log: Path) -> None:
    """Its checksum is checked; the others can be read."""
    archive = make(log, 0, len(TEXT))
    data = bytearray(archive.path.read_bytes())
    data[1000] ^= 0xFF
    archive.path.write_bytes(data)
    reader = ArchiveReader(archive)

    with pytest.raises(OSError, match="cannot read log archive"):
        reader.read(0, 10)

    assert reader.read(MEMBER_BYTES, 10) == TEXT[MEMBER_BYTES : MEMBER_BYTES + 10]
    reader.close()


def test_a_part_that_is_not_there_is_no_archive(log: Path) -> None:
    """A file that was cut meanwhile must not become a shorter archive of a longer name."""
    with pytest.raises(OSError, match="has become shorter"):
        make(log, 0, len(TEXT) + 1)
