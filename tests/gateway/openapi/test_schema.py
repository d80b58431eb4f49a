"""Schemas of all versions as JSON Schema 2020-12."""

import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_schema_validator import OAS30WriteValidator, OAS31Validator

from intertie.errors import SuiteError
from tests.gateway.openapi.documents import Loose, one


def fault(schema: Any, version: str = "3.0.3") -> str:
    """What is wrong with a schema of a body."""
    with pytest.raises(SuiteError) as caught:
        one(schema, version=version)
    return str(caught.value)


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "string", "nullable": True}, None, 3),
        ({"type": "string", "enum": ["a"], "nullable": True}, None, "b"),
        ({"type": "integer", "minimum": 3, "exclusiveMinimum": True}, 4, 3),
        ({"type": "integer", "maximum": 3, "exclusiveMaximum": False}, 3, 4),
        ({"type": "integer", "format": "int32"}, 2**31 - 1, 2**31),
        ({"type": "integer", "format": "int64"}, -(2**63), -(2**63) - 1),
        ({"type": "string", "format": "byte"}, "aGk=", "a*"),
        ({"type": "string", "format": "uuid"}, "0190a8c0-0000-7000-8000-000000000000", "x"),
        ({"type": "string", "format": "date-time"}, "2026-01-31T12:00:00Z", "yesterday"),
        ({"type": "string", "format": "unheard-of"}, "x", 3),
        ({"oneOf": [{"type": "string"}, {"type": "integer"}], "nullable": True}, None, 1.5),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 1}, [1], ["x"]),
        ({"type": "object", "additionalProperties": False}, {}, {"a": 1}),
        ({"not": {"type": "string"}}, 1, "a"),
    ],
)
def test_words_of_version_3_0_mean_what_they_did(schema: Any, good: object, bad: object) -> None:
    """`nullable`, boolean bounds and formats among them."""
    asker = one(schema)

    assert asker.post("/a", good) == []
    assert [each.status for each in asker.post("/a", bad)] == [422]


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": ["string", "null"]}, None, 3),
        ({"exclusiveMinimum": 3}, 4, 3),
        ({"const": "x"}, "x", "y"),
        ({"prefixItems": [{"type": "string"}], "items": False}, ["a"], ["a", 1]),
        ({"if": {"required": ["a"]}, "then": {"required": ["b"]}}, {"a": 1, "b": 1}, {"a": 1}),
        ({"patternProperties": {"^x-": {"type": "string"}}}, {"x-a": "b"}, {"x-a": 1}),
        ({"$ref": "#/components/schemas/S", "maxLength": 2}, "ab", "abc"),
        ({"properties": {"a": True, "b": False}}, {"a": 1}, {"b": 1}),
        ({"$ref": "#/components/schemas/S"}, "abc", 3),
    ],
)
def test_words_of_version_3_1_count(schema: Any, good: object, bad: object) -> None:
    """What stands beside a `$ref` too."""
    asker = one(schema, version="3.1.0", components={"schemas": {"S": {"type": "string"}}})

    assert asker.post("/a", good) == []
    assert asker.post("/a", bad) != []


def test_what_stands_beside_a_ref_in_3_0_does_not_count() -> None:
    """Its reference object has no other fields."""
    schema = {"$ref": "#/components/schemas/S", "maxLength": 2}

    assert one(schema, components={"schemas": {"S": {"type": "string"}}}).post("/a", "abc") == []


def test_what_is_only_read_is_refused_and_never_missing() -> None:
    """Also where it is required, and where the schema is put together of several."""
    base = {
        "type": "object",
        "properties": {
            "id": {"type": "integer", "readOnly": True},
            "at": {"$ref": "#/components/schemas/At"},
            "name": {"type": "string"},
        },
        "required": ["id", "name", "at"],
    }
    parts = {"Base": base, "At": {"type": "string", "readOnly": True}}
    whole = {"allOf": [{"$ref": "#/components/schemas/Base"}, {"required": ["id"]}]}

    for schema in (base, whole):
        asker = one(schema, components={"schemas": parts})
        assert asker.post("/a", {"name": "x"}) == []
        assert [each.name for each in asker.post("/a", {"id": 1, "name": "x"})] == ["/id"]
        assert asker.post("/a", {}) != []


def test_schemas_may_lead_into_themselves() -> None:
    """A tree of comments, as deep as it is sent."""
    node = {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "answers": {"type": "array", "items": {"$ref": "#/components/schemas/Node"}},
        },
        "required": ["text"],
    }
    asker = one({"$ref": "#/components/schemas/Node"}, components={"schemas": {"Node": node}})

    assert asker.post("/a", {"text": "a", "answers": [{"text": "b", "answers": []}]}) == []
    [wrong] = asker.post("/a", {"text": "a", "answers": [{"text": "b", "answers": [{}]}]})
    assert wrong.name == "/answers/0/answers/0"


