"""Declared topics: their names, their schemas, and what may be said of them."""

import pytest
from pydantic import TypeAdapter, ValidationError

from intertie.bus.topics import check_topic
from intertie.errors import BusError
from intertie.suite.topics import Topic, TopicName, check_schema

TOPICS = TypeAdapter(dict[TopicName, Topic])
ASSET = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}


def topic(**keys: object) -> Topic:
    """As it stands in a suite file."""
    return Topic.model_validate(keys)


def reason(**keys: object) -> str:
    """Why it is refused."""
    with pytest.raises(ValidationError) as caught:
        topic(**keys)
    return caught.value.errors()[0]["msg"]


@pytest.mark.parametrize(
    "name", ["asset.processed", "a", "A-1_b.c", "x" * 64, ".".join("a" * 16), "suites.x"]
)
def test_a_name_of_the_bus_is_a_name_here(name: str) -> None:
    """Both take the same words."""
    assert check_topic(name) == name
    assert TOPICS.validate_python({name: {}}) == {name: Topic()}


@pytest.mark.parametrize(
    "name", ["", ".", "a..b", "a b", "a.*", "#", "x" * 65, ".".join("a" * 17), "a\n", "ä"]
)
def test_no_name_of_the_bus_is_none_here(name: str) -> None:
    """Both refuse the same words."""
    with pytest.raises(BusError):
        check_topic(name)
    with pytest.raises(ValidationError):
        TOPICS.validate_python({name: {}})


def test_topics_of_intertie_are_not_for_declaring() -> None:
    """Their schemas are known, and not the suite file's to say."""
    with pytest.raises(ValidationError, match="Intertie's own"):
        TOPICS.validate_python({"suite.control.start": {}})


def test_everything_may_be_said() -> None:
    """Under the names of the suite file."""
    found = topic(
        description="Done.",
        schema=ASSET,
        publishers=["encode"],
        subscribers=["library"],
        key="id",
        priorities="true",
    )

    assert (found.publishers, found.subscribers) == (("encode",), ("library",))
    assert (found.key, found.priorities) == ("id", True)
    assert found.payload_schema == ASSET
    assert Topic().payload_schema is None


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"type": "text"}, "expected a JSON Schema"),
        ({"$ref": "#/$defs/none"}, "does not exist"),
        ({"$ref": "http://127.0.0.1:9/x.json"}, "begin with `#/`"),
        ({"properties": {"a": {"$ref": "file:///etc/passwd"}}}, "begin with `#/`"),
        ({"properties": {"a": {"$anchor": "x"}}}, "no \\$anchor inside"),
        ({"properties": {"a": {"$id": "http://x/y"}}}, "no \\$id inside"),
        ({"$schema": "http://json-schema.org/draft-04/schema#"}, "draft 7, 2019-09 or 2020-12"),
        ({"$schema": "http://127.0.0.1:9/own"}, "draft 7, 2019-09 or 2020-12"),
        ({"pattern": "("}, "expected a JSON Schema"),
        ("schema.txt", "\\.json or \\.yaml"),
        (".json", "\\.json or \\.yaml"),
        (3, "^1 validation error.*\\n.*\\n.*\\.json or \\.yaml"),
    ],
)
def test_a_schema_stands_by_itself(schema: object, why: str) -> None:
    """It is one, of a draft we know, and nothing outside of it is asked for."""
    with pytest.raises(ValidationError, match=why):
        topic(schema=schema)


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"$id": "https://example.com/asset", **ASSET},
        {"$schema": "http://json-schema.org/draft-07/schema", "items": [{}, {}]},
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "prefixItems": [{}]},
        {"properties": {"$id": {"type": "string"}, "$ref": {"type": "string"}}},
        {"properties": {"child": {"$ref": "#"}}},
        {"$defs": {"a": {"type": "string"}}, "properties": {"a": {"$ref": "#/$defs/a"}}},
    ],
)
def test_a_whole_schema_is_taken(schema: dict[str, object]) -> None:
    """Also one that refers to itself, or has fields named like the language's words."""
    check_schema(schema)


def test_depth_is_bounded() -> None:
    """Nobody reads such a schema."""
    deep: dict[str, object] = {}
    for _ in range(60):
        deep = {"not": deep}

    assert "levels" in reason(schema=deep)


@pytest.mark.parametrize("key", ["a/b", "", "a b", "x" * 101])
def test_a_key_is_a_field_of_the_data(key: str) -> None:
    """No way into it."""
    assert "pattern" in reason(key=key)
