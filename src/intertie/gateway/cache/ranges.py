"""Parts of a kept answer (RFC 9110 §14). Pure."""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal

_RANGE = re.compile(rb"\s*bytes\s*=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*", re.IGNORECASE)


class Nothing(Enum):
    """A range that cannot be."""

    UNSATISFIABLE = 0


UNSATISFIABLE: Final = Nothing.UNSATISFIABLE


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes `first` to `last`, both included, of `size`."""

    first: int
    last: int
    size: int

    @property
    def content_range(self) -> bytes:
        """As a 206 tells it."""
        return b"bytes %d-%d/%d" % (self.first, self.last, self.size)


def part(told: bytes | None, size: int) -> Part | Literal[Nothing.UNSATISFIABLE] | None:
    """The one part asked for; None for the whole.

    Several parts at once are answered with the whole, which a server may always do.
    """
    found = _RANGE.fullmatch(told or b"")
    if found is None or (not found[1] and not found[2]):
        return None
    if not found[1]:
        length = min(int(found[2]), size)
        return Part(size - length, size - 1, size) if length else UNSATISFIABLE
    first = int(found[1])
    last = min(int(found[2]), size - 1) if found[2] else size - 1
    if found[2] and int(found[2]) < first:
        return None
    return Part(first, last, size) if first < size else UNSATISFIABLE
