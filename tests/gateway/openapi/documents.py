"""Documents for tests: small ones made here, and real ones of vendors where they are at hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from intertie.gateway.openapi.check import RequestCheck, Unknown
from intertie.gateway.openapi.load import document
from intertie.gateway.openapi.model import Document
from intertie.gateway.openapi.problem import Violation
from intertie.gateway.openapi.source import Source

Loose = dict[str, Any]  # Any: a document is looked into at many depths

SPECS = Path(__file__).resolve().parents[4] / "shared" / "specs"
JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


def vendor(name: str) -> Path:
    """A vendor's real document; the test is skipped where it is not at hand."""
    path = SPECS / name
    if not path.exists():
        pytest.skip(f"needs {name}, a vendor's document that is not part of the project")
    return path


def described(paths: Loose, *, version: str = "3.0.3", **more: Any) -> Loose:
    """A whole document; each operation without `responses` gets one."""
    for item in paths.values():
        for method, operation in item.items():
            if method in {"get", "put", "post", "delete", "patch", "head", "options"}:
                operation.setdefault("responses", {"200": {"description": "Done."}})
    return {"openapi": version, "info": {"title": "t", "version": "1"}, "paths": paths, **more}


def loaded(value: Loose, folder: Path | None = None) -> Document:
    """The same as read from a file."""
    return document(Source((folder or Path("/nowhere")) / "api.json", value), folder=folder)


def operation(*parameters: Loose, body: Loose | None = None, **more: object) -> Loose:
    """One operation; `body` is the schema of its JSON body."""
    made: Loose = {"parameters": list(parameters), **more}
    if body is not None:
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return made


def parameter(where: str, name: str, schema: Loose, **more: object) -> Loose:
    """One parameter."""
    needed = {"required": True} if where == "path" else {}
    return {"in": where, "name": name, "schema": schema, **needed, **more}


class Asker:
    """Sends requests to the check of one document."""

    def __init__(self, value: Loose, *, unknown_query: Unknown = "ignore") -> None:
        self.check = RequestCheck.compile(loaded(value), unknown_query=unknown_query)

    def get(self, path: str, query: str = "", **headers: str) -> list[Violation]:
        """What is wrong with a GET; underscores in header names are dashes."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.check.check("GET", path, query, headers=sent, body=b"")

    def post(self, path: str, value: object) -> list[Violation]:
        """What is wrong with a JSON body."""
        return self.raw(path, json.dumps(value).encode(), JSON)

    def raw(self, path: str, body: bytes, headers: dict[str, str]) -> list[Violation]:
        """What is wrong with a POST."""
        return self.check.check("POST", path, "", headers=headers, body=body)


def one(schema: Loose, *, version: str = "3.0.3", **more: Any) -> Asker:
    """A document whose only operation takes this JSON body at `/a`."""
    paths = {"/a": {"post": operation(body=schema)}}
    return Asker(described(paths, version=version, **more))


def query(schema: Loose, **more: object) -> Asker:
    """A document whose only operation has a query parameter `q` at `/a`."""
    return Asker(described({"/a": {"get": operation(parameter("query", "q", schema, **more))}}))
