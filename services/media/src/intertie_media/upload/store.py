"""The files of one unfinished upload. Everything here blocks: call it from a thread.

Each upload has a folder of its own and a neutral file name in it, so that nothing in a file can
name another upload. `content` is sparse and has its final size from the start; `journal` holds one
record for each chunk, written when the chunk's bytes are on the disk.
"""

import hashlib
import os
import shutil
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from intertie.errors import StoreError

_RECORD = struct.Struct(">III")  # chunk, CRC of the chunk, CRC of the two
_READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class UploadFolder:
    """Where the bytes of one upload are until it is complete."""

    path: Path

    @property
    def content(self) -> Path:
        """The file itself, with holes where chunks are missing."""
        return self.path / "content"

    @property
    def journal(self) -> Path:
        """Which chunks are there."""
        return self.path / "journal"

    def create(self, size_bytes: int) -> None:
        """Make the folder (0700) and its files. Raises StoreError."""
        with _told("create an upload"):
            self.path.mkdir(mode=0o700, parents=True)
            with self.content.open("xb") as file:
                file.truncate(size_bytes)
            self.journal.touch()

    def open(self) -> int:
        """A descriptor to write chunks with; close it with `os.close`. Raises StoreError."""
        with _told("open the upload"):
            return os.open(self.content, os.O_WRONLY)

    def commit(self, descriptor: int, chunk: int, crc: int) -> None:
        """Note that `chunk` is there, once its bytes are on the disk. Raises StoreError."""
        head = struct.pack(">II", chunk, crc)
        with _told("keep the chunk"):
            os.fdatasync(descriptor)
            with self.journal.open("ab", buffering=0) as journal:
                journal.write(_RECORD.pack(chunk, crc, zlib.crc32(head)))
                os.fdatasync(journal.fileno())

    def load(self) -> dict[int, int]:
        """CRC by chunk, from the journal; a record cut off by a crash is passed over."""
        with _told("read the upload"):
            data = self.journal.read_bytes()
        whole = len(data) - len(data) % _RECORD.size
        found: dict[int, int] = {}
        for chunk, crc, check in _RECORD.iter_unpack(data[:whole]):
            if check == zlib.crc32(struct.pack(">II", chunk, crc)):
                found[chunk] = crc
        if whole != len(data):
            with _told("repair the upload"):
                os.truncate(self.journal, whole)
        return found

    def sha256(self) -> str:
        """Of the whole file, in hex. Raises StoreError."""
        digest = hashlib.sha256()
        with _told("read the upload"), self.content.open("rb", buffering=0) as file:
            while piece := file.read(_READ_BYTES):
                digest.update(piece)
        return digest.hexdigest()

    def changed_at(self) -> datetime | None:
        """When the last chunk came, or the upload began; None when there is no such folder."""
        try:
            return datetime.fromtimestamp(self.journal.stat().st_mtime, UTC)
        except FileNotFoundError:
            return None

    def remove(self) -> None:
        """Delete all of it; no harm when there is nothing."""
        shutil.rmtree(self.path, ignore_errors=True)


def write_at(descriptor: int, offset: int, data: bytes) -> None:
    """Write all of `data` at `offset`. Raises StoreError."""
    with _told("write the chunk"):
        view = memoryview(data)
        while view:
            written = os.pwrite(descriptor, view, offset)
            view, offset = view[written:], offset + written


def free_bytes(path: Path) -> int:
    """What is left on the disk of `path`."""
    return shutil.disk_usage(path).free


@contextmanager
def _told(action: str) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise StoreError(f"cannot {action}: {exc.strerror or exc}") from exc
