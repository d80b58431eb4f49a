"""Swagger 2.0, in the form of OpenAPI 3."""

from typing import Any

import pytest

from intertie.errors import SuiteError
from intertie.gateway.openapi.model import Operation
from tests.gateway.openapi.documents import FORM, Asker, loaded


def swagger(*parameters: dict[str, Any], **more: object) -> dict[str, Any]:
    """A document with one operation, a POST to `/a`."""
    post = {"parameters": list(parameters), "responses": {"200": {"description": "x"}}, **more}
    return {
        "swagger": "2.0",
        "info": {"title": "t", "version": "1"},
        "basePath": "/v1/",
        "consumes": ["application/json"],
        "paths": {"/a": {"post": post}},
    }


def read(*parameters: dict[str, Any], **more: object) -> Operation:
    """The operation of such a document."""
    [found] = loaded(swagger(*parameters, **more)).operations
    return found


def field(name: str, kind: str = "string", **more: object) -> dict[str, Any]:
    """A field of a form."""
    return {"in": "formData", "name": name, "type": kind, **more}


def test_the_base_path_stands_before_every_path() -> None:
    """Without the slash at its end."""
    assert read().full_path == "/v1/a"


def test_a_body_parameter_is_the_body() -> None:
    """Of what the operation consumes, else the document, else JSON."""
    body = {"in": "body", "name": "b", "required": True, "schema": {"type": "object"}}

    found = read(body).body
    own = read(body, consumes=["application/vnd.a+json", "application/xml"]).body

    assert found is not None
    assert own is not None
    assert (found.required, [each.type for each in found.media]) == (True, ["application/json"])
    assert [each.type for each in own.media] == ["application/vnd.a+json", "application/xml"]


def test_form_fields_are_one_body() -> None:
    """A file makes it multipart."""
    plain, files = read(field("a", required=True)).body, read(field("f", "file")).body

    assert plain is not None
    assert files is not None
    assert plain.required
    assert [each.type for each in plain.media] == [
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    ]
    assert [each.type for each in files.media] == ["multipart/form-data"]


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ([{"in": "cookie", "name": "c", "type": "string"}], "expected a parameter with a name"),
        ([{"in": "body", "name": "b", "schema": {}}, field("a")], "got both"),
        ([field("a", "array", collectionFormat="commas")], "expected collectionFormat csv"),
    ],
)
def test_what_swagger_does_not_know_is_a_fault(parameters: list[Any], said: str) -> None:
    """With the reason."""
    with pytest.raises(SuiteError, match=said):
        read(*parameters)


@pytest.mark.parametrize(
    ("how", "good", "bad"),
    [
        ("csv", b"a=1,2", b"a=1,x"),
        ("ssv", b"a=1+2", b"a=1+x"),
        ("tsv", b"a=1%092", b"a=1%09x"),
        ("pipes", b"a=1|2", b"a=1|x"),
        ("multi", b"a=1&a=2", b"a=1&a=x"),
    ],
)
def test_lists_are_read_by_their_collection_format(how: str, good: bytes, bad: bytes) -> None:
    """Each of the five."""
    items = {"type": "integer"}
    asker = Asker(swagger(field("a", "array", items=items, collectionFormat=how, required=True)))

    assert asker.raw("/v1/a", good, FORM) == []
    assert [each.name for each in asker.raw("/v1/a", bad, FORM)] == ["/a/1"]
    assert asker.raw("/v1/a", b"", FORM) != []


def test_a_parameter_is_its_own_schema() -> None:
    """With everything that it says of its values."""
    query = {"in": "query", "name": "n", "type": "integer", "maximum": 5, "required": True}
    asker = Asker(swagger(query))

    def ask(text: str) -> list[str]:
        found = asker.check.check("POST", "/v1/a", text, headers={}, body=b"")
        return [each.message for each in found]

    assert ask("n=5") == []
    assert ask("n=6") == ["the value is greater than the maximum of 5"]
    assert ask("") == ["is required"]
