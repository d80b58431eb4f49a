"""One log as one run of bytes, wherever rotation has put them."""

import errno
import logging
import os
from io import FileIO
from pathlib import Path

from intertie.runtime.log_archive import Archive, ArchiveReader, archives

log = logging.getLogger(__name__)


class LogFile:
    """Reads a log from its oldest archive to its end. Survives truncation and replacement."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._name = str(path)
        self._inode = 0
        self._file: FileIO | None = None
        self._archive: ArchiveReader | None = None
        self.offset = 0
        """Of the next byte that is read."""
        self.open()

    @property
    def size(self) -> int:
        """Where the log ends now, as far as it is open."""
        return os.fstat(self._file.fileno()).st_size if self._file else 0

    def open(self) -> None:
        """The file that is there now, if any; the offset stays."""
        self.close()
        try:
            self._file = FileIO(self._path)
        except OSError:
            return
        self._inode = os.fstat(self._file.fileno()).st_ino

    def close(self) -> None:
        """Running it again changes nothing."""
        self._leave_archive()
        if self._file:
            self._file.close()
        self._file = None

    def first(self) -> int:
        """The oldest byte that is kept."""
        kept, base = self._kept()
        return kept[0].start if kept else self._begin(base)

    def read(self, size: int) -> bytes:
        """The next bytes, empty at the end. Passes over what is not kept any more."""
        if self._archive and self._archive.covers(self.offset):
            data = self._read_archive(self._archive, size)
        else:
            self._leave_archive()
            data = self._read_live(size)
        self.offset += len(data)
        return data

    def follow_replacement(self) -> bool:
        """Whether another file is there now, or this one was cut: what is next is read from it.

        Asked at the end of the log.
        """
        try:
            now = os.stat(self._name)
        except OSError:
            return False
        is_same = self._file is not None and self._inode == now.st_ino
        if is_same and now.st_size >= self.offset:
            return False
        was_open = self._file is not None
        self.open()
        # A start of the service may have moved the whole file to an archive: then offsets go on.
        if was_open and not (self.offset <= self._kept()[1] <= now.st_size):
            self.offset = 0
        return True

    def _read_archive(self, archive: ArchiveReader, size: int) -> bytes:
        try:
            return archive.read(self.offset, size)
        except OSError as exc:
            self._pass_over(archive.archive, exc)
            return self._read_live(size)

    def _read_live(self, size: int) -> bytes:
        if self._file is None:
            return b""
        data = os.pread(self._file.fileno(), size, self.offset)
        # What was moved to an archive reads as zeros here, and the archive is complete before the
        # first of them: bytes without zeros are the log's own.
        return self._read_moved(size, data) if b"\0" in data else data

    def _read_moved(self, size: int, seen: bytes) -> bytes:
        kept, base = self._kept()
        for archive in kept:
            if self.offset < archive.end:
                self.offset = max(self.offset, archive.start)
                try:
                    self._archive = ArchiveReader(archive)
                    return self._archive.read(self.offset, size)
                except OSError as exc:
                    self._pass_over(archive, exc)
        start = self._begin(base)
        if start <= self.offset:
            return seen
        self.offset = start
        return os.pread(self._fileno(), size, start)

    def _pass_over(self, archive: Archive, why: OSError) -> None:
        log.warning("part of a log cannot be read", extra={"file": archive.path, "why": str(why)})
        self._leave_archive()
        self.offset = archive.end

    def _kept(self) -> tuple[list[Archive], int]:
        """The archives with content, and where the part begins that is in the file only."""
        found = archives(self._path)
        base = found[-1].end if found else 0
        if base > self.size:
            return [], 0  # somebody has cut the file: they belong to another one
        return [archive for archive in found if archive.end > archive.start], base

    def _begin(self, base: int) -> int:
        """Where the file's own part begins: also when somebody has removed the archives."""
        if base or self._file is None or not self.size:
            return base
        start = self._data(0)
        # The hole ends with a block, and the zeros go on to where the last archive ended.
        while 0 < start < self.size:
            head = os.pread(self._fileno(), os.fstat(self._fileno()).st_blksize, start)
            if rest := head.lstrip(b"\0"):
                return start + len(head) - len(rest)
            start = self._data(start + len(head))
        return start

    def _data(self, offset: int) -> int:
        """The next data at the offset or behind it."""
        try:
            return os.lseek(self._fileno(), offset, os.SEEK_DATA)
        except OSError as exc:
            # All that follows is a hole, or the file system does not tell.
            return self.size if exc.errno == errno.ENXIO else offset

    def _fileno(self) -> int:
        if self._file is None:
            raise OSError(f"cannot read log {self._path}: it is not open")
        return self._file.fileno()

    def _leave_archive(self) -> None:
        if self._archive:
            self._archive.close()
        self._archive = None
