"""Routes and request checks of the documents that a suite names."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from pydantic import ValidationError

from intertie.errors import Fault, SuiteError
from intertie.gateway.openapi.check import RequestCheck
from intertie.gateway.openapi.load import SETTINGS, load
from intertie.gateway.openapi.model import Document, Operation
from intertie.gateway.openapi.source import Json
from intertie.gateway.openapi.template import Template
from intertie.suite.nearest import did_you_mean
from intertie.suite.openapi import OpenApiImport
from intertie.suite.route import Route
from intertie.suite.values import Method

_NOT_SETTINGS = frozenset(("path", "service", "methods", "exact", "strip", "strip_prefix"))


@dataclass(frozen=True, slots=True)
class Imported:
    """A document as a suite uses it."""

    wanted: OpenApiImport
    document: Document
    routes: tuple[Route, ...]
    check: RequestCheck | None
    """None: requests are not checked."""


def import_document(wanted: OpenApiImport, folder: Path) -> Imported:
    """Reads the document; paths are from `folder`. Raises SuiteError with all its faults."""
    found = load(folder / wanted.file)
    if wanted.base_path is not None:
        base = wanted.base_path.rstrip("/")
        operations = tuple(replace(each, base_path=base) for each in found.operations)
        found = replace(found, operations=operations)
    routes = tuple(_routes(found, wanted))
    # Compiled even when it is not used: a schema that cannot be checked with is a fault.
    check = RequestCheck.compile(
        found,
        unknown_query=wanted.unknown_query,
        max_body=wanted.max_checked_body,
        prefix=wanted.prefix,
    )
    return Imported(wanted, found, routes, check if wanted.validate_requests else None)


def import_all(wanted: Sequence[OpenApiImport], folder: Path) -> tuple[Imported, ...]:
    """Every document of a suite. Raises SuiteError with the faults of all of them."""
    found: list[Imported] = []
    faults: list[Fault] = []
    for each in wanted:
        try:
            found.append(import_document(each, folder))
        except SuiteError as exc:
            faults += exc.faults
    if faults:
        raise SuiteError(faults)
    return tuple(found)


def _routes(document: Document, wanted: OpenApiImport) -> Iterator[Route]:
    """One for all methods of a path that are alike. The document's own order is kept."""
    groups: dict[tuple[str, str], tuple[Json, list[Operation]]] = {}
    taken: dict[tuple[str, str], tuple[str, str]] = {}
    for operation in document.operations:
        path = route_path(wanted.prefix.rstrip("/") + operation.full_path)
        settings = _settings(operation, wanted)
        key = (_shape(path), repr(sorted(settings.items(), key=lambda item: item[0])))
        _, listed = groups.setdefault(key, ({**settings, "path": path}, []))
        listed.append(operation)
        if taken.setdefault((key[0], operation.method), key) != key:
            why = "another path of the same requests has other settings"
            document.refs.tell(operation.spot, f"{why}; at the gateway both are {path}")
    for settings, operations in groups.values():
        route = _route(settings, operations, document, wanted)
        if route is not None:
            yield route
    if document.refs.faults:
        raise SuiteError(document.refs.faults)


def _shape(path: str) -> str:
    return re.sub(r"\{[^/]*\}", "{}", path)


def _settings(operation: Operation, wanted: OpenApiImport) -> Json:
    said = {name: spot.value for name, spot in (operation.settings or {}).items()}
    if wanted.auth_required is not None:
        return {**said, "auth_required": wanted.auth_required}
    return {"auth_required": operation.open is not True, **said}


def _route(
    settings: Json, operations: Sequence[Operation], document: Document, wanted: OpenApiImport
) -> Route | None:
    methods = cast("list[Method]", list(dict.fromkeys(each.method for each in operations)))
    given: Json = {**settings, "service": wanted.service, "methods": methods, "exact": True}
    if wanted.prefix != "/":
        given["strip_prefix"] = wanted.prefix.rstrip("/")
    first = operations[0]
    wrong = [name for name in first.settings or {} if name in _NOT_SETTINGS]
    for name in wrong:
        spot = (first.settings or {})[name]
        document.refs.tell(spot, f"{name} follows from the document", "leave it out")
    try:
        return None if wrong else Route.model_validate(given)
    except ValidationError as exc:
        _tell(exc, first, document)
    return None


def _tell(exc: ValidationError, operation: Operation, document: Document) -> None:
    for error in exc.errors():
        keys = [str(key) for key in (*error["loc"], error.get("ctx", {}).get("key", ""))]
        spot = (operation.settings or {}).get(keys[0], operation.spot)
        message = error["msg"].removeprefix("Value error, ")
        if error["type"] == "extra_forbidden":
            known = set(Route.model_fields) - _NOT_SETTINGS
            message = f"{SETTINGS} has no key {keys[0]!r}"
            document.refs.tell(spot, message, did_you_mean(keys[0], known))
        else:
            document.refs.tell(spot, f"{'.'.join(filter(None, keys))}: {message}")


def route_path(path: str) -> str:
    """The narrowest path of a route that takes these requests.

    A route's names stand for whole segments, and are small letters: `/a/{Sid}.json` becomes
    `/a/{sid}`. What differs within a segment is told apart by the request check.
    """
    template = Template.of(path)
    if template is None:
        raise ValueError(f"expected a path, got {path}")
    made: list[str] = []
    used: set[str] = set()
    for segment in template.segments:
        if not segment.names:
            made.append(segment.literals[0])
            continue
        name = _name("_".join(segment.names))
        while name in used:
            name += "_"
        used.add(name)
        made.append(f"{{{name}}}")
    return "/" + "/".join(made)


def _name(text: str) -> str:
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text).lower()
    name = re.sub(r"[^a-z0-9_]", "_", snake)
    return name if name[:1].isalpha() else f"p_{name}"
