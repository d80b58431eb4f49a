"""Schemas of all OpenAPI versions as JSON Schema 2020-12, with all that they refer to."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias, cast

import jsonschema_rs

from intertie.gateway.openapi.model import Dialect
from intertie.gateway.openapi.refs import Refs
from intertie.gateway.openapi.source import Json, Source, Spot
from intertie.suite.tree import Keys

Schema: TypeAlias = Json | bool

MAX_SCHEMAS = 50_000
"""That something refers to, in all."""

PATTERNS = jsonschema_rs.FancyRegexOptions(
    backtrack_limit=20_000, size_limit=1 << 20, dfa_size_limit=1 << 20
)
"""A pattern that would look at a text longer than this does not match it."""

_ONE = frozenset(
    (
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
_LIST = frozenset(("allOf", "anyOf", "oneOf", "prefixItems"))
_NAMED = frozenset(("properties", "patternProperties", "dependentSchemas"))
_OLD_ONE = frozenset(("additionalProperties", "items", "not"))
_OLD_LIST = frozenset(("allOf", "anyOf", "oneOf"))
_OLD_NAMED = frozenset(("properties",))
_PLAIN = frozenset(
    (
        "enum",
        "format",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minItems",
        "minLength",
        "minProperties",
        "minimum",
        "multipleOf",
        "pattern",
        "required",
        "type",
        "uniqueItems",
    )
)
_NEW_PLAIN = frozenset(
    (
        "const",
        "dependentRequired",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "maxContains",
        "minContains",
    )
)
_TOLD = frozenset(
    ("default", "deprecated", "description", "externalDocs", "readOnly", "title", "writeOnly")
)
_TOLD_NEW = frozenset(("contentEncoding", "contentMediaType"))
_REFUSED = ("$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$schema", "$recursiveRef")
_BOUNDS = {"int32": 1 << 31, "int64": 1 << 63}

_Key: TypeAlias = tuple[Source, Keys, frozenset[str]]


@dataclass(slots=True)
class Schemas:
    """Translates schemas of one document; what they refer to is gathered in `found`.

    `name` gives what a schema that is referred to is called, `place` is what comes before names in
    a `$ref`. For requests, properties that are only read are refused, and never missing.
    """

    dialect: Dialect
    refs: Refs
    place: str
    name: Callable[[Spot], str]
    for_requests: bool
    found: Json = field(default_factory=Json)
    _names: dict[_Key, str] = field(default_factory=dict[_Key, str])
    _queue: list[tuple[str, Spot, frozenset[str]]] = field(
        default_factory=list[tuple[str, Spot, frozenset[str]]]
    )
    _patterns: set[str] = field(default_factory=set[str])

    def of(self, spot: Spot) -> Schema:
        """A schema; all that it refers to is in `found` afterwards."""
        made = self._sound(spot, frozenset())
        while self._queue:
            name, inner, dropped = self._queue.pop()
            self.found[name] = self._sound(inner, dropped)
        return made

    def _sound(self, spot: Spot, dropped: frozenset[str]) -> Schema:
        """A schema, or one that takes anything where what is there is none."""
        made = self._schema(spot, dropped)
        try:
            jsonschema_rs.meta.validate(made)
        except jsonschema_rs.ValidationError as exc:
            there = Spot(spot.source, _there(spot, exc.instance_path), None)
            if not self.refs.told_at(there):
                what = exc.message.splitlines()[0][:200]
                self.refs.tell(there, f"expected a schema; {what}")
            return {}
        return made

    def _schema(self, spot: Spot, dropped: frozenset[str]) -> Schema:
        if isinstance(spot.value, bool) and self.dialect is Dialect.V31:
            return spot.value
        if not isinstance(spot.value, dict):
            self.refs.tell(spot, "expected a schema: a map")
            return {}
        if isinstance(spot.table.get("$ref"), str):
            return self._referring(spot, dropped)
        return self._plain(spot, dropped)

    def _referring(self, spot: Spot, dropped: frozenset[str]) -> Json:
        there = self._ref(spot, dropped)
        # What stands beside a $ref counts since 3.1.
        if self.dialect is not Dialect.V31 or len(spot.table) == 1:
            return there
        table = {key: value for key, value in spot.table.items() if key != "$ref"}
        beside = self._plain(Spot(spot.source, spot.keys, table), dropped)
        if not beside or not there:
            return beside or there
        several = cast("list[object]", beside.get("allOf", []))
        return {**beside, "allOf": [there, *several]}

    def _ref(self, spot: Spot, dropped: frozenset[str]) -> Json:
        target = self.refs.follow(spot)
        if target is None:
            return {}
        key = (target.source, target.keys, dropped)
        if key not in self._names:
            if len(self._names) >= MAX_SCHEMAS:
                self.refs.tell(spot, f"expected at most {MAX_SCHEMAS:,} schemas, got more")
                return {}
            self._names[key] = self.name(target)
            self._queue.append((self._names[key], target, dropped))
        return {"$ref": self.place + self._names[key]}

    def _plain(self, spot: Spot, dropped: frozenset[str]) -> Json:
        self._refuse(spot)
        dropped |= self._read_only(spot) if self.for_requests else frozenset()
        made: Json = {}
        for key, inner in spot.entries():
            self._keyword(key, inner, made, dropped)
        if self.for_requests:
            self._for_requests(made, dropped)
        if self.dialect is not Dialect.V31:
            self._older(spot, made)
        self._formats(made)
        return made

    def _keyword(self, key: str, spot: Spot, made: Json, dropped: frozenset[str]) -> None:
        new = self.dialect is Dialect.V31
        if key == "items" and not new and isinstance(spot.value, list):
            made["prefixItems"] = [self._schema(each, frozenset()) for each in spot.items()]
        elif key in (_ONE if new else _OLD_ONE):
            below = dropped if key in {"if", "then", "else"} else frozenset[str]()
            made[key] = spot.value if isinstance(spot.value, bool) else self._schema(spot, below)
        elif key in (_LIST if new else _OLD_LIST):
            below = dropped if key != "prefixItems" else frozenset[str]()
            made[key] = [self._schema(each, below) for each in self._several(spot)]
        elif key in (_NAMED if new else _OLD_NAMED):
            below = dropped if key == "dependentSchemas" else frozenset[str]()
            made[key] = {name: self._schema(each, below) for name, each in self._map(spot)}
        elif key in _PLAIN or (new and key in _NEW_PLAIN):
            made[key] = self._value(key, spot)
        elif not self.for_requests and (key in _TOLD or (new and key in _TOLD_NEW)):
            made[key] = spot.value
        elif not self.for_requests and key == "discriminator":
            self._discriminator(spot, made)

    def _several(self, spot: Spot) -> Iterator[Spot]:
        if not isinstance(spot.value, list):
            self.refs.tell(spot, "expected a list of schemas")
        yield from spot.items()

    def _map(self, spot: Spot) -> Iterator[tuple[str, Spot]]:
        if not isinstance(spot.value, dict):
            self.refs.tell(spot, "expected a map of schemas")
        for name in spot.table:
            yield name, Spot(spot.source, (*spot.keys, name), spot.table[name])

    def _value(self, key: str, spot: Spot) -> object:
        if key == "pattern":
            self._pattern(spot)
        if key == "required" and isinstance(spot.value, list):
            return list(dict.fromkeys(str(each.value) for each in spot.items()))
        return spot.value

    def _pattern(self, spot: Spot) -> None:
        text = spot.value
        if not isinstance(text, str) or text in self._patterns:
            return
        self._patterns.add(text)
        try:
            jsonschema_rs.Draft202012Validator({"pattern": text}, pattern_options=PATTERNS)
        except ValueError:
            self.refs.tell(
                spot,
                f"expected a regular expression of bounded size, got {text[:200]!r}",
                "escape `-` and `[` in classes; repeat less often",
            )

    def _discriminator(self, spot: Spot, made: Json) -> None:
        """Its mapping names schemas, whose names here may be others."""
        name = spot.text("propertyName") if spot.table else ""
        if not name:
            return
        mapping: Json = {}
        for value, each in (spot.get("mapping") or Spot(spot.source, (), {})).entries():
            ref = str(each.value)
            local = ref if "/" in ref or "#" in ref else f"#/components/schemas/{ref}"
            there = self._ref(Spot(spot.source, each.keys, {"$ref": local}), frozenset())
            if there:
                mapping[value] = there["$ref"]
        made["discriminator"] = {"propertyName": name} | ({"mapping": mapping} if mapping else {})

    def _refuse(self, spot: Spot) -> None:
        if self.dialect is not Dialect.V31:
            return
        for key in _REFUSED:
            if key in spot.table:
                self.refs.tell(spot, f"expected no {key} in a schema", "refer with `#/`")

    def _read_only(self, spot: Spot) -> frozenset[str]:
        """Properties that are only read, of the schema and all that are one with it."""
        names: set[str] = set()
        seen: set[tuple[Source, Keys]] = set()
        todo = [spot]
        while todo:
            found = self.refs.follow(todo.pop())
            if found is None or (found.source, found.keys) in seen:
                continue
            seen.add((found.source, found.keys))
            properties = found.get("properties")
            named = self._map(properties) if properties else ()
            names |= {name for name, each in named if self._is_read_only(each)}
            parts = found.get("allOf")
            todo += parts.items() if parts else ()
        return frozenset(names)

    def _is_read_only(self, spot: Spot) -> bool:
        if spot.flag("readOnly"):
            return True
        there = self.refs.follow(spot)
        return there is not None and there.flag("readOnly")

    def _for_requests(self, made: Json, dropped: frozenset[str]) -> None:
        properties = made.get("properties")
        if isinstance(properties, dict):
            made["properties"] = {
                name: False if name in dropped else schema
                for name, schema in cast("Json", properties).items()
            }
        required = made.get("required")
        if isinstance(required, list) and dropped:
            made["required"] = [n for n in cast("list[object]", required) if n not in dropped]

    def _older(self, spot: Spot, made: Json) -> None:
        """What 3.0 and 2.0 say in other words than JSON Schema 2020-12."""
        for word, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
            value = spot.table.get(word)
            if value is True and bound in made:
                made[word] = made.pop(bound)
            elif isinstance(value, int | float) and not isinstance(value, bool):
                self.refs.tell(spot, f"expected {word}: true or false, got a number")
        if made.get("type") == "file":
            made["type"] = "string"
        if isinstance(spot.table.get("required"), bool):  # a parameter of 2.0 is its own schema
            made.pop("required", None)
        nullable = "nullable" if self.dialect is Dialect.V30 else "x-nullable"
        if spot.flag(nullable):
            _nullable(made)

    def _formats(self, made: Json) -> None:
        """Whole numbers of a width have bounds, which is what their format says."""
        bound = _BOUNDS.get(str(made.get("format")))
        kind = made.get("type")
        kinds = cast("list[object]", kind) if isinstance(kind, list) else [kind]
        if bound is None or not self.for_requests or not {"integer", "number"} & {*map(str, kinds)}:
            return
        made.setdefault("minimum", -bound)
        made.setdefault("maximum", bound - 1)


def _there(spot: Spot, path: list[str | int]) -> Keys:
    """The way to a value, as far as the document has it too."""
    value, keys = spot.value, spot.keys
    for key in path:
        if isinstance(value, dict) and key in value:
            value = cast("Json", value)[cast("str", key)]
        elif isinstance(value, list) and isinstance(key, int) and key < len(value):
            value = cast("list[object]", value)[key]
        else:
            break
        keys = (*keys, key)
    return keys


def _nullable(made: Json) -> None:
    kind = made.get("type")
    if isinstance(kind, str) and not {"enum", "allOf", "anyOf", "oneOf", "not"} & made.keys():
        made["type"] = [kind, "null"]
        return
    inner = dict(made)
    made.clear()
    made["anyOf"] = [inner, {"type": "null"}]
