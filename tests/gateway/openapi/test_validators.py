"""Schemas of a document, compiled."""

from pathlib import Path
from typing import Any

from intertie.gateway.openapi.model import Dialect
from intertie.gateway.openapi.refs import Refs
from intertie.gateway.openapi.source import Source, Spot
from intertie.gateway.openapi.validators import MAX_ERRORS, Check, Compiler


def check(schema: Any) -> Check:
    """A schema, ready."""
    source = Source(Path("api.json"), {"schema": schema})
    compiler = Compiler(Dialect.V31, Refs(source, None))
    return compiler.check(compiler.schema(Spot(source, ("schema",), schema)))


def test_no_value_is_ever_told() -> None:
    """Of a password least of all."""
    schema = {
        "type": "object",
        "properties": {
            "password": {"type": "string", "format": "password", "minLength": 12},
            "pin": {"type": "integer"},
            "kind": {"enum": ["a", "b"]},
            "list": {"uniqueItems": True, "maxItems": 1},
        },
    }
    secret = "hunter2"
    value = {"password": secret, "pin": secret, "kind": secret, "list": [secret, secret]}

    errors = check(schema).errors(value)

    assert len(errors) == 5
    assert secret not in str(errors)


def test_errors_are_few() -> None:
    """However many there are."""
    schema = {"type": "array", "items": {"type": "integer"}}

    assert len(check(schema).errors(["x"] * 1_000)) == MAX_ERRORS


def test_what_cannot_be_checked_is_wrong() -> None:
    """A list of hundreds of levels, where somebody looks into them."""
    deep: Any = []
    for _ in range(900):
        deep = [deep]

    assert check({"const": [1]}).errors(deep) != []
    assert check({"uniqueItems": True}).errors([deep, deep]) != []


def test_text_may_be_a_number_or_text() -> None:
    """Whichever the schema takes."""
    either = check(
        {"oneOf": [{"type": "integer", "maximum": 5}, {"type": "string", "minLength": 2}]}
    )

    assert either.text_errors("3") == []
    assert either.text_errors("33") == []
    assert either.text_errors("9") != []


def test_equal_schemas_are_compiled_once() -> None:
    """A document has thousands that are the same."""
    source = Source(Path("api.json"), {})
    compiler = Compiler(Dialect.V30, Refs(source, None))

    assert compiler.check({"type": "string"}) is compiler.check({"type": "string"})
