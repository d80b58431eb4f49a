"""What is different between two backups, or between a backup and what there is now."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from intertie.automation.backup.invariants import Invariants
from intertie.automation.backup.snapshot_s3 import MANIFEST, entries
from intertie.automation.backup.snapshots import SOURCES, Staged, StagedSource

Kind = Literal["file", "table", "object"]
Change = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class Place:
    """Something that is the same or is not."""

    source: str
    kind: Kind
    name: str


@dataclass(frozen=True, slots=True)
class Content:
    """What is there: how much, for a person, and what tells it from any other."""

    told: str
    identity: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One file, table or object."""

    source: str
    kind: Kind
    name: str
    change: Change
    """From the older to the newer."""
    before: str | None
    after: str | None
    """How much there is, for a person."""

    def __str__(self) -> str:
        sign = {"added": "+", "removed": "-", "changed": "~"}[self.change]
        told = " -> ".join(each for each in (self.before, self.after) if each is not None)
        return f"{sign} {self.source}: {self.kind} {self.name} ({told})"


View = Mapping[Place, Content]


def view(staged: Staged, folder: Path, *, parts: Mapping[str, str] | None = None) -> View:
    """What a backup holds, from its record and, for object stores, their manifests.

    `parts` names sources, and the part of each that is looked at (see `tenant_part`); empty: all
    of it. Raises BackupError, OSError.
    """
    found: dict[Place, Content] = {}
    for name, source in staged.sources.items():
        if parts is not None and name not in parts:
            continue
        part = (parts or {}).get(name, "")
        for kind, what, content in _contents(source, folder / SOURCES / name):
            if _is_in(source.kind, what, part):
                found[Place(name, kind, what)] = content
    return found


def _contents(source: StagedSource, folder: Path) -> Iterator[tuple[Kind, str, Content]]:
    if source.kind == "s3":
        for entry in entries(folder):
            yield "object", entry.key, Content(f"{entry.size} bytes", entry.sha256)
        return
    yield from _recorded(source.invariants)


def _recorded(held: Invariants) -> Iterator[tuple[Kind, str, Content]]:
    for name, table in held.tables.items():
        yield "table", name, Content(f"{table.rows} rows", f"{table.rows} {table.content}")
    # Where tables are known, files are only how they are kept.
    for name, file in held.files.items() if not held.tables else ():
        told = f"link to {file.link}" if file.link is not None else f"{file.size} bytes"
        yield "file", name, Content(told, file.model_dump_json())


def _is_in(kind: str, name: str, part: str) -> bool:
    if not part:
        return True
    if kind == "s3":
        return name.startswith(part.rstrip("/") + "/")
    if kind == "mongodb":
        return name.startswith(f"{part}.")
    return f"{name}/".startswith(part.strip("/") + "/")


def diff(older: View, newer: View) -> Sequence[Difference]:
    """By source, kind and name."""
    places = sorted({*older, *newer}, key=lambda one: (one.source, one.kind, one.name))
    return [
        Difference(
            source=place.source,
            kind=place.kind,
            name=place.name,
            change=_change(before, after),
            before=before.told if before else None,
            after=after.told if after else None,
        )
        for place in places
        if (before := older.get(place)) != (after := newer.get(place))
    ]


def _change(before: Content | None, after: Content | None) -> Change:
    if before is None:
        return "added"
    return "removed" if after is None else "changed"


def manifests(staged: Staged) -> tuple[str, ...]:
    """Paths in a backup that a view of it needs beside its record."""
    found = [name for name, source in staged.sources.items() if source.kind == "s3"]
    return tuple(f"{SOURCES}/{name}/{MANIFEST}" for name in found)
