"""JSON Schemas as they lie in an AsyncAPI document, and example values made from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast
from urllib.parse import unquote

import jsonschema_rs

Json: TypeAlias = dict[str, object]
Schema: TypeAlias = Json | bool

SCHEMAS = "#/components/schemas/"

_ONE = frozenset(
    (
        "additionalItems",
        "additionalProperties",
        "contains",
        "else",
        "if",
        "items",
        "not",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
    )
)
_LIST = frozenset(("allOf", "anyOf", "items", "oneOf", "prefixItems"))
_NAMED = frozenset(
    ("$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties")
)
_TYPED: dict[str, type] = {"discriminator": str, "externalDocs": dict, "deprecated": bool}
"""Words that AsyncAPI gives another meaning than a schema's author may have."""
_FORMATS = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "duration": "PT30S",
    "email": "someone@example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "time": "12:00:00Z",
    "uri": "https://example.com/",
    "uuid": "0190a8c0-0000-7000-8000-000000000000",
}
_DEEP = 24
_LOOKS = 5_000
_FULL = 6
"""Further down, an example has what it must have."""


def embedded(schema: Mapping[str, object], name: str) -> Json:
    """A schema that stands by itself, as it is to lie under the components' `name`."""
    inner = {key: item for key, item in schema.items() if key not in {"$schema", "$id"}}
    lone_refs = "draft-07" in str(schema.get("$schema", ""))
    return cast("Json", _moved(inner, f"{SCHEMAS}{name}", lone_refs=lone_refs))


def _moved(schema: object, base: str, *, lone_refs: bool) -> object:
    if isinstance(schema, list):
        return [_moved(item, base, lone_refs=lone_refs) for item in cast("list[object]", schema)]
    if not isinstance(schema, dict):
        return schema
    table = cast("Json", schema)
    moved = {
        key: _item(key, item, base, lone_refs=lone_refs)
        for key, item in table.items()
        if key not in _TYPED or isinstance(item, _TYPED[key])
    }
    ref = table.get("$ref")
    if not isinstance(ref, str):
        return moved
    there: Json = {"$ref": base + ref.removeprefix("#")}
    del moved["$ref"]
    # What stands beside a $ref counts since draft 2019-09, and is nothing to AsyncAPI.
    return (
        {**moved, "allOf": [there, *_several(moved, "allOf")]} if moved and not lone_refs else there
    )


def _item(key: str, item: object, base: str, *, lone_refs: bool) -> object:
    if key in _NAMED and isinstance(item, dict):
        named = cast("Json", item)
        return {name: _moved(each, base, lone_refs=lone_refs) for name, each in named.items()}
    if (key in _ONE and isinstance(item, dict)) or (key in _LIST and isinstance(item, list)):
        return _moved(cast("object", item), base, lone_refs=lone_refs)
    return item


def tidy(schema: object, *, top: bool = True) -> object:
    """A model's schema without the titles that only repeat names, descriptions on one line."""
    if isinstance(schema, list):
        return [tidy(item, top=False) for item in cast("list[object]", schema)]
    if not isinstance(schema, dict):
        return schema
    found: Json = {}
    for key, item in cast("Json", schema).items():
        if key == "title" and isinstance(item, str) and not top:
            continue
        named = key in _NAMED and isinstance(item, dict)
        if named:
            found[key] = {n: tidy(s, top=False) for n, s in cast("Json", item).items()}
        elif key == "description" and isinstance(item, str):
            found[key] = " ".join(item.split())
        else:
            found[key] = tidy(item, top=False) if key in _ONE | _LIST else item
    return found


def resolve(schema: object, components: Mapping[str, object]) -> object:
    """What a schema's `$ref` leads to, which may be a `$ref` again; itself without one.

    Raises LookupError or ValueError when it leads nowhere.
    """
    ref = cast("Json", schema).get("$ref") if isinstance(schema, dict) else None
    if not isinstance(ref, str):
        return schema
    found: object = components
    for part in ref.removeprefix(SCHEMAS).split("/"):
        word = unquote(part).replace("~1", "/").replace("~0", "~")
        if isinstance(found, list):
            found = cast("list[object]", found)[int(word)]
        else:
            found = cast("Json", found)[word]
    return found


def example(schema: object, components: Mapping[str, object]) -> tuple[object, ...]:
    """One value that the schema takes, or none where none is found by its shape alone."""
    try:
        value = _Maker(components).value(schema, 0)
        rooted = {"allOf": [schema], "components": {"schemas": components}}
        valid = jsonschema_rs.validator_for(rooted, validate_formats=True).is_valid(value)
    except (ValueError, LookupError):
        return ()
    return (value,) if valid else ()


@dataclass(slots=True)
class _Maker:
    """Looks a limited number of times: few definitions can unfold into a very large value."""

    components: Mapping[str, object]
    left: int = _LOOKS

    def value(self, schema: object, depth: int) -> object:
        self.left -= 1
        if depth > _DEEP or self.left < 0:
            raise LookupError("a schema that has no end")
        if not isinstance(schema, dict):
            return {}
        table = cast("Json", schema)
        if "$ref" in table:
            return self.value(resolve(table, self.components), depth + 1)
        given = [*_several(table, "examples"), *_several(table, "enum")]
        given += [table[word] for word in ("const", "default") if word in table]
        if given:
            return given[0]
        choice = [*_several(table, "anyOf"), *_several(table, "oneOf")][:1]
        if parts := [*choice, *_several(table, "allOf")]:
            return self._merged(table, parts, depth)
        return self._of_type(table, depth)

    def _merged(self, table: Json, parts: list[object], depth: int) -> object:
        """All parts, and what stands beside them: members of an object add up."""
        beside = {key: item for key, item in table.items() if key in {"type", "properties"}}
        values = [self.value(part, depth + 1) for part in [*parts, *([beside] if beside else [])]]
        if not all(isinstance(value, dict) for value in values):
            return values[0]
        return {key: item for value in values for key, item in cast("Json", value).items()}

    def _of_type(self, table: Json, depth: int) -> object:
        kind = table.get("type")
        if isinstance(kind, list) and kind:
            kind = cast("list[object]", kind)[0]
        if kind in {"object", None}:
            properties = table.get("properties")
            named = cast("Json", properties) if isinstance(properties, dict) else {}
            needed = named if depth < _FULL else _several(table, "required")
            return {n: self.value(item, depth + 1) for n, item in named.items() if n in needed}
        if kind == "array":
            inside = table.get("items")
            return [self.value(inside, depth + 1)] if isinstance(inside, dict) else []
        if kind in {"integer", "number"}:
            return table.get("minimum", 1)
        if kind == "string":
            return _text(table)
        return True if kind == "boolean" else None


def _several(table: Json, word: str) -> list[object]:
    found = table.get(word)
    return cast("list[object]", found) if isinstance(found, list) else []


def _text(table: Json) -> str:
    text = _FORMATS.get(str(table.get("format")), "text")
    shortest, longest = table.get("minLength"), table.get("maxLength")
    if isinstance(shortest, int):
        text = text.ljust(shortest, "x")
    return text[:longest] if isinstance(longest, int) else text
