"""Archives: the older parts of a log, each in a file of its own beside it.

A log is one run of bytes that only grows. `0.out.log` holds its end, at the very offsets that the
bytes always had; `0.out.log.<start>-<end>` and `0.out.log.<start>-<end>.gz` hold earlier parts.
So an offset means the same line before and after rotation.

The gzip files are of many members, each of which says its own length in an extra field (RFC 1952,
2.3.1.1, as BGZF does): any gzip program reads them, and we find a place without unpacking all.
"""

import os
import re
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

MEMBER_BYTES = 1024 * 1024
_LEVEL = 1
"""Three times as fast as the usual 6, and text is a tenth larger: rotation must keep up."""

_HEADER = struct.Struct("<4BIBBH2BHII")
_TRAILER = struct.Struct("<II")
_HEADER_TAG = (0x1F, 0x8B, 8, 4)
_FIELD_TAG = (ord("I"), ord("T"))
_NAME = re.compile(r"\.(\d{1,19})-(\d{1,19})(\.gz)?")


@dataclass(frozen=True, slots=True)
class Archive:
    """One part of a log, from `start` up to `end`. An empty one only marks where the log begins."""

    path: Path
    start: int
    end: int

    @property
    def packed(self) -> bool:
        """Whether it is a gzip file."""
        return self.path.suffix == ".gz"


def archive_path(log: Path, start: int, end: int, *, packed: bool) -> Path:
    """Where that part of the log is kept."""
    return log.with_name(f"{log.name}.{start}-{end}{'.gz' if packed else ''}")


def archives(log: Path) -> list[Archive]:
    """All of a log, oldest first."""
    try:
        names = os.listdir(log.parent)
    except OSError:
        return []
    return among(log, names)


def among(log: Path, names: Sequence[str]) -> list[Archive]:
    """Those of the names in the log's folder that are its archives, oldest first."""
    found: list[Archive] = []
    for name in names:
        if name.startswith(log.name) and (match := _NAME.fullmatch(name, len(log.name))):
            found.append(Archive(log.with_name(name), int(match[1]), int(match[2])))
    return sorted(found, key=lambda archive: (archive.start, archive.end))


def pack(file: FileIO, start: int, end: int, write: Callable[[bytes], object]) -> None:
    """Write that part of the file as gzip members."""
    for position in range(start, end, MEMBER_BYTES):
        write(_member(_read(file, position, min(MEMBER_BYTES, end - position))))


def copy(file: FileIO, start: int, end: int, write: Callable[[bytes], object]) -> None:
    """Write that part of the file as it is."""
    for position in range(start, end, MEMBER_BYTES):
        write(_read(file, position, min(MEMBER_BYTES, end - position)))


class ArchiveReader:
    """One archive, open. Offsets are those of the log."""

    def __init__(self, archive: Archive) -> None:
        """Raises OSError when it is gone or damaged."""
        self.archive = archive
        self._file = FileIO(archive.path)
        try:
            self._members = list(_members(self._file, archive)) if archive.packed else []
        except BaseException:
            self._file.close()
            raise
        # What was moved aside as a whole has its bytes where they were in the log.
        is_whole = os.fstat(self._file.fileno()).st_size >= archive.end
        self._begins = 0 if is_whole else archive.start
        self._unpacked: tuple[int, bytes] = (archive.start, b"")

    def covers(self, offset: int) -> bool:
        """Whether the byte there is in this one."""
        return self.archive.start <= offset < self.archive.end

    def read(self, offset: int, size: int) -> bytes:
        """Bytes from there on; fewer than `size` at the end of a member, none at the very end."""
        if not self.archive.packed:
            size = min(size, self.archive.end - offset)
            return os.pread(self._file.fileno(), size, offset - self._begins)
        start, data = self._unpacked
        if not start <= offset < start + len(data):
            start, data = self._unpacked = self._unpack(offset)
        return data[offset - start : offset - start + size]

    def close(self) -> None:
        """Running it again changes nothing."""
        self._file.close()

    def _unpack(self, offset: int) -> tuple[int, bytes]:
        for member in self._members:
            if member.start <= offset < member.end:
                packed = os.pread(self._file.fileno(), member.packed_bytes, member.position)
                try:
                    return member.start, zlib.decompress(packed, wbits=31)
                except zlib.error as exc:
                    raise _damaged(self.archive, str(exc)) from exc
        return offset, b""


@dataclass(frozen=True, slots=True)
class _Member:
    start: int
    end: int
    position: int
    """Of its first byte in the gzip file."""
    packed_bytes: int


def _member(data: bytes) -> bytes:
    packer = zlib.compressobj(_LEVEL, wbits=-15)
    body = packer.compress(data) + packer.flush()
    whole = _HEADER.size + len(body) + _TRAILER.size
    extra = (*_FIELD_TAG, 8, whole, len(data))
    header = _HEADER.pack(*_HEADER_TAG, 0, 0, 255, 12, *extra)
    return header + body + _TRAILER.pack(zlib.crc32(data), len(data))


def _members(file: FileIO, archive: Archive) -> Iterator[_Member]:
    position, offset = 0, archive.start
    while header := os.pread(file.fileno(), _HEADER.size, position):
        if len(header) < _HEADER.size or header[:4] != bytes(_HEADER_TAG):
            raise _damaged(archive, "it is no gzip file of ours")
        *_, first, second, _, packed, size = _HEADER.unpack(header)
        if (first, second) != _FIELD_TAG or not packed:
            raise _damaged(archive, "it has a member that we did not write")
        yield _Member(offset, offset + size, position, packed)
        position, offset = position + packed, offset + size


def _damaged(archive: Archive, why: str) -> OSError:
    return OSError(f"cannot read log archive {archive.path}: {why}")


def _read(file: FileIO, position: int, size: int) -> bytes:
    """All of it. Raises OSError when the file has become shorter."""
    data = os.pread(file.fileno(), size, position)
    while len(data) < size:
        more = os.pread(file.fileno(), size - len(data), position + len(data))
        if not more:
            raise OSError(f"cannot archive {file.name!r}: it has become shorter")
        data += more
    return data