@pytest.mark.parametrize(
    ("schema", "version", "said"),
    [
        (
            {"type": "text"},
            "3.0.3",
            "#/paths/~1a/post/requestBody/content/application~1json/schema/type",
        ),
        (
            {"properties": {"a": {"minLength": -1}}},
            "3.0.3",
            "/properties/a/minLength: expected a schema",
        ),
        (
            {"properties": {"a": {"pattern": "["}}},
            "3.0.3",
            "/properties/a/pattern: expected a regular",
        ),
        ({"pattern": "(a{1000}){1000}"}, "3.1.0", "expected a regular expression of bounded size"),
        ({"minimum": 1, "exclusiveMinimum": 3}, "3.0.3", "exclusiveMinimum: true or false"),
        ({"$id": "urn:x"}, "3.1.0", "expected no $id"),
        ({"$dynamicRef": "#x"}, "3.1.0", "expected no $dynamicRef"),
        ({"$ref": "#/components/schemas/Gone"}, "3.0.3", "leads nowhere"),
        ({"allOf": {}}, "3.0.3", "expected a list of schemas"),
        ({"properties": []}, "3.0.3", "expected a map of schemas"),
        ({"items": 3}, "3.0.3", "expected a schema: a map"),
        (True, "3.0.3", "expected a schema: a map"),
    ],
)
def test_what_is_no_schema_is_a_fault(schema: Any, version: str, said: str) -> None:
    """At its place, and once."""
    told = fault(schema, version)

    assert said in told
    assert len(told.splitlines()) == 1


def test_a_pattern_that_looks_at_a_text_for_ever_gives_up() -> None:
    """What would take longer than the universe lasts is refused at once."""
    asker = one({"type": "string", "pattern": r"^(?=(a+)+$)(a+)+(b|a+)+c\1$"})
    began = time.process_time()

    assert asker.post("/a", "a" * 50_000) != []
    assert time.process_time() - began < 2


@pytest.mark.parametrize("word", ["anyOf", "oneOf", "allOf"])
@pytest.mark.parametrize("inside", [True, False])
def test_schemas_that_unfold_without_end_are_refused(word: str, inside: bool) -> None:
    """Forty names, each of which stands for two of the next: a million million looks."""
    schemas: Loose = {}
    for i in range(40):
        there = {"$ref": f"#/components/schemas/S{i + 1}"}
        schemas[f"S{i}"] = {word: [{"properties": {"x": there}} if inside else there] * 2}
    schemas["S40"] = {"type": "string"}
    began = time.process_time()

    with pytest.raises(SuiteError, match="unfold to less"):
        one({"$ref": "#/components/schemas/S0"}, components={"schemas": schemas})
    assert time.process_time() - began < 5


def test_a_schema_that_is_only_itself_is_a_fault() -> None:
    """A `$ref` to a `$ref` to the first one."""
    schemas = {name: {"$ref": f"#/components/schemas/{other}"} for name, other in ("AB", "BA")}

    with pytest.raises(SuiteError, match=r"from \$ref to \$ref"):
        one({"$ref": "#/components/schemas/A"}, components={"schemas": schemas})


SCHEMAS: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from(
        [
            {"type": "string", "maxLength": 3},
            {"type": "string", "nullable": True},
            {"type": "integer", "minimum": 0, "exclusiveMinimum": True},
            {"type": "number", "maximum": 5},
            {"type": "boolean"},
            {"enum": ["a", 1]},
        ]
    ),
    lambda inner: st.one_of(
        st.fixed_dictionaries({"type": st.just("array"), "items": inner}),
        st.fixed_dictionaries(
            {
                "type": st.just("object"),
                "properties": st.fixed_dictionaries({"a": inner, "b": inner}),
                "required": st.sampled_from([["a"], ["a", "b"]]),
                "additionalProperties": st.booleans(),
            }
        ),
        st.fixed_dictionaries({"allOf": st.lists(inner, min_size=1, max_size=2)}),
        st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=2)}),
        st.fixed_dictionaries({"not": inner}),
    ),
    max_leaves=6,
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 9) | st.sampled_from(["", "a", "abcd", 2.5]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3)
    ),
    max_leaves=5,
)


@pytest.mark.slow
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(SCHEMAS, VALUES)
def test_values_are_judged_as_by_another_program(schema: Any, value: Any) -> None:
    """The validator of the OpenAPI specification's Python tools, for 3.0 and for 3.1."""
    expected = OAS30WriteValidator(schema).is_valid(value)

    assert (one(schema).post("/a", value) == []) == expected
    if "nullable" not in str(schema) and "exclusiveMinimum" not in str(schema):
        newer = OAS31Validator(schema).is_valid(value)
        assert (one(schema, version="3.1.0").post("/a", value) == []) == newer
