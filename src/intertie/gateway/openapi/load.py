"""An OpenAPI document from its file: 3.0, 3.1 and Swagger 2.0. All its faults are told at once."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from intertie.errors import SuiteError
from intertie.gateway.openapi import swagger
from intertie.gateway.openapi.model import (
    METHODS,
    Body,
    Dialect,
    Document,
    Operation,
    Parameter,
    Requirement,
)
from intertie.gateway.openapi.parameters import Parameters, read_body
from intertie.gateway.openapi.refs import Refs
from intertie.gateway.openapi.source import Source, Spot, parse_source, read_source
from intertie.gateway.openapi.template import Template

MAX_OPERATIONS = 5_000
SETTINGS = "x-intertie"
"""Keys of a route, at an operation, a path or the whole document."""

_DIALECTS = {"3.0": Dialect.V30, "3.1": Dialect.V31}
_BASE_DIALECTS = (
    "https://spec.openapis.org/oas/3.1/dialect/base",
    "https://json-schema.org/draft/2020-12/schema",
)
_VERSION = re.compile(r"(3\.[01])\.[0-9]+(-.*)?")


def load(file: Path) -> Document:
    """The document in a file; `$ref` may lead to files in its folder. Raises SuiteError."""
    return document(read_source(file), folder=file.parent)


def parse_document(content: bytes, name: str) -> Document:
    """The same of a document that a service gave; `$ref` may lead nowhere else."""
    return document(parse_source(content, Path(name)), folder=None)


def document(source: Source, *, folder: Path | None) -> Document:
    """The document of a source that was read. Raises SuiteError with every fault."""
    refs = Refs(source, folder)
    top = Spot(source, (), source.value)
    dialect = _dialect(top)
    if dialect is None:
        why = 'expected `openapi: 3.0.x`, `openapi: 3.1.x` or `swagger: "2.0"`'
        raise SuiteError([top.fault(why, "convert the document to one of these versions")])
    info = top.get("info")
    made = Document(
        file=source.file,
        dialect=dialect,
        title=info.text("title") if info else "",
        version=info.text("version") if info else "",
        operations=tuple(_Operations(top, dialect, refs).read()),
        schemes=_schemes(top, dialect, refs),
        refs=refs,
    )
    _check_dialect(top, refs)
    if refs.faults:
        raise SuiteError(refs.faults)
    return made


def _dialect(top: Spot) -> Dialect | None:
    if top.text("swagger") == "2.0" or top.table.get("swagger") == 2.0:  # noqa: PLR2004
        return Dialect.SWAGGER
    found = _VERSION.fullmatch(top.text("openapi"))
    return _DIALECTS[found[1]] if found else None


def _check_dialect(top: Spot, refs: Refs) -> None:
    spot = top.get("jsonSchemaDialect")
    if spot is not None and spot.value not in _BASE_DIALECTS:
        refs.tell(spot, "expected schemas of JSON Schema 2020-12", "leave `jsonSchemaDialect` out")


def _base_path(top: Spot, dialect: Dialect, refs: Refs) -> str:
    if dialect is Dialect.SWAGGER:
        return _plain(top.text("basePath"), top, refs)
    servers = top.get("servers")
    spot = next(servers.items(), None) if servers else None
    return _plain(_server_path(spot), spot, refs) if spot else ""


def _plain(path: str, spot: Spot, refs: Refs) -> str:
    path = path.rstrip("/")
    if path and Template.of(path) is None:
        refs.tell(spot, f"expected the path of a server to be a plain path, got {path[:200]}")
        return ""
    return path


def _server_path(spot: Spot) -> str:
    url = spot.text("url")
    variables = spot.get("variables")
    for name, each in variables.entries() if variables else ():
        url = url.replace(f"{{{name}}}", each.text("default"))
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


def _schemes(top: Spot, dialect: Dialect, refs: Refs) -> dict[str, Spot]:
    where = (
        ("securityDefinitions",)
        if dialect is Dialect.SWAGGER
        else ("components", "securitySchemes")
    )
    found = top.get(*where)
    read = ((name, refs.follow(spot)) for name, spot in (found.entries() if found else ()))
    return {name: spot for name, spot in read if spot is not None}


class _Operations:
    """One pass over `paths`."""

    def __init__(self, top: Spot, dialect: Dialect, refs: Refs) -> None:
        self._top = top
        self._dialect = dialect
        self._refs = refs
        self._base_path = _base_path(top, dialect, refs)
        self._parameters = Parameters(dialect, refs)
        self._ids: dict[str, Spot] = {}
        self._count = 0

    def read(self) -> Iterator[Operation]:
        paths = self._top.get("paths")
        if paths is None or not isinstance(paths.value, dict):
            if self._dialect is not Dialect.V31:
                self._refs.tell(self._top, "expected `paths`: a map of paths")
            return
        shapes: dict[str, str] = {}
        for path, spot in paths.entries():
            template = Template.of(path)
            if template is None:
                why = "expected a path such as /users/{id}, with text between two braces"
                self._refs.tell(spot, why)
                continue
            if (first := shapes.setdefault(template.shape, path)) != path:
                self._refs.tell(spot, f"the same requests already have a path: {first[:200]}")
                continue
            yield from self._path(path, spot)

    def _path(self, path: str, spot: Spot) -> Iterator[Operation]:
        item = self._refs.follow(spot)
        if item is None:
            return
        for key, each in item.entries():
            if key.upper() not in METHODS or not key.islower():
                continue
            self._count += 1
            if self._count == MAX_OPERATIONS + 1:
                self._refs.tell(each, f"expected at most {MAX_OPERATIONS:,} operations, got more")
            if self._count <= MAX_OPERATIONS and isinstance(each.value, dict):
                yield self._operation(path, key.upper(), item, each)

    def _operation(self, path: str, method: str, item: Spot, spot: Spot) -> Operation:
        self._check_id(spot)
        parameters, body = self._request(item, spot)
        self._parameters.check_path(path, parameters, spot)
        tags = spot.get("tags")
        return Operation(
            path=path,
            base_path=self._base(item, spot),
            method=method,
            spot=spot,
            parameters=parameters,
            body=body,
            security=self._security(spot),
            operation_id=spot.text("operationId"),
            summary=spot.text("summary") or item.text("summary"),
            description=spot.text("description") or item.text("description"),
            tags=tuple(str(tag.value) for tag in tags.items()) if tags else (),
            deprecated=spot.flag("deprecated"),
            settings=self._settings(item, spot),
        )

    def _request(self, item: Spot, spot: Spot) -> tuple[tuple[Parameter, ...], Body | None]:
        given = self._parameters.given(item, spot)
        if self._dialect is Dialect.SWAGGER:
            return swagger.request(given, spot, self._top, self._refs)
        return self._parameters.of(given), read_body(spot, self._refs)

    def _base(self, item: Spot, spot: Spot) -> str:
        """Of the nearest servers around the operation."""
        if self._dialect is Dialect.SWAGGER:
            return self._base_path
        own = next((each for each in (spot, item) if each.get("servers")), None)
        return _base_path(own, self._dialect, self._refs) if own else self._base_path

    def _check_id(self, spot: Spot) -> None:
        name = spot.text("operationId")
        if name and (first := self._ids.setdefault(name, spot)) is not spot:
            where = first.fault("").key
            self._refs.tell(spot, f"operationId {name[:80]!r} is already that of {where}")

    def _security(self, spot: Spot) -> tuple[Requirement, ...] | None:
        found = spot.get("security") or self._top.get("security")
        if found is None:
            return None
        return tuple(self._requirement(each) for each in found.items())

    def _requirement(self, spot: Spot) -> Requirement:
        return tuple(
            (name, tuple(str(scope.value) for scope in scopes.items()))
            for name, scopes in spot.entries()
        )

    def _settings(self, item: Spot, spot: Spot) -> dict[str, Spot]:
        found: dict[str, Spot] = {}
        for level in (self._top, item, spot):
            settings = level.get(SETTINGS)
            if settings is not None and not isinstance(settings.value, dict):
                self._refs.tell(settings, "expected a map of keys of a route such as `timeout`")
            elif settings is not None:
                found |= dict(settings.entries())
        return found
