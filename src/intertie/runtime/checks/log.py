"""Waiting for a line in the log of a replica."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from anyio import sleep

_PAUSE_FIRST_S = 0.001
_PAUSE_LAST_S = 0.05
_PAUSE_GROWTH = 1.2
_CHUNK = 64 * 1024
_LONGEST_LINE = 64 * 1024


class LogReady:
    """Looks at log files from given offsets on, closely at first and then 20 times a second."""

    def __init__(self, paths: Sequence[Path], pattern: str, since: Sequence[int]) -> None:
        self._pattern = re.compile(pattern)
        self._taps = [_Tap(path, offset) for path, offset in zip(paths, since, strict=True)]

    async def wait(self) -> str:
        """The first line with a match, once it is there. A file may come into being later."""
        pause_s = _PAUSE_FIRST_S
        try:
            while True:
                for tap in self._taps:
                    for line in tap.lines():
                        if self._pattern.search(line):
                            return line
                await sleep(pause_s)
                pause_s = min(pause_s * _PAUSE_GROWTH, _PAUSE_LAST_S)
        finally:
            for tap in self._taps:
                tap.close()


class _Tap:
    def __init__(self, path: Path, offset: int) -> None:
        self._path = path
        self._offset = offset
        self._file: int | None = None
        self._rest = b""

    def lines(self) -> list[str]:
        """Those completed since the last call, and what there is of the next one."""
        data = self._read()
        if not data:
            return []
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest[-_LONGEST_LINE:]
        return [line.decode("utf-8", "replace") for line in (*lines, rest) if line]

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
        self._file = None

    def _read(self) -> bytes:
        if self._file is None:
            try:
                self._file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return b""
        data = os.pread(self._file, _CHUNK, self._offset)
        self._offset += len(data)
        return data
