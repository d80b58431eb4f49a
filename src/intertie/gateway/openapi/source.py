"""The text of an OpenAPI document as values that know where they stand. The text may be hostile."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeAlias, cast

from intertie.errors import Fault, SuiteError
from intertie.suite.parse import parse
from intertie.suite.tree import Items, Keys, Node, Place, Table, plain

Json: TypeAlias = dict[str, object]

MAX_BYTES = 16 << 20
MAX_DEPTH = 60
MAX_VALUES = 2_000_000
"""Of JSON; YAML has a limit of its own, with every alias written out."""


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One file."""

    file: Path
    value: object
    tree: Node | None = None
    """With the place of each value; None of JSON."""

    def fault(self, keys: Keys, message: str, hint: str = "") -> Fault:
        """A fault at a value, or at the nearest one around it that is there."""
        place = self._place(keys)
        told = place.fault((), message, hint)
        return Fault(told.file, told.line, told.column, pointer(keys), told.message, told.hint)

    def _place(self, keys: Keys) -> Place:
        place, node = Place(self.file, 0, 0), self.tree
        if node is not None:
            place = node.place
        for key in keys:
            if isinstance(node, Table) and str(key) in node.entries:
                entry = node.entries[str(key)]
                place, node = entry.place, entry.node
            elif isinstance(node, Items) and isinstance(key, int) and key < len(node.items):
                node = node.items[key]
                place = node.place
            else:
                break
        return place


@dataclass(frozen=True, slots=True)
class Spot:
    """A value within a file."""

    source: Source
    keys: Keys
    value: object

    @property
    def table(self) -> Json:
        """The value as a map; empty if it is none."""
        return cast("Json", self.value) if isinstance(self.value, dict) else {}

    def get(self, *keys: str) -> "Spot | None":
        """What is below, None when it is not there."""
        found = self
        for key in keys:
            if key not in found.table:
                return None
            found = Spot(found.source, (*found.keys, key), found.table[key])
        return found

    def entries(self) -> Iterator[tuple[str, "Spot"]]:
        """Of a map: each key with its value. `x-` extensions are left out."""
        for key, value in self.table.items():
            if not key.startswith("x-"):
                yield key, Spot(self.source, (*self.keys, key), value)

    def items(self) -> Iterator["Spot"]:
        """Of a list."""
        values = cast("list[object]", self.value) if isinstance(self.value, list) else []
        for index, value in enumerate(values):
            yield Spot(self.source, (*self.keys, index), value)

    def text(self, key: str) -> str:
        """The text below a key; empty when there is none."""
        value = self.table.get(key)
        return value if isinstance(value, str) else ""

    def flag(self, key: str, *, default: bool = False) -> bool:
        """Whether it says `true`."""
        value = self.table.get(key)
        return value if isinstance(value, bool) else default

    def fault(self, message: str, hint: str = "") -> Fault:
        """A fault here."""
        return self.source.fault(self.keys, message, hint)


def pointer(keys: Keys) -> str:
    """A JSON Pointer in its URI form: `#/paths/~1users/get`."""
    words = (str(key).replace("~", "~0").replace("/", "~1") for key in keys)
    text = "".join(f"/{word}" for word in words)
    return f"#{text if len(text) <= MAX_POINTER else text[:MAX_POINTER] + '…'}"


MAX_POINTER = 400


def read_source(file: Path) -> Source:
    """A file, `.json` or YAML. Raises SuiteError with what is wrong."""
    try:
        # A pipe or device has no end, and opening one may block for ever.
        if file.exists() and not file.is_file():
            raise _refused(file, "cannot read it: it is not a file")
        with file.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except (OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "its name is not valid"
        raise _refused(file, f"cannot read it: {why}") from exc
    return parse_source(content, file)


def parse_source(content: bytes, file: Path) -> Source:
    """The same of what was read already. JSON is known by its first character."""
    if len(content) > MAX_BYTES:
        raise _refused(file, f"cannot read it: it is larger than {MAX_BYTES >> 20} MiB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        raise _refused(file, f"cannot read it: line {line} is not UTF-8 text", line) from exc
    source = _json(text, file) if text.lstrip()[:1] == "{" else _yaml(text, file)
    if not isinstance(source.value, dict):
        raise _refused(file, "expected a map")
    return source


def _refused(file: Path, message: str, line: int = 0) -> SuiteError:
    return SuiteError([Fault(file, line, int(line > 0), "", message)])


def _yaml(text: str, file: Path) -> Source:
    faults: list[Fault] = []
    tree = parse(text, file, faults)
    if faults:
        raise SuiteError(faults)
    return Source(file, plain(tree) if tree is not None else None, tree)


def _json(text: str, file: Path) -> Source:
    too_deep = f"expected at most {MAX_DEPTH} levels of nesting, got more"
    try:
        value: object = json.loads(text, object_pairs_hook=_unique, parse_constant=_constant)
    except RecursionError as exc:
        raise _refused(file, too_deep) from exc
    except json.JSONDecodeError as exc:
        raise _refused(file, f"expected JSON; {exc.msg}", exc.lineno) from exc
    except ValueError as exc:
        raise _refused(file, f"expected JSON; {exc}") from exc
    _bound(value, file, too_deep)
    return Source(file, value)


def _unique(pairs: list[tuple[str, object]]) -> Json:
    found = dict(pairs)
    if len(found) < len(pairs):
        [(twice, _)] = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key {twice[:80]!r} stands twice in one object")
    return found


def _constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON value")


def _bound(value: object, file: Path, too_deep: str) -> None:
    """Level by level: what is deep must not be walked by recursion."""
    level: list[object] = [value]
    count = 0
    for _ in range(MAX_DEPTH + 1):
        count += len(level)
        if count > MAX_VALUES:
            raise _refused(file, f"expected at most {MAX_VALUES:,} values, got more")
        level = [inner for each in level for inner in _inner(each)]
        if not level:
            return
    raise _refused(file, too_deep)


def _inner(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(cast("Json", value).values())
    return cast("list[object]", value) if isinstance(value, list) else []
