"""Reading the log files that the services write themselves."""

import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Literal

from anyio import sleep, to_thread

LONGEST_LINE = 64 * 1024
_CHUNK = 256 * 1024
_LOOKED_BACK = 8 * 1024 * 1024
_POLL_FIRST_S = 0.01
_POLL_LAST_S = 0.5
_POLL_GROWTH = 1.5

Stream = Literal["out", "err"]
STREAMS: tuple[Stream, ...] = ("out", "err")


@dataclass(frozen=True, slots=True)
class Source:
    """One log file's origin."""

    service: str
    replica: int
    stream: Stream


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line without its line break; a line above 64 KiB comes in pieces."""

    service: str
    replica: int
    stream: Stream
    text: str
    offset: int
    """Where the line begins in its file, in bytes."""


def log_path(folder: Path, source: Source) -> Path:
    """The file a replica writes this stream to."""
    return folder / source.service / f"{source.replica}.{source.stream}.log"


class LogReader:
    """Reads logs below one folder. Costs nothing while nobody reads.

    `ended` tells whether a replica has no process now: its unfinished last line is then handed
    out instead of being waited for.
    """

    def __init__(self, folder: Path, *, ended: Callable[[str, int], bool]) -> None:
        self._folder = folder
        self._ended = ended

    async def tail(
        self,
        service: str,
        replica: int | None = None,
        *,
        lines: int = 100,
        since: Mapping[Source, int] | None = None,
    ) -> Sequence[LogLine]:
        """The last lines of each file of the service, file by file; none when it never ran.

        The files hold no times, so lines of different files cannot be put in one order. `since`
        leaves out what lies before these offsets (see `sizes`).
        """
        found = await to_thread.run_sync(self._tail, service, replica, lines)
        since = since or {}
        return [
            line
            for line in found
            if line.offset >= since.get(Source(line.service, line.replica, line.stream), 0)
        ]

    def sizes(self, service: str, replica: int) -> Mapping[Source, int]:
        """How long the files of a replica are now."""
        sources = [Source(service, replica, stream) for stream in STREAMS]
        paths = {source: log_path(self._folder, source) for source in sources}
        return {source: path.stat().st_size for source, path in paths.items() if path.exists()}

    @asynccontextmanager
    async def follow(
        self,
        services: Sequence[str],
        replica: int | None = None,
        *,
        lines: int = 0,
        until: Callable[[], bool] = lambda: False,
    ) -> AsyncIterator[AsyncIterator[LogLine]]:
        """Lines as they are written, of replicas that start later too.

        Begins with the last `lines` lines of each file that exists already. Ends once all is read
        that was there when `until` had become true; never by itself otherwise.
        """
        taps: dict[Source, _Tap] = {}
        try:
            await to_thread.run_sync(self._open_new, taps, services, replica, lines)
            yield self._lines(taps, services, replica, until)
        finally:
            for tap in taps.values():
                tap.close()

    async def _lines(
        self,
        taps: "dict[Source, _Tap]",
        services: Sequence[str],
        replica: int | None,
        until: Callable[[], bool],
    ) -> AsyncIterator[LogLine]:
        pause_s = _POLL_FIRST_S
        while True:
            is_over = until()  # asked before reading: what was there by then is handed out
            await to_thread.run_sync(self._open_new, taps, services, replica, None)
            found = await to_thread.run_sync(self._read, taps)
            for line in found:
                yield line
            # While lines flow, read on; the poll slows down only for services that are silent.
            pause_s = _POLL_FIRST_S if found else min(pause_s * _POLL_GROWTH, _POLL_LAST_S)
            if is_over and not found:
                return
            if not found:
                await sleep(pause_s)

    def _tail(self, service: str, replica: int | None, lines: int) -> list[LogLine]:
        found: list[LogLine] = []
        for source in self._sources(service, replica):
            tap = _Tap(source, log_path(self._folder, source), lines)
            try:
                found += tap.read_all()[-lines:] if lines else []
            finally:
                tap.close()
        return found

    def _read(self, taps: "Mapping[Source, _Tap]") -> list[LogLine]:
        found: list[LogLine] = []
        for source, tap in taps.items():
            # Asked before reading: what an ended process wrote is all in the file by then.
            ended = self._ended(source.service, source.replica)
            found += tap.read(final=ended)
        return found

    def _open_new(
        self,
        taps: "dict[Source, _Tap]",
        services: Sequence[str],
        replica: int | None,
        lines: int | None,
    ) -> None:
        for service in services:
            for source in self._sources(service, replica):
                if source not in taps:
                    taps[source] = _Tap(source, log_path(self._folder, source), lines)

    def _sources(self, service: str, replica: int | None) -> list[Source]:
        files = (path.name.split(".") for path in (self._folder / service).glob("*.*.log"))
        found = [
            Source(service, int(index), stream)
            for index, name, _ in files
            for stream in STREAMS
            if name == stream and index.isdecimal()
        ]
        wanted = (source for source in found if replica in {None, source.replica})
        return sorted(wanted, key=lambda source: (source.replica, STREAMS.index(source.stream)))


class _Tap:
    """One file being read; survives its truncation and replacement."""

    def __init__(self, source: Source, path: Path, lines: int | None) -> None:
        """`lines` is how many of the last lines to begin with; None means all of the file."""
        self._source = source
        self._path = path
        self._file: FileIO | None = None
        self._rest = b""
        self._offset = 0
        """Where `_rest` begins."""
        self._open(lines)

    def read(self, *, final: bool = False) -> list[LogLine]:
        """Lines completed since the last call, at most some; `final` adds the unfinished one."""
        data = self._file.read(_CHUNK) if self._file else None
        if data:
            self._rest += data
            return self._complete_lines()
        if self._replaced():
            rest = self._take_rest()
            self._open(None)
            return rest
        return self._take_rest() if final else []

    def read_all(self) -> list[LogLine]:
        """Everything up to the present end, with the unfinished line."""
        found: list[LogLine] = []
        while data := self._file.read(_CHUNK) if self._file else None:
            self._rest += data
            found += self._complete_lines()
        return found + self._take_rest()

    def close(self) -> None:
        """Running it again changes nothing."""
        if self._file:
            self._file.close()
        self._file = None

    def _open(self, lines: int | None) -> None:
        self.close()
        try:
            self._file = FileIO(self._path)
        except OSError:
            return
        self._offset = 0 if lines is None else _start_of_last(self._file, lines)
        self._file.seek(self._offset)

    def _replaced(self) -> bool:
        try:
            now = self._path.stat()
        except OSError:
            return False
        if self._file is None:
            return True
        ours = os.fstat(self._file.fileno())
        return now.st_ino != ours.st_ino or now.st_size < self._file.tell()

    def _complete_lines(self) -> list[LogLine]:
        *lines, rest = self._rest.split(b"\n")
        found: list[LogLine] = []
        for line in lines:
            found += self._pieces(line)
            self._offset += 1  # the line break
        while len(rest) >= LONGEST_LINE:
            found += self._pieces(rest[:LONGEST_LINE])
            rest = rest[LONGEST_LINE:]
        self._rest = rest
        return found

    def _take_rest(self) -> list[LogLine]:
        found = self._pieces(self._rest) if self._rest else []
        self._rest = b""
        return found

    def _pieces(self, line: bytes) -> list[LogLine]:
        found: list[LogLine] = []
        for start in range(0, max(len(line), 1), LONGEST_LINE):
            piece = line[start : start + LONGEST_LINE]
            text = piece.decode("utf-8", "replace")
            source = self._source
            found.append(LogLine(source.service, source.replica, source.stream, text, self._offset))
            self._offset += len(piece)
        return found


def _start_of_last(file: FileIO, lines: int) -> int:
    """Where the last lines begin, looking back a bounded way."""
    end = position = file.seek(0, os.SEEK_END)
    # A break at the very end closes the last line, it does not open another.
    wanted = lines + 1 if lines and _last_byte(file, end) == b"\n" else lines
    seen = 0
    while seen < wanted and position > max(0, end - _LOOKED_BACK):
        start = max(0, position - _CHUNK)
        file.seek(start)
        block = file.read(position - start) or b""
        seen += block.count(b"\n")
        if seen >= wanted:
            return start + _nth_break(block, seen - wanted) + 1
        position = start
    return position


def _last_byte(file: FileIO, end: int) -> bytes:
    file.seek(max(0, end - 1))
    return file.read(1) or b""


def _nth_break(block: bytes, n: int) -> int:
    place = block.index(b"\n")
    for _ in range(n):
        place = block.index(b"\n", place + 1)
    return place
