"""The steps of rotation. Whoever dies between two of them leaves a log that reads the same."""

import ctypes
import errno
import math
import os
import time
from collections.abc import Callable, Iterable
from io import FileIO
from pathlib import Path
from tempfile import TemporaryFile

from intertie.runtime import log_archive
from intertie.runtime.log_archive import Archive, archive_path
from intertie.runtime.log_file import LogFile
from intertie.suite.logging import Logging

Punch = Callable[[int, int, int], None]
"""Makes a hole in an open file, from an offset on, of a size. Raises OSError."""

_MODE = 0o640
_KEEP_SIZE, _PUNCH_HOLE = 1, 2


def punch_hole(file: int, start: int, size: int) -> None:
    """Give back the disk space of that part; it reads as zeros. Raises OSError.

    By the C library: Python's `os.posix_fallocate` can only fill.
    """
    library = ctypes.CDLL(None, use_errno=True)
    call = getattr(library, "fallocate64", None) or getattr(library, "fallocate", None)
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    arguments = (ctypes.c_int64(start), ctypes.c_int64(size))
    if call(file, _KEEP_SIZE | _PUNCH_HOLE, *arguments):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def try_hole(folder: Path, punch: Punch) -> None:
    """Raises OSError where no holes can be punched. In a file of our own, which nobody writes."""
    with TemporaryFile(dir=folder) as file:
        punch(file.fileno(), 0, 1)


def first_data(file: FileIO) -> int:
    """The first block that is no hole; the end when there is none."""
    try:
        return os.lseek(file.fileno(), 0, os.SEEK_DATA)
    except OSError:
        return os.fstat(file.fileno()).st_size


def cut(file: FileIO, start: int, end: int) -> int:
    """Where the last line ends that ends by `end`; a very long line is cut instead."""
    position = end
    while position > start + (end - start) // 2:
        block_start = max(start, position - log_archive.MEMBER_BYTES)
        place = os.pread(file.fileno(), position - block_start, block_start).rfind(b"\n")
        if place >= 0:
            return block_start + place + 1
        position = block_start
    return end


def begin(path: Path) -> int:
    """Where the log begins when no archive tells."""
    found = LogFile(path)
    try:
        return found.first()
    finally:
        found.close()


def write_archive(
    log_file: Path, file: FileIO, start: int, end: int, *, packed: bool, keep_on: Callable[[], None]
) -> None:
    """Make an archive, safe on disk before it has its name."""
    part = log_file.with_name(f".{log_file.name}.{start}.part")
    fill = log_archive.pack if packed else log_archive.copy
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _MODE), "wb") as out:

            def write(data: bytes) -> None:
                keep_on()
                out.write(data)

            fill(file, start, end, write)
            out.flush()
            os.fsync(out.fileno())
        part.rename(archive_path(log_file, start, end, packed=packed))
        _sync(log_file.parent)
    finally:
        part.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def extend(path: Path, size: int) -> None:
    """Put an empty file in its place that is as long as the log already was."""
    kept = log_archive.archives(path)
    size = max(size, kept[-1].end) if kept else size
    if size:
        part = path.with_name(f".{path.name}.new.part")
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _MODE), "wb") as file:
            os.ftruncate(file.fileno(), size)
        part.replace(path)


def prune(path: Path, rule: Logging) -> None:
    """Remove archives that are too many or too old."""
    kept = log_archive.archives(path)
    filled = [archive for archive in kept if archive.end > archive.start]
    oldest = time.time() - (math.inf if rule.max_age is None else rule.max_age)
    doomed = {
        archive
        for newer, archive in enumerate(reversed(filled), 1)
        if newer >= rule.max_files or archive.path.stat().st_mtime < oldest
    }
    if kept and kept[-1] in doomed:
        # Somebody has to tell where the log goes on.
        archive_path(path, kept[-1].end, kept[-1].end, packed=False).touch()
        doomed.add(kept[-1])
    empty = [archive for archive in kept[:-1] if archive.end == archive.start]
    remove((*doomed, *empty))


def remove(doomed: Iterable[Archive]) -> None:
    """Also those that are gone already."""
    for archive in doomed:
        archive.path.unlink(missing_ok=True)
