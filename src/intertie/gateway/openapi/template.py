"""Paths with names in braces: `/users/{id}`, `/files/{name}.json`."""

import re
from dataclasses import dataclass

MAX_PATH = 2_000
MAX_SEGMENTS = 64

_NAMED = re.compile(r"\{([^{}/?#]{1,100})\}")
_PLAIN = re.compile(r"[^{}?#\s]*")


@dataclass(frozen=True, slots=True)
class Segment:
    """What is between two slashes: text, a name, text, a name, …, text."""

    literals: tuple[str, ...]
    """One more than names."""
    names: tuple[str, ...]

    @property
    def rank(self) -> tuple[int, int]:
        """Smaller is tried first: plain text, then names among text, then a name alone."""
        return (min(len(self.names), 1), -sum(map(len, self.literals)))

    def match(self, text: str) -> tuple[str, ...] | None:
        """The values of the names, still encoded; each is as short as it can be.

        Looks at each character once: no expression of a document can make it slow.
        """
        first, *rest = self.literals
        if not rest:
            return () if text == first else None
        if not text.startswith(first) or not text.endswith(rest[-1]):
            return None
        place, end = len(first), len(text) - len(rest[-1])
        values: list[str] = []
        for literal in rest[:-1]:
            found = text.find(literal, place + 1, end)
            if found < 0:
                return None
            values.append(text[place:found])
            place = found + len(literal)
        values.append(text[place:end])
        return tuple(values) if place < end else None


@dataclass(frozen=True, slots=True)
class Template:
    """A whole path."""

    segments: tuple[Segment, ...]
    """A slash at the end is an empty last one."""

    @classmethod
    def of(cls, path: str) -> "Template | None":
        """None for what is no path, or has a name right after a name."""
        if not path.startswith("/") or len(path) > MAX_PATH:
            return None
        texts = path[1:].split("/")
        segments = [_segment(text) for text in texts]
        if len(segments) > MAX_SEGMENTS or None in segments:
            return None
        return cls(tuple(each for each in segments if each is not None))

    @property
    def names(self) -> tuple[str, ...]:
        """In their order."""
        return tuple(name for segment in self.segments for name in segment.names)

    @property
    def shape(self) -> str:
        """The same for paths that take the same requests."""
        return "/" + "/".join("{}".join(segment.literals) for segment in self.segments)


def _segment(text: str) -> Segment | None:
    parts = _NAMED.split(text)
    literals, names = tuple(parts[::2]), tuple(parts[1::2])
    if not all(_PLAIN.fullmatch(literal) for literal in literals) or "" in literals[1:-1]:
        return None
    return Segment(literals, names)
