"""Turns a slice in Swagger 2 into OpenAPI 3: a mock lets a form without a body pass there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.specs.tree import METHODS, SpecError, objects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.specs.tree import Document

_VALUE = ("default", "enum", "format", "items", "maximum", "minimum", "pattern", "type")
_JSON = "application/json"
_FLOWS = {"accessCode": "authorizationCode", "application": "clientCredentials"}


def converted(document: Document) -> Document:
    """The same in OpenAPI 3. Raises SpecError for what no vendor of ours uses."""
    if "swagger" not in document:
        return document
    paths = {path: dict(_path(item)) for path, item in document["paths"].items()}
    made: Document = {
        "openapi": "3.0.3",
        "info": document["info"],
        "servers": [{"url": f"https://{document['host']}{document.get('basePath', '')}"}],
        "paths": paths,
        "components": {
            "schemas": document.get("definitions", {}),
            "securitySchemes": {
                name: _scheme(scheme)
                for name, scheme in document.get("securityDefinitions", {}).items()
            },
        },
    }
    for item in objects(made):
        if "$ref" in item:
            item["$ref"] = item["$ref"].replace("#/definitions/", "#/components/schemas/")
    return made


def _path(item: Document) -> Iterator[tuple[str, Document]]:
    for method, operation in item.items():
        if method not in METHODS:
            raise SpecError(f"cannot convert {method} beside the methods of a path")
        yield method, _operation(operation)


def _operation(operation: Document) -> Document:
    parameters = operation.get("parameters", [])
    made = {key: value for key, value in operation.items() if key in {"operationId", "security"}}
    made["parameters"] = [_parameter(one) for one in parameters if one["in"] != "formData"]
    made["responses"] = {
        status: _response(answer, operation.get("produces", [_JSON]))
        for status, answer in operation["responses"].items()
    }
    form = [one for one in parameters if one["in"] == "formData"]
    if form:
        body = {"schema": _form(form)}
        types = operation.get("consumes", ["application/x-www-form-urlencoded"])
        made["requestBody"] = {"content": dict.fromkeys(types, body)}
    return made


def _parameter(one: Document) -> Document:
    if one["in"] == "body":
        raise SpecError("cannot convert a body parameter: only forms are known")
    kept = {key: one[key] for key in ("name", "in", "required", "description") if key in one}
    return kept | {"schema": _schema(one)}


def _form(fields: list[Document]) -> Document:
    required = [one["name"] for one in fields if one.get("required")]
    made: Document = {
        "type": "object",
        "properties": {one["name"]: _schema(one) for one in fields},
    }
    return made | ({"required": required} if required else {})


def _schema(one: Document) -> Document:
    return {key: one[key] for key in _VALUE if key in one}


def _response(answer: Document, types: list[str]) -> Document:
    made = {"description": answer.get("description", "")}
    if "schema" not in answer:
        return made
    return made | {"content": {kind: {"schema": answer["schema"]} for kind in types}}


def _scheme(scheme: Document) -> Document:
    if scheme["type"] == "basic":
        return {"type": "http", "scheme": "basic"}
    if scheme["type"] != "oauth2":
        return scheme
    kept = ("authorizationUrl", "tokenUrl", "scopes")
    flow = {key: scheme[key] for key in kept if key in scheme}
    return {"type": "oauth2", "flows": {_FLOWS.get(scheme["flow"], scheme["flow"]): flow}}
