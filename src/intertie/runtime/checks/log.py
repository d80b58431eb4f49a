"""Waiting for a line in the log of a replica.

By looking again and again, ever less often: inotify would tell at once, but closing its handle
takes 11 ms in the kernel, which is longer than most services take to write their line.
"""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from anyio import lowlevel, sleep

_PAUSE_FIRST_S = 0.001
_PAUSE_LAST_S = 0.05
_GROWTH = 1.2
_CHUNK = 64 * 1024
_LONGEST_LINE = 64 * 1024


class LogReady:
    """Looks at log files from given offsets on."""

    def __init__(self, paths: Sequence[Path], pattern: str, since: Sequence[int]) -> None:
        self._pattern = re.compile(pattern)
        self._taps = [_Tap(path, offset) for path, offset in zip(paths, since, strict=True)]

    async def wait(self) -> str:
        """The first line with a match, once it is there. A file may come into being later.

        A line counts before it is complete, because a prompt never is. One above 64 KiB comes in
        pieces.
        """
        pause_s = _PAUSE_FIRST_S
        try:
            while (found := await self._look()) is None:
                await sleep(pause_s)
                pause_s = min(pause_s * _GROWTH, _PAUSE_LAST_S)
        finally:
            for tap in self._taps:
                tap.close()
        return found

    async def _look(self) -> str | None:
        for tap in self._taps:
            while tap.read():
                for line in tap.lines():
                    if self._pattern.search(line):
                        return line
                await lowlevel.checkpoint()
        return None


class _Tap:
    """One file, opened once it is there."""

    def __init__(self, path: Path, offset: int) -> None:
        self._path = path
        self._offset = offset
        self._file: int | None = None
        self._text = b""
        """From the beginning of a line on."""

    def read(self) -> bool:
        """Take in a piece of what was written since; whether there was anything."""
        if self._file is None:
            try:
                self._file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:  # not there yet, or too many files are open at the moment
                return False
        data = os.pread(self._file, _CHUNK, self._offset)
        if not data and os.fstat(self._file).st_size < self._offset:  # emptied by a rotation
            self._offset, self._text = 0, b""
            data = os.pread(self._file, _CHUNK, 0)
        self._offset += len(data)
        self._text += data
        return bool(data)

    def lines(self) -> Iterator[str]:
        """Those that the last `read` completed, and what there is of the next one."""
        *lines, rest = self._text.split(b"\n")
        # An unfinished line that has grown too long goes out as it is.
        self._text = rest if len(rest) < _LONGEST_LINE else b""
        return (line.decode(errors="replace") for line in (*lines, rest) if line)

    def close(self) -> None:
        """Also when it was never opened."""
        if self._file is not None:
            os.close(self._file)
        self._file = None
