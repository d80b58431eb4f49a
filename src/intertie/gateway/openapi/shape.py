"""What a schema wants, as far as text must be read one way or another for it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, Union, cast

from intertie.gateway.openapi.source import Json

Kind: TypeAlias = Literal["null", "boolean", "integer", "number", "string", "array", "object"]
Raw: TypeAlias = Union[str, "list[Raw]", "dict[str, Raw]"]
"""As read from text, before its values have types."""

KINDS: tuple[Kind, ...] = ("null", "boolean", "integer", "number", "string", "array", "object")
DEEP = 8
"""Levels of a value that comes as text."""
MAX_DIGITS = 300

_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,299})(\.[0-9]{1,300})?([eE][-+]?[0-9]{1,3})?")
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,299})")
_STEPS = 2_000
_OF_VALUES: dict[type, Kind] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
    type(None): "null",
}


@dataclass(frozen=True, slots=True)
class Shape:
    """Types, and those of what is inside."""

    kinds: frozenset[Kind]
    items: "Shape | None" = None
    properties: Mapping[str, "Shape"] | None = None
    """Of an object; None when the schema names none."""
    rest: "Shape | None" = None
    """Of other properties; None when there are none."""

    @property
    def nested(self) -> bool:
        """Whether it may be a list or an object."""
        return bool(self.kinds & {"array", "object"})

    def typed(self, raw: Raw) -> object:
        """The text as values of these types; what fits no type stays text, to be refused."""
        if isinstance(raw, list):
            inner = self.items or ANY
            return [inner.typed(each) for each in raw]
        if isinstance(raw, dict):
            named, rest = self.properties or {}, self.rest or ANY
            return {name: named.get(name, rest).typed(each) for name, each in raw.items()}
        return self._scalar(raw)

    def _scalar(self, text: str) -> object:
        kinds = self.kinds
        if "string" in kinds and len(kinds) == 1:
            return text
        if kinds & {"integer", "number"}:
            number = _number(text, whole="number" not in kinds)
            if number is not None:
                return number
        if "boolean" in kinds and text in {"true", "false"}:
            return text == "true"
        if "null" in kinds and "string" not in kinds and text in {"", "null"}:
            return None
        return text


ANY = Shape(frozenset(("string",)))
"""What nothing is said of stays text."""


def _number(text: str, *, whole: bool) -> int | float | None:
    """`whole`: what takes whole numbers only rarely reads an exponent, so there it is none."""
    if _WHOLE.fullmatch(text):
        return int(text)
    found = _NUMBER.fullmatch(text)
    return float(text) if found and not (whole and found[3]) else None


class Shapes:
    """Makes shapes of translated schemas; `found` is what they refer to as `#/$defs/name`."""

    def __init__(self, found: Json, place: str) -> None:
        self._found = found
        self._place = place

    def of(self, schema: object) -> Shape:
        """A schema's shape. Few schemas can unfold into very many: there is a limit."""
        return _Look(self._found, self._place).shape(schema, 0)


@dataclass(slots=True)
class _Look:
    found: Json
    place: str
    left: int = _STEPS

    def shape(self, schema: object, depth: int) -> Shape:
        parts = list(self._parts(schema, 0))
        if depth > DEEP or self.left <= 0 or not parts:
            return ANY
        properties = {
            name: self.shape(each, depth + 1)
            for part in parts
            for name, each in _table(part.get("properties")).items()
        }
        items = [part["items"] for part in parts if "items" in part]
        return Shape(
            kinds=frozenset(kind for part in parts for kind in _kinds(part)) or ANY.kinds,
            items=self.shape(items[0], depth + 1) if items else None,
            properties=properties or None,
            rest=self._rest(parts, depth),
        )

    def _rest(self, parts: list[Json], depth: int) -> Shape | None:
        said = [part["additionalProperties"] for part in parts if "additionalProperties" in part]
        if False in said:
            return None
        return self.shape(said[0], depth + 1) if said else ANY

    def _parts(self, schema: object, depth: int) -> Iterator[Json]:
        """A schema with all that is one with it."""
        self.left -= 1
        if depth > DEEP or self.left <= 0 or not isinstance(schema, dict):
            return
        table = cast("Json", schema)
        ref = table.get("$ref")
        if isinstance(ref, str):
            yield from self._parts(self.found.get(ref.removeprefix(self.place)), depth + 1)
        yield table
        if "type" in table and "properties" in table:
            return
        for word in ("allOf", "anyOf", "oneOf"):
            for part in _list(table.get(word)):
                yield from self._parts(part, depth + 1)


def _kinds(table: Json) -> Iterator[Kind]:
    kind = table.get("type")
    if isinstance(kind, str | list):
        for word in [kind] if isinstance(kind, str) else cast("list[object]", kind):
            if word in KINDS:
                yield word
    elif "properties" in table or "additionalProperties" in table:
        yield "object"
    elif "items" in table:
        yield "array"
    else:
        values = [*_list(table.get("enum")), *([table["const"]] if "const" in table else [])]
        for value in values:
            yield _OF_VALUES.get(type(value), "string")
        if {"minimum", "maximum", "multipleOf", "exclusiveMinimum"} & table.keys():
            yield "number"
        if {"pattern", "minLength", "maxLength"} & table.keys():
            yield "string"


def _table(value: object) -> Json:
    return cast("Json", value) if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []
