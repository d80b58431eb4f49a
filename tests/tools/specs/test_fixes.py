"""What single vendors' descriptions get wrong is put right."""

from typing import Any

from tools.specs import fixes
from tools.specs.tree import Document

JSON, FORM = "application/json", "application/x-www-form-urlencoded"


def posted(content: Document) -> Document:
    """A document with one body."""
    return {"paths": {"/a": {"post": {"requestBody": {"content": content}}}}}


def body(document: Document, content_type: str) -> Any:
    """The fields of that body."""
    content = document["paths"]["/a"]["post"]["requestBody"]["content"]
    return content[content_type]["schema"]["properties"]


def test_slack_wants_no_token_parameter() -> None:
    """The other parameters stay."""
    document: Document = {
        "paths": {"/a": {"get": {"parameters": [{"name": "token"}, {"name": "user"}]}}}
    }

    fixes.slack_token(document)

    assert document["paths"]["/a"]["get"]["parameters"] == [{"name": "user"}]


def test_slack_alternatives_are_no_lists() -> None:
    """The first that is something is kept."""
    document: Document = {
        "components": {
            "schemas": {
                "A": {"items": [{"type": "null"}, {"type": "string"}]},
                "B": {"type": "array", "items": {"type": "string"}},
            }
        }
    }

    fixes.slack_alternatives(document)

    assert document["components"]["schemas"]["A"] == {"type": "string"}
    assert document["components"]["schemas"]["B"]["type"] == "array"


def test_slack_blocks_are_lists_in_json_only() -> None:
    """Both types shared one schema before."""
    shared = {"schema": {"properties": {"blocks": {"type": "string"}}}}
    document = posted({JSON: shared, FORM: shared})

    fixes.slack_blocks(document)

    assert body(document, JSON)["blocks"]["type"] == "array"
    assert body(document, FORM)["blocks"] == {"type": "string"}


def test_apple_joins_lists() -> None:
    """Only those in the query."""
    listed = {"in": "query", "schema": {"type": "array"}}
    document: Document = {"components": {"parameters": {"a": listed, "b": {"in": "path"}}}}

    fixes.apple_lists(document)

    assert document["components"]["parameters"] == {
        "a": listed | {"explode": False},
        "b": {"in": "path"},
    }


def test_twilio_lists_are_their_last_value() -> None:
    """In forms, where the mock sees no more."""
    field = {"type": "array", "items": {"type": "string"}}
    document = posted({FORM: {"schema": {"properties": {"MediaUrl": field, "To": {}}}}})

    fixes.twilio_lists(document)

    assert body(document, FORM) == {"MediaUrl": {"type": "string"}, "To": {}}
