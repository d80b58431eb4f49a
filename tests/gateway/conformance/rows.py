"""What was tried, and what of it went wrong: the lines of a report."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """Tries of one kind."""

    topic: str
    kind: str
    tried: int
    wrong: tuple[str, ...]


def counted(topic: str, tried: Iterable[tuple[str, str, bool]]) -> list[Row]:
    """Rows from tries: of what kind, which one, and whether it went wrong."""
    kinds: dict[str, list[tuple[str, bool]]] = {}
    for kind, name, is_wrong in tried:
        kinds.setdefault(kind, []).append((name, is_wrong))
    return [
        Row(topic, kind, len(each), tuple(name for name, is_wrong in each if is_wrong))
        for kind, each in kinds.items()
    ]


def wrong(rows: Sequence[Row]) -> list[str]:
    """All that went wrong, in words."""
    return [f"{row.topic}, {row.kind}: {name}" for row in rows for name in row.wrong]
