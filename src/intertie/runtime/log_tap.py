"""Lines out of one log file as it grows."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from intertie.runtime.log_file import LogFile
from intertie.runtime.log_record import Level, parse

LONGEST_LINE = 64 * 1024
CHUNK = 256 * 1024
LOOKED_BACK = 8 * 1024 * 1024

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
    """Where the line begins in its log, in bytes; rotation does not change it."""

    @property
    def source(self) -> Source:
        """Which log it is from."""
        return Source(self.service, self.replica, self.stream)

    @property
    def level(self) -> Level | None:
        """As the line itself says in JSON or logfmt; parsed anew at each call."""
        found = parse(self.text)
        return found.level if found else None

    @property
    def message(self) -> str:
        """What a structured line says; all of another one. Parsed anew at each call."""
        found = parse(self.text)
        return found.message if found else self.text

    @property
    def time(self) -> datetime | None:
        """As the line itself says. Parsed anew at each call."""
        found = parse(self.text)
        return found.time if found else None


class Tap:
    """One log being read, across its archives; survives truncation and replacement."""

    def __init__(self, source: Source, path: Path, *, needle: bytes = b"") -> None:
        """Lines without the needle may be left out: it is cheaper not to make them."""
        self.source = source
        self._needle = needle
        self._log = LogFile(path)
        self._rest = b""
        self.lost_bytes = 0
        """That were removed before they were read."""
        self._offset = 0
        """Where `_rest` begins."""

    @property
    def offset(self) -> int:
        """Where the next line begins."""
        return self._offset

    def seek(self, offset: int) -> None:
        """Go on from there; from the beginning when the log is not that long."""
        self._log.offset = self._offset = offset if offset <= self._log.size else 0
        self._rest = b""

    def seek_first(self) -> None:
        """Go to the oldest line that is kept."""
        self.seek(self._log.first())

    def seek_last(self, lines: int) -> None:
        """Go to where the last lines begin, looking back a bounded way."""
        self.seek(_start_of_last(self._log, lines))

    def seek_back(self) -> None:
        """Go back by a bounded way, to where a line begins."""
        first = self._log.first()
        start = max(first, self._log.size - LOOKED_BACK)
        self.seek(_next_line(self._log, start) if start > first else first)

    def read(self, *, final: bool = False) -> list[LogLine]:
        """Lines completed since the last call, at most some; `final` adds the unfinished one."""
        found = self._read()
        if found is not None:
            return found
        if self._log.follow_replacement():
            rest = self._take_rest()
            self._offset = self._log.offset
            return rest
        return self._take_rest() if final else []

    def read_some(self) -> list[LogLine] | None:
        """The next lines, which may be none; in the end the unfinished one, then None."""
        found = self._read()
        return found if found is not None else self._take_rest() or None

    def read_all(self) -> list[LogLine]:
        """Everything up to the present end, with the unfinished line."""
        found: list[LogLine] = []
        while (more := self.read_some()) is not None:
            found += more
        return found

    def close(self) -> None:
        """Running it again changes nothing."""
        self._log.close()

    def _read(self) -> list[LogLine] | None:
        """Lines completed by the next bytes; None at the end."""
        before = self._log.offset
        data = self._log.read(CHUNK)
        skipped = self._log.offset - len(data) - before
        # What rotation has removed may have been the other part of the line.
        rest = self._take_rest() if skipped else []
        self._offset += skipped
        self.lost_bytes += skipped
        if not data:
            return rest or None
        self._rest += data
        return rest + self._complete_lines()

    def _complete_lines(self) -> list[LogLine]:
        if self._needle and self._needle not in self._rest:
            self._skip_lines()
        *lines, rest = self._rest.split(b"\n")
        found: list[LogLine] = []
        service, replica, stream = self.source.service, self.source.replica, self.source.stream
        for line in lines:
            if len(line) > LONGEST_LINE:
                found += self._pieces(line)
            else:
                text = line.decode("utf-8", "replace")
                found.append(LogLine(service, replica, stream, text, self._offset))
                self._offset += len(line)
            self._offset += 1  # the line break
        while len(rest) >= LONGEST_LINE:
            found += self._pieces(rest[:LONGEST_LINE])
            rest = rest[LONGEST_LINE:]
        self._rest = rest
        return found

    def _skip_lines(self) -> None:
        size = self._rest.rfind(b"\n") + 1
        self._offset += size
        self._rest = self._rest[size:]

    def _take_rest(self) -> list[LogLine]:
        found = self._pieces(self._rest) if self._rest else []
        self._rest = b""
        return found

    def _pieces(self, line: bytes) -> list[LogLine]:
        found: list[LogLine] = []
        source = self.source
        for start in range(0, len(line), LONGEST_LINE):
            piece = line[start : start + LONGEST_LINE]
            text = piece.decode("utf-8", "replace")
            found.append(LogLine(source.service, source.replica, source.stream, text, self._offset))
            self._offset += len(piece)
        return found


def _next_line(log: LogFile, start: int) -> int:
    """Where the first line begins that begins at `start` or later."""
    log.offset = start - 1
    while data := log.read(CHUNK):
        place = data.find(b"\n")
        if place >= 0:
            return log.offset - len(data) + place + 1
    return log.offset


def _start_of_last(log: LogFile, lines: int) -> int:
    """Where the last lines begin."""
    end = position = log.size
    first = max(log.first(), end - LOOKED_BACK) if lines else end
    # A break at the very end closes the last line, it does not open another.
    wanted = lines + 1 if lines and _block(log, max(0, end - 1), end) == b"\n" else lines
    seen = 0
    while seen < wanted and position > first:
        start = max(first, position - CHUNK)
        block = _block(log, start, position)
        seen += block.count(b"\n")
        if seen >= wanted:
            return position - len(block) + _nth_break(block, seen - wanted) + 1
        position = start
    return position


def _block(log: LogFile, start: int, end: int) -> bytes:
    """What is kept of that part, up to its end."""
    log.offset = start
    parts: list[bytes] = []
    while log.offset < end and (data := log.read(end - log.offset)):
        parts.append(data)
    return b"".join(parts)


def _nth_break(block: bytes, n: int) -> int:
    place = block.index(b"\n")
    for _ in range(n):
        place = block.index(b"\n", place + 1)
    return place
