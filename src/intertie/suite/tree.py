"""A suite file as a tree that still knows where each key was written.

Everything between the text and the models works on this tree: overlays, `include`, `extends`,
interpolation. A fault found at the very end can so name the line it comes from.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from intertie.errors import Fault

MAX_TOLD = 400
Keys: TypeAlias = tuple[str | int, ...]
"""Way from the top of the file to a value: `("gateway", "routes", 0, "path")`."""


@dataclass(frozen=True, slots=True)
class Place:
    """A spot in a file; line and column are 1-based."""

    file: Path
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"

    def fault(self, keys: Keys, message: str, hint: str = "") -> Fault:
        """A fault at this place. What it quotes of the file may be a megabyte; it is cut."""
        key, message = _cut(dotted(keys)), _cut(message)
        return Fault(self.file, self.line, self.column, key, message, hint)


@dataclass(frozen=True, slots=True)
class Scalar:
    """One plain value; `text` is how it was written, so that 1.10 can stay `1.10`."""

    value: str | int | float | bool | None
    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: tuple["Node", ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a table with its value; `place` is the key's."""

    place: Place
    node: "Node"


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping, in the order of the file."""

    entries: Mapping[str, Entry]
    place: Place

    def get(self, key: str) -> "Node | None":
        """The value of a key, None when it is not there."""
        entry = self.entries.get(key)
        return entry.node if entry else None

    def table(self, key: str) -> "Table":
        """The table under a key; an empty one when there is none."""
        node = self.get(key)
        return node if isinstance(node, Table) else Table({}, self.place)

    def replace(self, key: str, node: "Node") -> "Table":
        """The same table with another value under a key; a new key stands where the value does."""
        old = self.entries.get(key)
        entry = Entry(old.place if old else node.place, node)
        return Table({**self.entries, key: entry}, self.place)

    def without(self, *keys: str) -> "Table":
        """The same table less some keys."""
        kept = {key: entry for key, entry in self.entries.items() if key not in keys}
        return Table(kept, self.place)


Node: TypeAlias = Scalar | Items | Table


@dataclass(frozen=True, slots=True)
class Places:
    """Where each key of a merged tree was written."""

    by_keys: Mapping[Keys, Place]

    def has(self, keys: Keys) -> bool:
        """Whether the key was written at all."""
        return keys in self.by_keys

    def __getitem__(self, keys: Keys) -> Place:
        """The place of a key, or of the nearest table around it when it was not written."""
        while keys not in self.by_keys:
            keys = keys[:-1]
        return self.by_keys[keys]


def dotted(keys: Keys) -> str:
    """The way as people write it: `gateway.routes[0].path`."""
    text = ""
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TOLD else f"{text[:MAX_TOLD]}…"


def plain(node: Node) -> object:
    """The tree as dicts, lists and values, without places."""
    if isinstance(node, Table):
        return {key: plain(entry.node) for key, entry in node.entries.items()}
    if isinstance(node, Items):
        return [plain(item) for item in node.items]
    return node.value


def places(node: Node) -> Places:
    """The place of every key and list item; `()` is the top of the file."""
    return Places(MappingProxyType(dict(_places((), node.place, node))))


def _places(keys: Keys, place: Place, node: Node) -> Iterator[tuple[Keys, Place]]:
    yield keys, place
    if isinstance(node, Table):
        for key, entry in node.entries.items():
            yield from _places((*keys, key), entry.place, entry.node)
    elif isinstance(node, Items):
        for index, item in enumerate(node.items):
            yield from _places((*keys, index), item.place, item)
