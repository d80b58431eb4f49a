"""A slice holds what is used, and no more."""

import pytest

from tools.specs.slices import sliced
from tools.specs.tree import Document, SpecError


def document() -> Document:
    """One with two operations, of which one refers to a schema through another."""
    answer = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Page"}}}}
    return {
        "openapi": "3.0.3",
        "info": {"title": "t", "version": "1", "description": "long"},
        "servers": [{"url": "https://a.test"}],
        "security": [{"token": ["read"]}],
        "tags": [{"name": "x"}],
        "paths": {
            "/a": {
                "servers": [],
                "parameters": [{"$ref": "#/components/parameters/p"}],
                "get": {"operationId": "a", "responses": {"200": answer}, "callbacks": {}},
                "post": {"responses": {}},
            },
            "/b": {"get": {"responses": {}}},
        },
        "components": {
            "schemas": {
                "Page": {"items": {"$ref": "#/components/schemas/Item"}},
                "Item": {"type": "string"},
                "Other": {},
            },
            "parameters": {"p": {"name": "p", "in": "query", "schema": {"type": "string"}}},
            "securitySchemes": {
                "token": {"type": "oauth2", "flows": {"x": {"scopes": {"read": "to read"}}}},
                "unused": {"type": "http"},
            },
        },
    }


def test_only_the_operations_stay_with_what_they_refer_to() -> None:
    """Parameters of the path among them."""
    made, notes = sliced(document(), ["get /a"])

    assert set(made["paths"]) == {"/a"}
    assert set(made["paths"]["/a"]) == {"get", "parameters"}
    assert set(made["components"]["schemas"]) == {"Page", "Item"}
    assert set(made["components"]["parameters"]) == {"p"}
    assert made["info"] == {"title": "t", "version": "1"}
    assert notes == []


def test_security_stays_without_its_scopes() -> None:
    """What a token may do is not judged."""
    made, _ = sliced(document(), ["get /a"])

    assert made["paths"]["/a"]["get"]["security"] == [{"token": []}]
    assert made["components"]["securitySchemes"] == {
        "token": {"type": "oauth2", "flows": {"x": {"scopes": {}}}}
    }


def test_answers_are_described_as_deep_as_asked() -> None:
    """The rest is left open, and that is said."""
    made, notes = sliced(document(), ["get /a"], answers_depth=1)

    assert made["components"]["schemas"] == {"Page": {"items": {"type": "object"}}}
    assert notes == ["left 1 parts of answers open"]


def test_an_unknown_operation_is_said() -> None:
    """A vendor may have dropped it."""
    with pytest.raises(SpecError, match="delete /a"):
        sliced(document(), ["delete /a"])


def test_the_source_is_left_as_it_was() -> None:
    """Slicing works on a copy."""
    source = document()

    sliced(source, ["get /a"], answers_depth=0)

    assert source == document()
