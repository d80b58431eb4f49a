"""Schemas moved into the document, and examples made of them."""

import jsonschema_rs
import pytest

from intertie.control.asyncapi_schema import Json, embedded, example, resolve, tidy


def test_references_follow_the_schema() -> None:
    """From its own top to its place in the document; data that looks like one stays."""
    schema: Json = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://example.com/x",
        "properties": {"$ref": {"$ref": "#/$defs/a"}, "all": {"items": {"$ref": "#"}}},
        "$defs": {"a": {"const": {"$ref": "#/kept"}}},
    }

    assert embedded(schema, "topic.x") == {
        "properties": {
            "$ref": {"$ref": "#/components/schemas/topic.x/$defs/a"},
            "all": {"items": {"$ref": "#/components/schemas/topic.x"}},
        },
        "$defs": {"a": {"const": {"$ref": "#/kept"}}},
    }


def test_what_stands_beside_a_reference_counts() -> None:
    """As the schema's draft has it."""
    beside: Json = {"$ref": "#/x", "minLength": 3, "allOf": [{"maxLength": 9}]}
    old = {"$schema": "http://json-schema.org/draft-07/schema#", "not": beside}

    assert embedded(beside, "t") == {
        "minLength": 3,
        "allOf": [{"$ref": "#/components/schemas/t/x"}, {"maxLength": 9}],
    }
    assert embedded(old, "t") == {"not": {"$ref": "#/components/schemas/t/x"}}


def test_words_that_asyncapi_means_otherwise_are_left_out() -> None:
    """A field of such a name is none."""
    schema: Json = {
        "discriminator": {"propertyName": "kind"},
        "deprecated": True,
        "properties": {"discriminator": {"type": "string"}},
    }

    assert embedded(schema, "t") == {
        "deprecated": True,
        "properties": {"discriminator": {"type": "string"}},
    }


def test_titles_that_repeat_names_go() -> None:
    """A field called title stays."""
    schema: Json = {
        "title": "Model",
        "description": "On\n two lines.",
        "properties": {"title": {"title": "Title", "anyOf": [{"title": "x", "type": "string"}]}},
    }

    assert tidy(schema) == {
        "title": "Model",
        "description": "On two lines.",
        "properties": {"title": {"anyOf": [{"type": "string"}]}},
    }


def test_a_reference_leads_through_maps_and_lists() -> None:
    """With the escapes of a JSON Pointer in a fragment."""
    components: Json = {"a": {"$defs": {"x/y z": {"anyOf": [{}, {"type": "null"}]}}}}
    ref = {"$ref": "#/components/schemas/a/$defs/x~1y%20z/anyOf/1"}

    assert resolve(ref, components) == {"type": "null"}
    assert resolve(components, {}) is components
    with pytest.raises(LookupError):
        resolve({"$ref": "#/components/schemas/none"}, components)


@pytest.mark.parametrize(
    "schema",
    [
        True,
        {},
        {"type": "string", "minLength": 30},
        {"type": "string", "maxLength": 2},
        {"type": "string", "format": "uuid"},
        {"type": "string", "pattern": "^[A-Z]+$", "examples": ["ABC"]},
        {"type": "integer", "minimum": 7},
        {"type": ["null", "integer"]},
        {"type": "boolean"},
        {"type": "array", "items": {"type": "number"}, "minItems": 1},
        {"enum": ["x"]},
        {"const": 0},
        {"default": [1]},
        {"anyOf": [{"type": "null"}, {"type": "string"}]},
        {
            "allOf": [
                {"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"]},
                {"type": "object", "properties": {"b": {"const": 2}}, "required": ["b"]},
            ],
            "properties": {"c": {"type": "string"}},
            "required": ["c"],
        },
    ],
)
def test_an_example_is_valid(schema: Json) -> None:
    """Whatever the schema's shape."""
    (found,) = example(schema, {})

    assert jsonschema_rs.is_valid(schema, found)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^[A-Z]+$"},
        {"not": {}},
        {"$ref": "#/components/schemas/none"},
        {"$ref": "#/components/schemas/endless"},
        {"$ref": "#/components/schemas/wide0"},
    ],
)
def test_no_example_rather_than_a_wrong_one(schema: Json) -> None:
    """Nor an endless search for one."""
    endless: Json = {
        "properties": {"x": {"$ref": "#/components/schemas/endless"}},
        "required": ["x"],
    }
    wide: Json = {
        f"wide{n}": {
            "properties": {
                f"f{k}": {"$ref": f"#/components/schemas/wide{n + 1}"} for k in range(50)
            },
            "required": [f"f{k}" for k in range(50)],
        }
        for n in range(10)
    }

    assert example(schema, {"endless": endless, **wide, "wide10": {}}) == ()


def test_a_schema_within_itself_has_an_example() -> None:
    """As long as it may end."""
    node: Json = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/node"}}}

    (found,) = example({"$ref": "#/components/schemas/node"}, {"node": node})

    assert isinstance(found, dict)
    assert "next" in found
