"""A JSON Schema as rows for people: the fields of an object, and of the objects within."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from intertie.control.asyncapi_schema import Json, resolve

_DEEP = 6
_MOST = 500
_LOOKS = 5_000
_TOLD = ("const", "default", "format", "pattern", "minimum", "maximum", "minLength", "maxLength")


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field."""

    name: str
    """Dotted below the top: `owner.name`, `tags[].label`."""
    type: str
    required: bool
    meaning: str
    """What its author says, and what is checked."""


def fields(schema: object, components: Json) -> Sequence[FieldRow]:
    """Top down, in the schema's order. A schema that leads into itself is told once."""
    found: list[FieldRow] = []
    for row in _Reader(components).rows(schema, "", ()):
        found.append(row)
        if len(found) == _MOST:
            break
    return found


@dataclass(slots=True)
class _Reader:
    """Looks a limited number of times: few definitions can unfold into very many fields."""

    components: Json
    left: int = _LOOKS

    def rows(self, schema: object, prefix: str, trail: tuple[object, ...]) -> Iterator[FieldRow]:
        """`trail` has an entry for each level above: its `$ref`, if it was one."""
        ref = _table(schema).get("$ref")
        if (ref and ref in trail) or len(trail) > _DEEP or self.left <= 0:
            return
        table, trail = self._follow(schema), (*trail, ref)
        required = table.get("required")
        named = cast("list[object]", required) if isinstance(required, list) else []
        for name, item in _table(table.get("properties")).items():
            yield self._row(f"{prefix}{name}", item, required=name in named)
            yield from self.rows(item, f"{prefix}{name}.", trail)
            if "items" in (inner := self._follow(item)):
                yield from self.rows(inner["items"], f"{prefix}{name}[].", trail)
        for part in _parts(table, "allOf", "anyOf", "oneOf"):
            yield from self.rows(part, prefix, trail)

    def _row(self, name: str, item: object, *, required: bool) -> FieldRow:
        inner = self._follow(item)
        meaning = _table(item).get("description") or inner.get("description") or ""
        told = [f"{word}: {json.dumps(inner[word])}" for word in _TOLD if word in inner]
        about = " · ".join(filter(None, [str(meaning), *told]))
        return FieldRow(name, self._type(item, 0), required, about)

    def _follow(self, schema: object) -> Json:
        """What it leads to; nothing when it leads nowhere."""
        self.left -= 1
        table = _table(schema)
        for _ in range(_DEEP):
            if "$ref" not in table:
                return table
            try:
                table = _table(resolve(table, self.components))
            except (LookupError, ValueError):
                break
        return {}

    def _type(self, schema: object, depth: int) -> str:
        table = self._follow(schema)
        if depth > _DEEP or self.left <= 0:
            return "any"
        if several := _parts(table, "enum"):
            return " | ".join(json.dumps(each) for each in several)
        if choices := _parts(table, "anyOf", "oneOf"):
            return " | ".join(dict.fromkeys(self._type(each, depth + 1) for each in choices))
        kind = table.get("type")
        if kind == "array" and "items" in table:
            return f"array of {self._type(table['items'], depth + 1)}"
        if isinstance(kind, list):
            return " | ".join(str(each) for each in cast("list[object]", kind))
        return str(kind or ("object" if "properties" in table or "allOf" in table else "any"))


def _table(value: object) -> Json:
    return cast("Json", value) if isinstance(value, dict) else {}


def _parts(table: Json, *words: str) -> list[object]:
    found = [
        cast("list[object]", table[word]) for word in words if isinstance(table.get(word), list)
    ]
    return [part for several in found for part in several]
