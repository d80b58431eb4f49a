"""Schemas of a document, compiled: each value is checked against one of them."""

import base64
import binascii
import json
from dataclasses import dataclass, field
from itertools import count, islice
from typing import TypeAlias

import jsonschema_rs

from intertie.gateway.openapi.cost import Costs
from intertie.gateway.openapi.model import Dialect, Field
from intertie.gateway.openapi.refs import Refs
from intertie.gateway.openapi.schema import PATTERNS, Schema, Schemas
from intertie.gateway.openapi.shape import Raw, Shape, Shapes
from intertie.gateway.openapi.source import Json, Spot

MAX_ERRORS = 20
"""Of one value."""

_URI = "urn:intertie:openapi"
_PLACE = f"{_URI}#/$defs/"
_MASK = "the value"
_NOT_HERE = {"falseSchema": "is not allowed in a request"}

Error: TypeAlias = tuple[tuple[str | int, ...], str]
"""Way to a value, and what is wrong with it."""


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text.encode(), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


@dataclass(frozen=True, slots=True)
class Check:
    """One schema, ready."""

    validator: jsonschema_rs.Validator
    shape: Shape
    can_tell: bool
    """Whether it says where a value is wrong."""

    def errors(self, value: object) -> list[Error]:
        """What is wrong with a value; nothing of the value itself is told."""
        try:
            if self.validator.is_valid(value):
                return []
            if not self.can_tell:
                return [((), "is not as described")]
            found = islice(self.validator.iter_errors(value), MAX_ERRORS)
            return [(tuple(each.instance_path), _message(each)) for each in found]
        except (ValueError, OverflowError, RecursionError):
            # Half a character, a number without end, more levels than can be checked.
            return [((), "is not a value that can be checked")]

    def text_errors(self, raw: Raw) -> list[Error]:
        """The same of what came as text: it may be a number, and it may be meant as text."""
        value = self.shape.typed(raw)
        errors = self.errors(value)
        if errors and value is not raw and "string" in self.shape.kinds and not self.errors(raw):
            return []
        return errors


def _message(error: jsonschema_rs.ValidationError) -> str:
    kind = error.kind.name
    return _NOT_HERE.get(kind) or error.message


@dataclass(slots=True)
class Compiler:
    """Gathers schemas, then compiles them together."""

    dialect: Dialect
    refs: Refs
    _schemas: Schemas = field(init=False)
    _made: dict[str, Check] = field(default_factory=dict[str, Check])
    _shapes: Shapes = field(init=False)
    _registry: jsonschema_rs.Registry | None = None
    _costs: Costs | None = None

    def __post_init__(self) -> None:
        numbers = count()
        self._schemas = Schemas(
            self.dialect, self.refs, _PLACE, lambda _: f"s{next(numbers)}", for_requests=True
        )
        self._shapes = Shapes(self._schemas.found, _PLACE)

    def schema(self, spot: Spot | None) -> Schema:
        """A schema, translated; what is not described is any text."""
        return self._schemas.of(spot) if spot else {}

    def form(self, fields: tuple[Field, ...]) -> Json:
        """One schema for all fields of a form."""
        made: Json = {
            "type": "object",
            "properties": {each.name: self.schema(each.schema) for each in fields},
        }
        return made | {"required": [each.name for each in fields if each.required]}

    def check(self, schema: Schema) -> Check:
        """Ready to check with; call it when every schema has been translated.

        Raises CostError for one that could make too much work.
        """
        key = json.dumps(schema, sort_keys=True)
        if key not in self._made:
            self._made[key] = self._compile(schema)
        return self._made[key]

    def _compile(self, schema: Schema) -> Check:
        if self._costs is None or self._registry is None:
            self._costs = Costs(self._schemas.found, _PLACE)
            whole: Json = {"$defs": self._schemas.found}
            self._registry = jsonschema_rs.Registry(
                [(_URI, whole)], draft=jsonschema_rs.Draft202012
            )
        can_tell = self._costs.check(schema)
        validator = jsonschema_rs.Draft202012Validator(
            schema,
            registry=self._registry,
            mask=_MASK,
            validate_formats=True,
            formats={"byte": _is_base64},
            pattern_options=PATTERNS,
            offline=True,
        )
        return Check(validator, self._shapes.of(schema), can_tell)
