"""Each fault that made a mock silent, or strict for no reason, is repaired."""

from typing import Any

import pytest

from tools.specs import repairs
from tools.specs.tree import Document

MANGLED = "Wed Oct 15 2025 13:53:19 GMT+0000 (Coordinated Universal Time)"


def schema(**words: Any) -> Document:
    """A document with one schema."""
    return {"components": {"schemas": {"A": words}}, "paths": {}}


def left(document: Document) -> Any:
    """What became of it."""
    return document["components"]["schemas"]["A"]


def test_only_patterns_that_javascript_refuses_are_dropped() -> None:
    """A property of that name is no pattern."""
    bad, good = {"pattern": r"^\-a$"}, {"pattern": "^a$"}
    document = schema(properties={"bad": bad, "good": good, "pattern": {"type": "string"}})

    assert repairs.drop_patterns(document) == 1
    assert left(document)["properties"]["bad"] == {}
    assert left(document)["properties"]["good"] == {"pattern": "^a$"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["a", "b", "a"], ["a", "b"]),
        ([1, True, "1"], [1, True, "1"]),
        (["a", MANGLED], ["a"]),
        ([MANGLED, MANGLED], None),
    ],
)
def test_values_stand_once_and_are_the_vendors(before: list[Any], after: list[Any] | None) -> None:
    """An enum of nothing but mangled dates is no enum."""
    document = schema(enum=before)

    assert repairs.mend_enums(document) == (before != after)
    assert left(document).get("enum") == after


def test_prose_goes_but_an_answer_keeps_its_first_words() -> None:
    """A response must have a description."""
    document = schema(description="d", properties={"description": {"type": "string"}})
    document["components"]["responses"] = {"E": {"description": "word " * 50}}

    assert repairs.drop_prose(document) == 1
    assert left(document) == {"properties": {"description": {"type": "string"}}}
    assert len(document["components"]["responses"]["E"]["description"]) <= repairs.MAX_PROSE


def test_extensions_go() -> None:
    """Not names that look like them: a header may be called x-limit."""
    document = schema(**{"x-own": 1}, properties={"x-limit": {"type": "string"}})

    assert repairs.drop_extensions(document) == 1
    assert left(document) == {"properties": {"x-limit": {"type": "string"}}}


def test_encodings_of_forms_go() -> None:
    """The mock misses fields with them."""
    document = schema(content={"f": {"schema": {}, "encoding": {"a": {"style": "deepObject"}}}})

    assert repairs.drop_encodings(document) == 1
    assert left(document)["content"] == {"f": {"schema": {}}}


def test_only_optional_deep_parameters_go() -> None:
    """One that must be there is still worth its error."""
    deep = {"style": "deepObject", "in": "query"}
    document = schema(parameters=[deep | {"required": False}, deep | {"required": True}, deep])

    assert repairs.drop_deep_parameters(document) == 2
    assert left(document)["parameters"] == [deep | {"required": True}]


def test_a_request_that_sends_nothing_has_no_body() -> None:
    """Another that must send something must have one."""
    must = {"content": {"f": {"schema": {"$ref": "#/components/schemas/A"}}}}
    document = schema(required=["a"])
    document["paths"]["/a"] = {"get": {"requestBody": {}}, "post": {"requestBody": must}}

    assert repairs.drop_bodies(document) == 1
    assert repairs.require_bodies(document) == 1
    assert document["paths"]["/a"]["get"] == {}
    assert document["paths"]["/a"]["post"]["requestBody"]["required"] is True


@pytest.mark.parametrize(
    ("words", "stays"),
    [
        ({"type": "string", "example": "a"}, True),
        ({"type": "string", "example": 1}, False),
        ({"type": "integer", "example": True}, False),
        ({"type": "string", "enum": ["a"], "example": "b"}, False),
        ({"type": "string", "format": "date", "example": "2026-01-02"}, True),
        ({"type": "string", "format": "date-time", "example": "2026-01-02"}, False),
        ({"type": "string", "example": MANGLED}, False),
        ({"type": "string", "example": None}, False),
        ({"type": "string", "example": None, "nullable": True}, True),
        ({"type": "string", "example": "a" * repairs.MAX_EXAMPLE_BYTES}, False),
    ],
)
def test_an_example_that_is_not_of_its_schema_goes(words: Document, stays: bool) -> None:
    """Or is too long."""
    document = schema(**words)

    assert repairs.drop_examples(document) == (not stays)
    assert ("example" in left(document)) is stays


def test_of_several_examples_the_one_that_says_most_stays() -> None:
    """If it is not too long."""
    long = {"value": "a" * repairs.MAX_EXAMPLE_BYTES}
    document = schema(examples={"a": {"value": 1}, "b": {"value": [1, 2]}, "c": long})

    assert repairs.drop_examples(document) == 2
    assert left(document) == {"examples": {"b": {"value": [1, 2]}}}


def test_what_was_repaired_is_told() -> None:
    """And what was not is not."""
    assert repairs.repaired(schema(enum=["a", "a"])) == [
        "mended 1 enums with repeated or mangled values"
    ]
    assert repairs.repaired(schema(type="string")) == []
