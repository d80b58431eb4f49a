"""Swagger 2 says the same in OpenAPI 3."""

from typing import Any

import pytest
from openapi_spec_validator import validate

from tools.specs.swagger import converted
from tools.specs.tree import Document, SpecError


def document(*parameters: Document) -> Document:
    """A slice with one operation."""
    operation = {
        "consumes": ["application/x-www-form-urlencoded", "application/json"],
        "parameters": list(parameters),
        "responses": {"200": {"description": "d", "schema": {"$ref": "#/definitions/A"}}},
        "security": [{"login": []}],
    }
    return {
        "swagger": "2.0",
        "info": {"title": "t", "version": "1"},
        "host": "a.test",
        "basePath": "/api",
        "paths": {"/a": {"post": operation}},
        "definitions": {"A": {"type": "object"}},
        "securityDefinitions": {"login": {"type": "basic"}},
    }


def test_a_form_becomes_a_body_of_each_type() -> None:
    """With the fields that must be there."""
    form: list[Document] = [
        {"in": "formData", "name": "a", "type": "string", "required": True},
        {"in": "formData", "name": "b", "type": "integer"},
    ]

    made = converted(document(*form, {"in": "query", "name": "q", "type": "string"}))

    validate(made)
    operation: dict[str, Any] = made["paths"]["/a"]["post"]
    content = operation["requestBody"]["content"]
    assert set(content) == {"application/x-www-form-urlencoded", "application/json"}
    assert content["application/json"]["schema"] == {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "integer"}},
        "required": ["a"],
    }
    assert operation["parameters"] == [{"in": "query", "name": "q", "schema": {"type": "string"}}]


def test_answers_addresses_and_logins_are_kept() -> None:
    """References lead to their new place."""
    made = converted(document())

    validate(made)
    answer = made["paths"]["/a"]["post"]["responses"]["200"]
    assert answer["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/A"}
    assert made["servers"] == [{"url": "https://a.test/api"}]
    assert made["components"]["securitySchemes"] == {"login": {"type": "http", "scheme": "basic"}}


def test_oauth_keeps_its_flow() -> None:
    """Under its new name."""
    source = document()
    flow = {"authorizationUrl": "https://a.test/a", "tokenUrl": "https://a.test/t", "scopes": {}}
    source["securityDefinitions"] = {"login": {"type": "oauth2", "flow": "accessCode"} | flow}

    made = converted(source)

    validate(made)
    assert made["components"]["securitySchemes"]["login"]["flows"] == {"authorizationCode": flow}


def test_what_is_not_known_is_said() -> None:
    """Rather than dropped."""
    with pytest.raises(SpecError, match="body"):
        converted(document({"in": "body", "name": "b", "schema": {}}))


def test_openapi_3_is_left_alone() -> None:
    """It is what is wanted."""
    source = {"openapi": "3.0.3"}

    assert converted(source) is source
