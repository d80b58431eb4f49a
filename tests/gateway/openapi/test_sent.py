"""Parameters of a request."""

import json
from urllib.parse import quote

import pytest

from intertie.gateway.openapi.sent import read_cookies
from tests.gateway.openapi.documents import Asker, described, operation, parameter, query

INTEGER = {"type": "integer"}


def test_a_parameter_that_is_required_must_be_there() -> None:
    """Others need not."""
    asker = query({"type": "string"}, required=True)

    assert asker.get("/a", "q=") == []
    assert [each.message for each in asker.get("/a")] == ["is required"]
    assert query({"type": "string"}).get("/a") == []


def test_an_empty_value_may_be_allowed() -> None:
    """Whatever the schema says."""
    assert query(INTEGER, allowEmptyValue=True).get("/a", "q=") == []
    assert query(INTEGER).get("/a", "q=") != []


def test_every_place_is_looked_at() -> None:
    """Path, query, header and cookie, each with its type."""
    asker = Asker(
        described(
            {
                "/a/{id}": {
                    "get": operation(
                        parameter("path", "id", INTEGER),
                        parameter("query", "q", INTEGER),
                        parameter("header", "X-Count", {"type": "array", "items": INTEGER}),
                        parameter("cookie", "c", INTEGER),
                    )
                }
            }
        )
    )

    assert asker.get("/a/1", "q=1", x_count="1,2", cookie="b=x; c=1") == []
    found = asker.get("/a/x", "q=x", x_count="1,x", cookie="c=x; c=1")
    assert [(each.place, each.name) for each in found] == [
        ("path", "id"),
        ("query", "q"),
        ("header", "X-Count"),
        ("cookie", "c"),
    ]
    assert found[2].message.startswith("/1: ")


def test_a_parameter_may_be_a_document() -> None:
    """JSON in a query."""
    schema = {"type": "object", "properties": {"a": INTEGER}}
    content = {"content": {"application/json": {"schema": schema}}}
    given = {"in": "query", "name": "filter", "required": True, **content}
    asker = Asker(described({"/a": {"get": operation(given)}}))

    assert asker.get("/a", "filter=" + quote(json.dumps({"a": 1}))) == []
    assert asker.get("/a", "filter=" + quote(json.dumps({"a": "x"})))[0].message.startswith("/a: ")
    assert "expected JSON" in asker.get("/a", "filter={")[0].message
    assert asker.get("/a")[0].message == "is required"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("q=1", []),
        ("q=1&x=1&y", ["x", "y"]),
        ("d[a]=1&d=1", []),
        ("a=1&key=secret", []),
        ("dd[a]=1", ["dd[a]"]),
    ],
)
def test_what_nobody_knows_may_be_refused(text: str, wrong: list[str]) -> None:
    """Properties of objects and credentials are known."""
    closed = {"type": "object", "properties": {"a": INTEGER}, "additionalProperties": False}
    document = described(
        {
            "/a": {
                "get": operation(
                    parameter("query", "q", INTEGER),
                    parameter("query", "d", {"type": "object"}, style="deepObject"),
                    parameter("query", "e", closed),
                )
            }
        },
        components={"securitySchemes": {"k": {"type": "apiKey", "in": "query", "name": "key"}}},
    )

    assert Asker(document).get("/a", text) == []
    assert [each.name for each in Asker(document, unknown_query="refuse").get("/a", text)] == wrong


def test_the_first_of_two_cookies_wins() -> None:
    """As most servers have it; there is a limit."""
    assert read_cookies("a=1; a=2;b = 3 ;c") == {"a": "1", "b ": " 3"}
    assert len(read_cookies(";".join(f"c{i}=1" for i in range(5_000)))) <= 200
    assert read_cookies("") == {}
