"""OpenAPI documents of a suite: its imported routes, and the gateway as a document of its own."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from io import StringIO
from pathlib import Path, PurePosixPath
from shutil import rmtree

import httpx
from anyio import create_task_group, to_thread
from pydantic import ValidationError
from ruamel.yaml import YAML

from intertie.control.routes import routes_of
from intertie.errors import Fault, IntertieError, SuiteError
from intertie.gateway.openapi.endpoints import EndpointReport, check_endpoints
from intertie.gateway.openapi.export import About, Described
from intertie.gateway.openapi.export import export as written
from intertie.gateway.openapi.load import parse_document
from intertie.gateway.openapi.probe import DESCRIPTION
from intertie.gateway.openapi.routes import Imported, import_all, import_document
from intertie.gateway.openapi.source import MAX_BYTES, Json
from intertie.gateway.routes import LOGIN, Rule
from intertie.suite.load import Loaded
from intertie.suite.model import Suite
from intertie.suite.openapi import ImportedRoute, OpenApiImport, Origin, imported_route
from intertie.suite.route import Route
from intertie.suite.rules import wants
from intertie.suite.tree import Keys, Place

COPIES = "openapi"
"""Folder of what requests are held against, beside the authorizer's settings."""
_READ_S = 5.0
_OK = 200


@dataclass(frozen=True, slots=True)
class Imports:
    """A suite with the routes of its documents."""

    suite: Suite
    documents: tuple[Imported, ...] = ()
    copies: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    """What the authorizer reads: files below its folder. A name stands for one content for ever."""


def import_documents(suite: Suite, loaded: Loaded) -> Imports:
    """Read what `gateway.openapi` names. Raises SuiteError with every fault.

    `suite` is what became of the loaded one; its imported routes are made anew.
    """
    gateway = suite.gateway
    if gateway is None or not gateway.openapi:
        return Imports(suite)

    documents = import_all(gateway.openapi, loaded.folder)
    copies: dict[str, bytes] = {}
    routes: list[ImportedRoute] = []
    for index, each in enumerate(documents):
        origin, files = _origin(index, each)
        copies |= files
        routes += [imported_route(route, origin) for route in each.routes]
    faults = list(_faults(suite, gateway.written, routes, loaded))
    if faults:
        raise SuiteError(faults)
    gateway = gateway.model_copy(update={"routes": (*gateway.written, *routes)})
    return Imports(suite.model_copy(update={"gateway": gateway}), documents, copies)


def with_documents(loaded: Loaded) -> Loaded:
    """The loaded suite with the routes of its documents. Raises SuiteError."""
    return replace(loaded, suite=import_documents(loaded.suite, loaded).suite)


def keep(copies: Mapping[str, bytes], folder: Path) -> None:
    """Write what the authorizer reads into its folder; what is there already is the same."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in copies.items():
        file = folder / name
        if file.exists():
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f"{file.name}.part")
        part.write_bytes(content)
        part.replace(file)


def forget_others(suite: Suite, folder: Path) -> None:
    """Take away what the authorizer's folder has of documents that this suite has no more."""
    routes = suite.gateway.routes if suite.gateway else ()
    used = {each.origin.document for each in routes if isinstance(each, ImportedRoute)}
    kept = folder / COPIES
    for each in kept.iterdir() if kept.is_dir() else ():
        if each.name not in used:
            rmtree(each, ignore_errors=True)


def _origin(index: int, imported: Imported) -> tuple[Origin, dict[str, bytes]]:
    """Where routes come from, and the files that their requests are held against."""
    if imported.check is None:
        return Origin(index), {}
    wanted = imported.wanted
    files = dict(_files(imported))
    told = json.dumps(
        [wanted.model_dump(mode="json"), {name: text.decode() for name, text in files.items()}]
    )
    name = sha256(told.encode()).hexdigest()[:24]
    folder = PurePosixPath(COPIES, name)
    held = wanted.model_copy(update={"file": str(folder / Path(wanted.file).name)})
    origin = Origin(index, name, held, _headers(imported))
    return origin, {str(folder / file): text for file, text in files.items()}


def _files(imported: Imported) -> Iterator[tuple[str, bytes]]:
    """Each file of a document as JSON, by its way from the document's folder."""
    root = imported.document.file
    for source in imported.document.refs.sources:
        is_root = source.file == root
        way = root.name if is_root else source.file.relative_to(root.parent.resolve()).as_posix()
        try:
            yield way, json.dumps(source.value, allow_nan=False, sort_keys=True).encode()
        except ValueError as exc:
            why = "expected values that JSON has too, got an infinite number or none at all"
            raise SuiteError([source.fault((), why)]) from exc


def _headers(imported: Imported) -> tuple[str, ...]:
    operations = imported.document.operations
    found = {p.name.lower() for each in operations for p in each.parameters if p.where == "header"}
    return tuple(sorted(found))


