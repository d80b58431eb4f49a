"""Waiting for a line in the log of a replica."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from anyio import lowlevel, sleep

from intertie.runtime.checks.inotify import FileWatch

_POLL_FIRST_S = 0.001
_POLL_LAST_S = 0.05
_GROWTH = 1.2
_WATCHED_POLL_S = 1.0
"""Only for what inotify does not see: a file on a network disk, written elsewhere."""
_GAP_FIRST_S = 0.001
_GAP_LAST_S = 0.02
"""Between two looks at a log that is written without pause."""
_CHUNK = 64 * 1024
_LONGEST_LINE = 64 * 1024


class LogReady:
    """Looks at log files from given offsets on, as soon as something is written to them."""

    def __init__(self, paths: Sequence[Path], pattern: str, since: Sequence[int]) -> None:
        self._pattern = re.compile(pattern)
        self._taps = [_Tap(path, offset) for path, offset in zip(paths, since, strict=True)]

    async def wait(self) -> str:
        """The first line with a match, once it is there. A file may come into being later.

        A line counts before it is complete, because a prompt never is. One above 64 KiB comes in
        pieces.
        """
        try:
            with FileWatch() as watch:
                return await self._wait(watch)
        finally:
            for tap in self._taps:
                tap.close()

    async def _wait(self, watch: FileWatch) -> str:
        poll_s, gap_s = _POLL_FIRST_S, _GAP_FIRST_S
        while True:
            is_told = self._watch(watch)
            found = await self._look()
            if found is not None:
                return found
            await sleep(gap_s)
            written = await watch.wait(_WATCHED_POLL_S if is_told else poll_s)
            poll_s = min(poll_s * _GROWTH, _POLL_LAST_S)
            gap_s = min(gap_s * _GROWTH, _GAP_LAST_S) if written else _GAP_FIRST_S

    def _watch(self, watch: FileWatch) -> bool:
        told = [tap.watch(watch) for tap in self._taps]
        return all(told)

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
        self._is_watched = False
        self._text = b""
        """From the beginning of a line on."""

    def watch(self, watch: FileWatch) -> bool:
        """Whether `watch` tells of it."""
        if self._file is None:
            try:
                self._file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return False
            self._is_watched = watch.add(self._path)
        return self._is_watched

    def read(self) -> bool:
        """Take in a piece of what was written since; whether there was anything."""
        if self._file is None:
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
