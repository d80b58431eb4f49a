"""Which offsets of one partition are dealt with, when they end out of order.

Kafka keeps one number for a group and partition: everything below it is done. What was taken and
what ended above that number goes into the text that may be stored beside it, so that only what was
really open comes again. A broker that loses the text has those messages delivered twice, never not
at all.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

_MOST_TEXT = 3000  # brokers take 4096 bytes by default
_RANGE = r"\d{1,18}-\d{1,18}"
_TEXT = re.compile(rf"(\d{{1,18}})/((?:{_RANGE})?(?:,{_RANGE})*)")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a group is in one partition."""

    point: int
    """The lowest offset that is not dealt with, or the next one to come."""
    next: int
    """The lowest offset never taken."""
    ended: tuple[tuple[int, int], ...] = ()
    """First and last of each stretch above `point` that is dealt with."""

    @property
    def text(self) -> str:
        """What is stored beside `point`; of too many stretches the first ones."""
        text = f"{self.next - self.point}/"
        for first, last in self.ended:
            more = f"{first - self.point}-{last - self.point}"
            if len(text) + len(more) >= _MOST_TEXT:
                break
            text += more if text.endswith("/") else f",{more}"
        return text

    def open_below_next(self) -> int:
        """How many were taken and are not dealt with."""
        ended = sum(max(0, min(last + 1, self.next) - first) for first, last in self.ended)
        return self.next - self.point - ended

    def open_below(self, end: int) -> int:
        """How many of those the partition holds, up to `end`, are not dealt with."""
        ended = sum(last + 1 - first for first, last in self.ended)
        return max(0, end - self.point - ended)


def progress(point: int, text: str) -> Progress:
    """What was stored. Another program's text, or none, says nothing of what is above `point`."""
    found = _TEXT.fullmatch(text)
    if not found:
        return Progress(point, point)
    stretches = [part.split("-") for part in found[2].split(",") if part]
    ended = tuple((point + int(first), point + int(last)) for first, last in stretches)
    return Progress(point, point + int(found[1]), ended)


class Offsets:
    """Offsets are taken in rising order and end in any; `since` is what was stored before."""

    current = True
    """Whether the partition is still here, and its offsets counted by this object."""

    def __init__(self, since: Progress) -> None:
        self._next = since.point
        self._open: dict[int, None] = {}  # in rising order, as they were taken
        self._before = since.ended
        self._stored = (since.point, since.text)

    def take(self, offset: int) -> bool:
        """Whether this one is to be delivered: not taken already, nor ended before a restart."""
        if offset < self._next:
            return False
        self._next = offset + 1
        if any(first <= offset <= last for first, last in self._before):
            return False
        self._open[offset] = None
        return True

    def end(self, offset: int) -> None:
        """It is dealt with."""
        self._open.pop(offset, None)

    def progress(self) -> Progress:
        """As of now."""
        point = next(iter(self._open), self._next)
        return Progress(point, self._next, (*self._ended(), *self._still_before()))

    def unstored(self) -> Progress | None:
        """The progress, when it is not what was stored last."""
        now = self.progress()
        return None if (now.point, now.text) == self._stored else now

    def stored(self, now: Progress) -> None:
        """The broker has it."""
        self._stored = now.point, now.text

    @property
    def stored_point(self) -> int:
        """Of what was stored last."""
        return self._stored[0]

    def _ended(self) -> list[tuple[int, int]]:
        edges = [*self._open, self._next]
        return [(low + 1, high - 1) for low, high in pairwise(edges) if high - low > 1]

    def _still_before(self) -> list[tuple[int, int]]:
        return [
            (max(first, self._next), last) for first, last in self._before if last >= self._next
        ]
