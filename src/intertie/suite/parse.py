"""YAML 1.2 text to a tree with places. The text may be hostile: size, depth, aliases are bounded.

Read from the parser's events instead of its finished documents: those drop where values stood, and
building them from deep nesting or aliases of aliases takes minutes and gigabytes.
"""

import math
import re
from collections.abc import Iterator
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from intertie.errors import Fault
from intertie.suite.tree import Entry, Items, Keys, Node, Place, Scalar, Table

MAX_BYTES = 1 << 20
MAX_DEPTH = 40
MAX_NODES = 100_000
"""Values after every alias is written out."""

_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"(true|True|TRUE)|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]{1,300}|0o[0-7]{1,300}|0x[0-9a-fA-F]{1,300}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_CORE = "tag:yaml.org,2002:"
_TAGS: dict[type[Event], set[str]] = {
    ScalarEvent: {"str", "int", "float", "bool", "null"},
    SequenceStartEvent: {"seq"},
    MappingStartEvent: {"map"},
}


class _Refused(Exception):
    """The rest of the file makes no sense."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(str(fault))


def parse(text: str, file: Path, faults: list[Fault]) -> Node | None:
    """The one document of a text; None when it cannot be read or is empty.

    Duplicate keys are faults and parsing goes on; a syntax error ends it.
    """
    try:
        return _Builder(text, file, faults).document()
    except _Refused as exc:
        faults.append(exc.fault)
    except MarkedYAMLError as exc:
        faults.append(_syntax_fault(exc, text, file))
    except YAMLError as exc:  # a character YAML does not allow; it comes without a line
        position: int = getattr(exc, "position", 0)
        before = text[:position]
        column = position - before.rfind("\n")
        place = Place(file, before.count("\n") + 1, column)
        faults.append(place.fault((), "expected printable text, got a control character"))
    return None


def _syntax_fault(exc: MarkedYAMLError, text: str, file: Path) -> Fault:
    mark = exc.problem_mark or exc.context_mark
    context = f" {exc.context}" if exc.context else ""
    # A reference ends where YAML sees its brace, inside [ ] and { } only.
    bare = "${" in text[max(0, mark.index - 1) : mark.index + 1]
    hint = "inside [ ] and { }, put text with ${…} in quotes" if bare else ""
    place = Place(file, mark.line + 1, mark.column + 1)
    return place.fault((), f"cannot read the YAML{context}: {exc.problem}", hint)


class _Builder:
    """One pass over the events. Depth is bounded, so recursion is safe."""

    def __init__(self, text: str, file: Path, faults: list[Fault]) -> None:
        self._events: Iterator[Event] = YAML(typ="safe", pure=True).parse(text)
        self._file = file
        self._faults = faults
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._nodes = 0

    def document(self) -> Node | None:
        next(self._events)  # stream start
        if isinstance(next(self._events), StreamEndEvent):
            return None
        node = self._node(next(self._events), ())
        next(self._events)  # document end
        after = next(self._events)
        if isinstance(after, DocumentStartEvent):
            raise self._refuse(after, (), "expected one YAML document, got a second one")
        return node

    def _node(self, event: Event, keys: Keys) -> Node:
        before = self._nodes
        if isinstance(event, AliasEvent):
            return self._alias(event, keys)
        self._count(event, keys)
        if isinstance(event, ScalarEvent):
            node: Node = self._scalar(event, keys)
        else:
            node = self._collection(event, keys)
        if isinstance(event, NodeEvent) and event.anchor:
            self._anchors[event.anchor] = (node, self._nodes - before)
        return node

    def _alias(self, event: AliasEvent, keys: Keys) -> Node:
        found = self._anchors.get(event.anchor)
        if found is None:
            why = f"expected an anchor `&{event.anchor}` written out before this place, got none"
            raise self._refuse(event, keys, why)
        self._count(event, keys, found[1])
        return found[0]

    def _count(self, event: Event, keys: Keys, size: int = 1) -> None:
        self._nodes += size
        if self._nodes > MAX_NODES:
            why = f"expected at most {MAX_NODES:,} values with all aliases written out, got more"
            raise self._refuse(event, keys, why)
        if len(keys) > MAX_DEPTH:
            why = f"expected at most {MAX_DEPTH} levels of nesting, got more"
            raise self._refuse(event, keys[:4], why)

    def _collection(self, event: Event, keys: Keys) -> Node:
        self._tag(event, keys)
        if isinstance(event, MappingStartEvent):
            return self._table(event, keys)
        items: list[Node] = []
        while not isinstance(inner := next(self._events), CollectionEndEvent):
            items.append(self._node(inner, (*keys, len(items))))
        return Items(tuple(items), self._place(event))

    def _table(self, event: Event, keys: Keys) -> Table:
        entries: dict[str, Entry] = {}
        merged: list[Table] = []
        while not isinstance(inner := next(self._events), CollectionEndEvent):
            key = self._key(inner, keys)
            node = self._node(next(self._events), (*keys, key))
            if key == "<<" and isinstance(inner, ScalarEvent) and inner.style is None:
                merged += self._merged(node, keys)
            elif key in entries:
                first = entries[key].place
                why = f"the key stands here twice, first on line {first.line}"
                self._faults.append(self._place(inner).fault((*keys, key), why))
            else:
                entries[key] = Entry(self._place(inner), node)
        for table in merged:
            entries = {**table.entries, **entries}
        return Table(entries, self._place(event))

    def _merged(self, node: Node, keys: Keys) -> list[Table]:
        """The tables of a `<<` key, the one that wins first."""
        nodes = node.items if isinstance(node, Items) else (node,)
        tables = [item for item in nodes if isinstance(item, Table)]
        if len(tables) < len(nodes):
            why = "expected an alias of a map, or a list of such"
            self._faults.append(node.place.fault((*keys, "<<"), why))
        return tables

    def _key(self, event: Event, keys: Keys) -> str:
        # Looked at before it is read: keys inside keys would nest without end.
        node = self._node(event, keys) if isinstance(event, ScalarEvent | AliasEvent) else None
        if not isinstance(node, Scalar):
            raise self._refuse(event, keys, "expected a plain word as key")
        return node.text

    def _scalar(self, event: ScalarEvent, keys: Keys) -> Scalar:
        text: str = event.value
        tag = self._tag(event, keys)
        place = self._place(event)
        if "\0" in text or not _encodable(text):
            raise self._refuse(event, keys, "expected text, got half a character or a NUL")
        if tag == "str" or (tag is None and event.style is not None):
            return Scalar(text, text, place)
        value = _core(text)
        if tag == "float" and type(value) is int:
            value = float(value)
        scalar = Scalar(value, text, place)
        if tag is not None and type(value) is not _TYPES[tag]:
            self._faults.append(place.fault(keys, f"expected {tag} after `!!{tag}`, got {text}"))
        return scalar

    def _tag(self, event: Event, keys: Keys) -> str | None:
        """The short name of an explicit tag of the core schema."""
        tag: str | None = getattr(event, "tag", None)
        if tag is None:
            return None
        name = "str" if tag == "!" else tag.removeprefix(_CORE)
        if name not in _TAGS[type(event)]:
            raise self._refuse(event, keys, f"expected no tag, got `{tag}`")
        return name

    def _place(self, event: Event) -> Place:
        mark = event.start_mark
        return Place(self._file, mark.line + 1, mark.column + 1)

    def _refuse(self, event: Event, keys: Keys, why: str) -> _Refused:
        return _Refused(self._place(event).fault(keys, why))


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


_TYPES = {"int": int, "float": float, "bool": bool, "null": type(None)}


def _core(text: str) -> str | int | float | bool | None:
    """A plain word by the core schema of YAML 1.2, §10.3.2: `yes`, `12:30` and dates are text."""
    if _NULL.fullmatch(text):
        return None
    if match := _BOOL.fullmatch(text):
        return match[1] is not None
    if _INT.fullmatch(text):
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if _FLOAT.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else text
    return text
