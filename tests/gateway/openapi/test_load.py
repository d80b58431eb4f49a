"""Documents of all versions."""

from pathlib import Path
from typing import Any

import pytest

from intertie.errors import SuiteError
from intertie.gateway.openapi.load import load, parse_document
from intertie.gateway.openapi.model import Dialect
from tests.gateway.openapi.documents import described, loaded, operation, vendor


def faults(value: dict[str, Any]) -> list[str]:
    """What is wrong with a document: pointer and message."""
    with pytest.raises(SuiteError) as caught:
        loaded(value)
    return [f"{fault.key}: {fault.message}" for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("name", "dialect", "operations", "paths", "base"),
    [
        ("spotify.yml", Dialect.V30, 97, 71, "/v1"),
        ("twilio.json", Dialect.V30, 197, 116, ""),
        ("slack.json", Dialect.SWAGGER, 174, 174, "/api"),
        ("apple-music.yaml", Dialect.V30, 22, 22, ""),
    ],
)
def test_documents_of_vendors_are_read(
    name: str, dialect: Dialect, operations: int, paths: int, base: str
) -> None:
    """Large real ones, whole and without faults."""
    found = load(vendor(name))

    assert found.dialect is dialect
    assert (len(found.operations), len(found.paths), found.base_paths) == (
        operations,
        paths,
        (base,),
    )
    assert all(each.open is False for each in found.operations)


def test_every_fault_is_told_with_its_line(tmp_path: Path) -> None:
    """All at once, in the order of the document, with what to do."""
    (tmp_path / "api.yaml").write_text(
        """openapi: 3.0.3
info: {title: t, version: '1'}
paths:
  /a/{b}{c}:
    get: {}
  /b:
    get:
      operationId: x
      parameters:
        - {in: nowhere, name: y}
        - {$ref: 'https://example.com/p.yaml'}
    post:
      operationId: x
"""
    )

    with pytest.raises(SuiteError) as caught:
        load(tmp_path / "api.yaml")

    assert [(fault.line, fault.key) for fault in caught.value.faults] == [
        (4, "#/paths/~1a~1{b}{c}"),
        (11, "#/paths/~1b/get/parameters/1"),
        (10, "#/paths/~1b/get/parameters/0"),
        (12, "#/paths/~1b/post"),
    ]
    assert "save what it names beside the document" in str(caught.value)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({}, "expected `openapi: 3.0.x`"),
        ({"openapi": "4.0.0"}, "expected `openapi: 3.0.x`"),
        ({"swagger": "1.2"}, "expected `openapi: 3.0.x`"),
        ({"openapi": "3.0.3"}, "expected `paths`"),
        ({"openapi": "3.0.3", "paths": {"a": {}}}, "expected a path"),
        ({"openapi": "3.0.3", "paths": {"/{a}": {}, "/{b}": {}}}, "already have a path: /{a}"),
        (
            {"openapi": "3.1.0", "paths": {}, "jsonSchemaDialect": "urn:other"},
            "expected schemas of JSON Schema 2020-12",
        ),
        (
            {"openapi": "3.0.3", "paths": {}, "servers": [{"url": "/a b"}]},
            "expected the path of a server",
        ),
        (described({"/a": {"get": {"x-intertie": 3}}}), "expected a map of keys of a route"),
    ],
)
def test_what_is_no_document_is_refused(value: dict[str, Any], said: str) -> None:
    """With the reason."""
    value = (
        {**value, "paths": {**value.get("paths", {}), "/z": {"get": {}}}}
        if "servers" in value
        else value
    )

    assert any(said in each for each in faults(value)), faults(value)


def test_the_path_of_the_nearest_server_counts() -> None:
    """Of the operation, then the path, then the document; variables have their defaults."""
    server = {"url": "https://{host}/{base}", "variables": {"base": {"default": "v2"}}}
    document = described(
        {
            "/a": {"get": {}, "post": {"servers": [{"url": "/own/"}]}},
            "/b": {"get": {}, "servers": [{"url": "https://example.com"}]},
        },
        servers=[server, {"url": "/other"}],
    )

    found = [(each.method, each.full_path) for each in loaded(document).operations]

    assert found == [("GET", "/v2/a"), ("POST", "/own/a"), ("GET", "/b")]


def test_security_of_an_operation_wins() -> None:
    """`[]` and `{}` are open to everybody; nothing said is not."""
    paths = {
        "/default": {"get": {}},
        "/open": {"get": {"security": []}},
        "/either": {"get": {"security": [{}, {"key": []}]}},
        "/scoped": {"get": {"security": [{"key": ["read"]}]}},
    }

    found = {
        each.path: each for each in loaded(described(paths, security=[{"key": []}])).operations
    }

    assert [found[path].open for path in found] == [False, True, True, False]
    assert found["/scoped"].security == ((("key", ("read",)),),)
    assert loaded(described({"/a": {"get": {}}})).operations[0].open is None


def test_settings_of_the_nearest_level_win() -> None:
    """Keys of a route, of the document, a path and an operation."""
    document = described(
        {"/a": {"x-intertie": {"timeout": "2s"}, "get": {"x-intertie": {"max_body": 5}}}},
    )
    document["x-intertie"] = {"timeout": "1s", "websocket": True}

    settings = loaded(document).operations[0].settings

    assert settings is not None
    assert {name: spot.value for name, spot in settings.items()} == {
        "timeout": "2s",
        "websocket": True,
        "max_body": 5,
    }


def test_a_document_in_files_is_one(tmp_path: Path) -> None:
    """Path items, parameters and schemas beside it."""
    (tmp_path / "api.yaml").write_text(
        "openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths: {/a: {$ref: 'paths.yaml#/a'}}\n"
    )
    (tmp_path / "paths.yaml").write_text(
        "a: {get: {parameters: [{$ref: 'p.json#/q'}], responses: {}}}"
    )
    (tmp_path / "p.json").write_text('{"q": {"in": "query", "name": "q", "schema": {}}}')

    [found] = load(tmp_path / "api.yaml").operations

    assert [each.name for each in found.parameters] == ["q"]


def test_what_a_service_sent_is_read_too() -> None:
    """It refers to nothing but itself."""
    content = b'{"openapi": "3.1.0", "info": {"title": "t", "version": "2"}, "paths": {}}'

    found = parse_document(content, "openapi.json")

    assert (found.title, found.version, found.operations) == ("t", "2", ())


def test_too_many_operations_are_refused() -> None:
    """One fault, not thousands."""
    paths = {f"/p{i}": {"get": operation()} for i in range(5_001)}

    assert faults(described(paths)) == [
        "#/paths/~1p5000/get: expected at most 5,000 operations, got more"
    ]
