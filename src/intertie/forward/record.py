"""One line on its way to a target."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from intertie.runtime.log_record import Structured, parse
from intertie.runtime.logs import LogLine, Source


@dataclass(frozen=True, slots=True)
class Record:
    """A line with its time and what it says."""

    line: LogLine
    at_ns: int
    """Since 1970: the line's own time, else the time it was read."""
    seen_ns: int
    """When it was read."""
    said: Structured | None
    """Its parts, if it is structured."""


class Stamp:
    """Gives each line its time.

    Strictly increasing for each log: so order survives at targets that sort by time, and Loki,
    which takes equal time and text for the same line, loses no repetition.
    """

    def __init__(self, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._clock_ns = clock_ns
        self._last: dict[Source, int] = {}

    def __call__(self, lines: Sequence[LogLine]) -> list[Record]:
        """Records of the lines, in their order."""
        now = self._clock_ns()
        return [self._record(line, now) for line in lines]

    def _record(self, line: LogLine, now: int) -> Record:
        said = parse(line.text)
        own = _ns(said.time) if said and said.time else now
        at_ns = max(min(own, now), self._last.get(line.source, 0) + 1)
        self._last[line.source] = at_ns
        return Record(line, at_ns, now, said)


def by_source(records: Sequence[Record]) -> Mapping[Source, list[Record]]:
    """The records of each log, in their order."""
    found: dict[Source, list[Record]] = {}
    for record in records:
        found.setdefault(record.line.source, []).append(record)
    return found


def _ns(time: datetime) -> int:
    seconds = int(time.timestamp() // 1)
    return seconds * 1_000_000_000 + time.microsecond * 1000
