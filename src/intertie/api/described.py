"""What FastAPI cannot say of the routes in `openapi.json`: media types of errors, and the key."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from intertie.api.problem import MEDIA_TYPE, Problem

Json = dict[str, Any]  # Any: an OpenAPI document is looked into at many depths

_SCHEME = "key"
_KEY: list[Json] = [{_SCHEME: []}]
_OPEN = "/api/health"
_PEOPLE = tuple(
    f"/api/{name}" for name in ("users", "groups", "roles", "keys", "tokens", "tenants", "audit")
)
"""Nobody sees these without a key, on this machine either."""
_LOOKS = "/api/cache/why"
"""Asked by POST for what it takes, and changes nothing."""
_SIGNED = "/api/monitoring/heartbeats/"
"""Whoever knows their secret may send them, and needs no key."""
_TYPED = "/terminal"
"""What is typed may be seen there: reading it is no less than writing."""


def install(app: FastAPI) -> None:
    """Let the document of `app` say what a client can rely on."""
    plain = app.openapi

    def openapi() -> Json:
        made = app.openapi_schema is None
        document: Json = plain()
        if made:
            complete(document)
        return document

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's own way to extend it


def complete(document: Json) -> None:
    """Change the document: problem documents by their media type, streams, and who needs a key."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}), Problem=problem)
    document["components"]["securitySchemes"] = {_SCHEME: _scheme()}
    for path, method, operation in _operations(document):
        default = operation["responses"].get("default")
        if default is not None:
            default["content"] = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        for response in operation["responses"].values():
            if stream := response.get("content", {}).get("text/event-stream"):
                stream["schema"] = {"description": "Server-sent events; `data` is JSON."}
        operation["security"] = _security(path, method)


def _security(path: str, method: str) -> list[Json]:
    if path.startswith((_OPEN, _SIGNED)):
        return []
    if path == _LOOKS:
        return [*_KEY, {}]
    needed = method != "get" or path.endswith(_TYPED) or path.startswith(_PEOPLE)
    return _KEY if needed else [*_KEY, {}]


def _operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _scheme() -> Json:
    return {
        "type": "http",
        "scheme": "bearer",
        "description": "The management key, in `.intertie/run/api.token`. On the loopback interface"
        " reads need none.",
    }
