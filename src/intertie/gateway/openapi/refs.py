"""Following `$ref`: within a document and to files beside it, never over the network."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from intertie.errors import Fault, SuiteError
from intertie.gateway.openapi.source import Json, Source, Spot, read_source
from intertie.suite.tree import Keys

MAX_FILES = 50
MAX_STEPS = 32
"""Of a `$ref` that leads to a `$ref` and so on."""
MAX_FAULTS = 100

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//")


@dataclass(slots=True)
class Refs:
    """A document with the files it refers to; what leads nowhere becomes a fault, once."""

    root: Source
    folder: Path | None
    """Whose files may be referred to; None: no other file."""
    faults: list[Fault] = field(default_factory=list[Fault])
    _files: dict[Path, Source | None] = field(default_factory=dict[Path, Source | None])
    _told: set[tuple[Path, Keys, str]] = field(default_factory=set[tuple[Path, Keys, str]])

    def __post_init__(self) -> None:
        self._files[self.root.file.resolve()] = self.root

    @property
    def sources(self) -> tuple[Source, ...]:
        """Each file that was read, the document's own first."""
        return tuple(each for each in self._files.values() if each is not None)

    def tell(self, spot: Spot, message: str, hint: str = "") -> None:
        """Keep a fault; the first hundred are enough to read."""
        once = (spot.source.file, spot.keys, message)
        if once not in self._told and len(self.faults) < MAX_FAULTS:
            self._told.add(once)
            self.faults.append(spot.fault(message, hint))

    def told_at(self, spot: Spot) -> bool:
        """Whether there is a fault of a value already."""
        return any((spot.source.file, spot.keys) == told[:2] for told in self._told)

    def follow(self, spot: Spot) -> Spot | None:
        """What a value's `$ref` leads to in the end; itself without one; None when nowhere."""
        found: Spot | None = spot
        for _ in range(MAX_STEPS):
            if found is None or not isinstance(found.table.get("$ref"), str):
                return found
            found = self.step(found)
        self.tell(spot, "expected $ref to lead to a value, it leads from $ref to $ref")
        return None

    def step(self, spot: Spot) -> Spot | None:
        """What one `$ref` leads to."""
        ref = spot.text("$ref")
        name, _, fragment = ref.partition("#")
        source = self._source(spot, unquote(name)) if name else spot.source
        if source is None:
            return None
        found = _point(source, unquote(fragment))
        if found is None:
            self.tell(spot, f"$ref leads nowhere: {ref[:200]}", "check the name it ends with")
        return found

    def _source(self, spot: Spot, name: str) -> Source | None:
        if self.folder is None or _SCHEME.match(name):
            self.tell(
                spot,
                f"expected $ref to a place in this document or a file beside it, got {name[:200]}",
                "nothing is fetched: save what it names beside the document",
            )
            return None
        path = (spot.source.file.parent / name).resolve()
        if path not in self._files:
            self._files[path] = self._read(spot, path, name)
        return self._files[path]

    def _read(self, spot: Spot, path: Path, name: str) -> Source | None:
        if self.folder is None or not path.is_relative_to(self.folder.resolve()):
            self.tell(spot, f"cannot read {name[:200]}: it is outside the document's folder")
        elif len(self._files) >= MAX_FILES:
            self.tell(spot, f"expected at most {MAX_FILES} files, got more")
        else:
            try:
                return read_source(path)
            except SuiteError as exc:
                told = exc.faults[0]
                at_line = f" line {told.line}:" if told.line else ""
                self.tell(spot, f"cannot use {name[:200]}:{at_line} {told.message}")
        return None


def _point(source: Source, fragment: str) -> Spot | None:
    """The value at a JSON Pointer (RFC 6901)."""
    if fragment and not fragment.startswith("/"):
        return None
    value: object = source.value
    keys: Keys = ()
    for part in fragment.split("/")[1:]:
        word = part.replace("~1", "/").replace("~0", "~")
        key: str | int = word
        if isinstance(value, list):
            if not word.isdecimal() or len(word) > 9 or int(word) >= len(value):  # noqa: PLR2004
                return None
            key = int(word)
            value = value[key]
        elif isinstance(value, dict) and word in value:
            table: Json = value
            value = table[word]
        else:
            return None
        keys = (*keys, key)
    return Spot(source, keys, value)