def _faults(
    suite: Suite, written: Sequence[Route], routes: Sequence[ImportedRoute], loaded: Loaded
) -> Iterator[Fault]:
    """What documents ask for that the suite cannot give."""
    taken: dict[tuple[str, str], Place] = {}
    for index, each in enumerate(written):
        place = loaded.places["gateway", "routes", index]
        taken |= {want: taken.get(want, place) for want in wants(each)}
    for route in routes:
        keys: Keys = ("gateway", "openapi", route.origin.index)
        place = loaded.places[keys]
        clash = next((taken[want] for want in wants(route) if want in taken), None)
        if clash is not None:
            why = f"requests for {route.path} have a route already ({clash})"
            yield place.fault(keys, why, "leave that route out, or give the document a `prefix`")
        taken |= {want: taken.get(want, place) for want in wants(route)}
        for why in _misfits(route, suite):
            yield place.fault(keys, f"its route {route.path}: {why}")


def _misfits(route: ImportedRoute, suite: Suite) -> Iterator[str]:
    known = {*suite.services, *(suite.gateway.external if suite.gateway else ())}
    for name in route.services:
        if name not in known:
            yield f"no service is called {name!r}"
    if route.grpc_json is not None:
        yield "`grpc_json` is for routes of the suite file only"
    if route.websocket and route.origin.document:
        yield "what is said in a WebSocket is not checked: say `validate_requests: false`"


@dataclass(frozen=True, slots=True)
class Exported:
    """The gateway as a document, and whose own documents could not be read, with the reason."""

    document: Json
    silent: Mapping[str, str]


async def export(imports: Imports, server: str, addresses: Mapping[str, str]) -> Exported:
    """The whole gateway as one OpenAPI 3.1 document.

    `addresses` has where services run, to ask them for their own `/openapi.json`; `server` is where
    the gateway is. Raises IntertieError for a suite without a gateway.
    """
    suite = imports.suite
    known = [
        Described(each.wanted.service, each.document, checked=each.check is not None)
        for each in imports.documents
    ]
    imported = {each.service for each in known}
    others = {k: v for k, v in addresses.items() if k not in imported}
    own, silent = await _described(others)
    document = written(
        About(suite.suite, "1", server, session_cookie=_cookie(suite)),
        _rules(suite),
        known + own,
    )
    return Exported(document, silent)


def _cookie(suite: Suite) -> str:
    secure = suite.identity is None or suite.identity.sso_configuration.cookie_secure
    return "__Host-intertie" if secure else "intertie"


async def _described(
    addresses: Mapping[str, str],
) -> tuple[list[Described], dict[str, str]]:
    """What running services say of themselves."""
    found: dict[str, Described] = {}
    silent: dict[str, str] = {}

    async def read(name: str, address: str) -> None:
        try:
            content = await _read(client, address)
            document = await to_thread.run_sync(parse_document, content, f"{name}/openapi.json")
        except (httpx.HTTPError, httpx.InvalidURL, IntertieError) as exc:
            silent[name] = str(exc).splitlines()[0] if str(exc) else type(exc).__name__
        else:
            found[name] = Described(name, document)

    async with (
        httpx.AsyncClient(timeout=_READ_S, follow_redirects=False, trust_env=False) as client,
        create_task_group() as group,
    ):
        for name, address in addresses.items():
            group.start_soon(read, name, address)
    return [found[name] for name in sorted(found)], silent


async def _read(client: httpx.AsyncClient, address: str) -> bytes:

    content = b""
    async with client.stream("GET", address + DESCRIPTION) as answer:
        if answer.status_code != _OK:
            raise IntertieError(f"it answers {answer.status_code} to GET {DESCRIPTION}")
        async for chunk in answer.aiter_bytes():
            content += chunk
            if len(content) > MAX_BYTES:
                raise IntertieError(f"its document is larger than {MAX_BYTES >> 20} MiB")
    return content


async def check_services(suite: Suite, addresses: Mapping[str, str]) -> EndpointReport:
    """Whether running services have what routes lead to. Raises IntertieError without a gateway."""
    return await check_endpoints(_rules(suite), addresses)


def routes_as_yaml(file: Path, service: str, prefix: str) -> str:
    """The routes that a document stands for, as a suite file has them. Raises IntertieError."""
    try:
        wanted = OpenApiImport(file=file.name, service=service, prefix=prefix)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise IntertieError(f"cannot import {file}: {place}: {first['msg']}") from None
    found = import_document(wanted, file.parent)
    routes = [route.model_dump(mode="json", exclude_unset=True) for route in found.routes]
    text = StringIO()
    YAML().dump({"gateway": {"routes": routes}}, text)
    return text.getvalue()


def _rules(suite: Suite) -> Sequence[Rule]:
    """All but those of the login pages, which are for people."""
    return [rule for rule in routes_of(suite).rules if rule.route.service != LOGIN]
