"""Parameters and bodies of OpenAPI 3."""

from typing import Any

import pytest

from intertie.errors import SuiteError
from tests.gateway.openapi.documents import described, loaded, operation, parameter


def test_parameters_of_the_operation_win() -> None:
    """Over those of its path with the same name and place."""
    item: dict[str, Any] = {
        "parameters": [
            parameter("query", "a", {}, description="path"),
            parameter("query", "b", {}, description="path"),
        ],
        "get": operation(
            parameter("query", "a", {}, description="own"), parameter("header", "a", {})
        ),
    }

    [found] = loaded(described({"/x": item})).operations

    assert [(each.where, each.name, each.description) for each in found.parameters] == [
        ("query", "a", "own"),
        ("query", "b", "path"),
        ("header", "a", ""),
    ]


def test_what_is_not_said_has_its_default() -> None:
    """Style by place, `explode` by style."""
    given = [
        parameter("path", "p", {}),
        parameter("query", "q", {}),
        parameter("query", "d", {}, style="deepObject"),
        parameter("query", "s", {}, style="spaceDelimited"),
        parameter("header", "h", {}),
        parameter("cookie", "c", {}),
    ]

    [found] = loaded(described({"/{p}": {"get": operation(*given)}})).operations

    assert [(each.style, each.explode) for each in found.parameters] == [
        ("simple", False),
        ("form", True),
        ("deepObject", True),
        ("spaceDelimited", False),
        ("simple", False),
        ("form", True),
    ]
    assert found.parameters[0].required


def test_headers_that_http_defines_are_no_parameters() -> None:
    """`Accept`, `Content-Type` and `Authorization` are described elsewhere."""
    given = [parameter("header", name, {}) for name in ("Accept", "content-type", "Authorization")]

    assert loaded(described({"/a": {"get": operation(*given)}})).operations[0].parameters == ()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([{"in": "query"}], "expected a parameter with a name"),
        ([{"in": "body", "name": "b"}], "expected a parameter with a name"),
        ([parameter("query", "a", {}, style="simple")], "expected style form or"),
        ([parameter("query", "a", {}), parameter("query", "a", {})], "'a' is here twice"),
        ([parameter("path", "id", {})], "the path has no {id}"),
        ([parameter("query", f"q{i}", {}) for i in range(201)], "at most 200 parameters"),
    ],
)
def test_a_parameter_that_cannot_be_is_a_fault(given: list[Any], said: str) -> None:
    """With the reason."""
    with pytest.raises(SuiteError, match=said):
        loaded(described({"/a": {"get": operation(*given)}}))


def test_a_body_has_its_kinds() -> None:
    """With the styles of a form's fields."""
    content = {
        "Application/JSON": {"schema": {"type": "object"}},
        "application/x-www-form-urlencoded": {
            "schema": {"type": "object"},
            "encoding": {"a": {"style": "spaceDelimited"}, "b": {"explode": False}, "c": {}},
        },
    }
    paths = {"/a": {"post": {"requestBody": {"required": True, "content": content}}}}

    [found] = loaded(described(paths)).operations

    assert found.body is not None
    assert found.body.required
    assert [each.type for each in found.body.media] == list(map(str.lower, content))
    assert found.body.media[1].encoding == {
        "a": ("spaceDelimited", False),
        "b": ("form", False),
    }


def test_a_body_without_content_is_a_fault() -> None:
    """`content` is all that says what it is."""
    with pytest.raises(SuiteError, match="expected `content`"):
        loaded(described({"/a": {"post": {"requestBody": {"required": True}}}}))
