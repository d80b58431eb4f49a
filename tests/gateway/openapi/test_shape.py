"""Types of what comes as text."""

from typing import Any

import pytest

from intertie.gateway.openapi.shape import ANY, Raw, Shape, Shapes


def shape(schema: Any, **found: Any) -> Shape:
    """The shape of a schema."""
    return Shapes(found, "#/").of(schema)


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        ({"type": "integer"}, "7", 7),
        ({"type": "integer"}, "-0", 0),
        ({"type": "integer"}, "007", "007"),
        ({"type": "integer"}, "+7", "+7"),
        ({"type": "integer"}, "7.0", 7.0),
        ({"type": "integer"}, "1e100", "1e100"),
        ({"type": ["integer", "number"]}, "1e3", 1000.0),
        ({"type": "number"}, "1e3", 1000.0),
        ({"type": "number"}, "NaN", "NaN"),
        ({"type": "number"}, "\u0661", "\u0661"),
        ({"type": "number"}, "9" * 5_000, "9" * 5_000),
        ({"type": "boolean"}, "true", True),
        ({"type": "boolean"}, "True", "True"),
        ({"type": "string"}, "7", "7"),
        ({"type": ["string", "integer"]}, "7", 7),
        ({"type": ["integer", "null"]}, "", None),
        ({"type": ["string", "null"]}, "", ""),
        ({"enum": [1, 2]}, "2", 2),
        ({"const": True}, "true", True),
        ({"minimum": 3}, "7", 7),
        ({}, "7", "7"),
        (True, "7", "7"),
        ({"$ref": "#/a"}, "7", 7),
        ({"anyOf": [{"$ref": "#/a"}, {"type": "boolean"}]}, "true", True),
    ],
)
def test_text_becomes_a_value_of_its_type(schema: Any, text: str, value: object) -> None:
    """What does not fit stays text, for the schema to refuse."""
    typed = shape(schema, a={"type": "integer"}).typed(text)

    assert typed == value
    assert type(typed) is type(value)


def test_what_is_inside_has_its_type() -> None:
    """In lists and objects, also those put together of several schemas."""
    found = shape(
        {
            "allOf": [
                {"type": "object", "properties": {"n": {"type": "integer"}}},
                {
                    "properties": {"l": {"type": "array", "items": {"type": "boolean"}}},
                    "additionalProperties": {"type": "number"},
                },
            ]
        }
    )
    raw: Raw = {"n": "1", "l": ["true", "x"], "other": "2.5"}

    assert found.typed(raw) == {"n": 1, "l": [True, "x"], "other": 2.5}
    assert found.nested


def test_a_closed_object_has_no_other_properties() -> None:
    """As the schema says."""
    assert shape({"type": "object", "additionalProperties": False}).rest is None
    assert shape({"type": "object"}).rest == ANY


def test_a_shape_ends() -> None:
    """Of a schema that leads into itself, or unfolds into very many."""
    many = {
        f"s{i}": {"properties": {f"p{j}": {"$ref": f"#/s{j}"} for j in range(30)}}
        for i in range(30)
    }

    assert shape({"$ref": "#/a"}, a={"items": {"$ref": "#/a"}, "type": "array"}).kinds == {"array"}
    assert shape({"$ref": "#/s0"}, **many).kinds == {"object"}
