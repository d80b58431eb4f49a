"""Documents of a suite: imported, kept for the authorizer, and exported."""

import json
from pathlib import Path

import pytest

from intertie.control.openapi import (
    Imports,
    export,
    forget_others,
    import_documents,
    keep,
    routes_as_yaml,
    with_documents,
)
from intertie.control.routes import explain_request, list_routes
from intertie.errors import IntertieError, SuiteError
from intertie.gateway.openapi.routes import import_document
from intertie.gateway.routes import Surroundings, build
from intertie.gateway.rules import authorizer_rules, is_asked
from intertie.suite import load
from intertie.suite.load import Loaded
from intertie.suite.openapi import ImportedRoute
from tests.gateway.authz.documents import DOCUMENT

SUITE = """\
suite: shop
services:
  shop: {{command: "true", port: auto}}
gateway:
  openapi:
    - {{file: api.yaml, service: shop, prefix: /shop{more}}}
{routes}
"""
ENDLESS = """{"openapi": "3.1.0", "info": {"title": "a", "version": "1"}, "x-odd": 1e999,
"paths": {"/a": {"get": {"responses": {"200": {"description": "Some."}}}}}}"""


def _loaded(folder: Path, more: str = "", routes: str = "", document: str = DOCUMENT) -> Loaded:
    (folder / "api.yaml").write_text(document)
    (folder / "suite.yaml").write_text(SUITE.format(more=more, routes=routes))
    return load(folder / "suite.yaml", env={})


def _imports(folder: Path, more: str = "", document: str = DOCUMENT) -> Imports:
    loaded = _loaded(folder, more, document=document)
    return import_documents(loaded.suite, loaded)


def _origins(imports: Imports) -> list[str]:
    assert imports.suite.gateway is not None
    routes = imports.suite.gateway.routes
    return [each.origin.document for each in routes if isinstance(each, ImportedRoute)]


def test_a_suite_without_documents_stays_as_it_is(tmp_path: Path) -> None:
    """Nothing is read."""
    (tmp_path / "suite.yaml").write_text('suite: x\nservices: {web: {command: "true"}}\n')
    loaded = load(tmp_path / "suite.yaml", env={})

    assert with_documents(loaded).suite == loaded.suite


def test_operations_are_routes_beside_those_of_the_file(tmp_path: Path) -> None:
    """Each with the line of its document's entry in the suite file."""
    own = "  routes: [{path: /, service: shop}]"
    loaded = with_documents(_loaded(tmp_path, routes=own))

    lines = {each.path: each for each in list_routes(loaded)}

    assert lines["/shop/items"].methods == ("GET", "HEAD", "POST")
    assert lines["/shop/items"].place.endswith("suite.yaml:6:7")
    assert lines["/"].place.endswith("suite.yaml:7:12")
    found = explain_request(loaded, "DELETE", "/shop/items", {})
    assert (found.status, found.route) == (405, "/shop/items")


def test_imported_routes_are_made_anew_each_time(tmp_path: Path) -> None:
    """Nothing is doubled when a suite that has them is imported again."""
    loaded = _loaded(tmp_path)
    once = import_documents(loaded.suite, loaded)

    assert import_documents(once.suite, loaded).suite == once.suite


def test_a_changed_document_has_another_name(tmp_path: Path) -> None:
    """And so have other options: what is in use is never written over."""
    first = _imports(tmp_path)
    same = _imports(tmp_path)
    changed = _imports(tmp_path, document=DOCUMENT.replace("integer", "number"))
    stricter = _imports(tmp_path, ", unknown_query: refuse")

    names = [{*_origins(each)} for each in (first, same, changed, stricter)]
    assert names[0] == names[1]
    assert len(set.union(*names)) == 3
    assert first.suite != changed.suite


def test_the_authorizer_gets_a_copy_it_can_read(tmp_path: Path) -> None:
    """Files beside the document too; a later edit of the document does not touch it."""
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "count.yaml").write_text("type: integer")
    document = DOCUMENT.replace("{count: {type: integer}}", "{count: {$ref: parts/count.yaml}}")
    imports = _imports(tmp_path, document=document)
    folder = tmp_path / "state"

    keep(imports.copies, folder)
    keep(imports.copies, folder)
    (tmp_path / "api.yaml").write_text("gone: true")

    assert imports.suite.gateway is not None
    rules = authorizer_rules(build(imports.suite, {}, Surroundings(issuer="", jwks={})))
    [(name, held)] = rules.documents.items()
    assert {each.document for each in rules.routes.values()} == {name}
    assert import_document(held, folder).check is not None
    assert len(list(folder.rglob("*.yaml"))) == 2
    assert folder.stat().st_mode & 0o077 == 0


def test_copies_that_nothing_uses_are_taken_away(tmp_path: Path) -> None:
    """Those of the suite stay."""
    old = _imports(tmp_path)
    new = _imports(tmp_path, ", unknown_query: refuse")
    folder = tmp_path / "state"
    keep(old.copies, folder)
    keep(new.copies, folder)

    forget_others(new.suite, folder)

    assert [each.name for each in (folder / "openapi").iterdir()] == [*{*_origins(new)}]


def test_requests_are_held_against_it_whatever_they_show(tmp_path: Path) -> None:
    """Also where nothing need be shown; not those that are refused before."""
    routes = build(_imports(tmp_path).suite, {}, Surroundings(issuer="", jwks={})).rules
    unchecked = build(
        _imports(tmp_path, ", validate_requests: false").suite,
        {},
        Surroundings(issuer="", jwks={}),
    ).rules

    shown = ("none", "jwt", "api_key", "session")
    assert all(is_asked(rule, each) for rule in routes for each in shown)
    assert not any(is_asked(rule, "missing") for rule in routes)
    assert not any(is_asked(rule, each) for rule in unchecked for each in ("none", "jwt"))


@pytest.mark.parametrize(
    ("more", "routes", "document", "fault"),
    [
        (
            "",
            "  routes: [{path: /shop/items, service: shop, methods: [POST], exact: true}]",
            DOCUMENT,
            "suite.yaml:6:7: gateway.openapi[0]: requests for /shop/items have a route already",
        ),
        ("", "", "openapi: 4.0.0", "api.yaml:"),
        ("", "", f"{DOCUMENT}x-intertie: {{websocket: true}}", "a WebSocket is not checked"),
        ("", "", f"{DOCUMENT}x-intertie: {{mirror: {{service: no}}}}", "no service is called 'no'"),
        ("", "", ENDLESS, "expected values that JSON has too"),
    ],
)
def test_what_cannot_be_is_told_with_its_place(
    tmp_path: Path, more: str, routes: str, document: str, fault: str
) -> None:
    """All faults at once, and nothing is changed."""
    loaded = _loaded(tmp_path, more, routes, document)

    with pytest.raises(SuiteError) as told:
        import_documents(loaded.suite, loaded)

    assert fault in str(told.value)


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ("{file: no.yaml, service: shop}", "gateway.openapi[0].file: there is no file"),
        ("{file: api.yaml, service: shp}", "gateway.openapi[0].service: no service is called"),
        ("{file: api.yaml, service: mute}", "`mute` has no port"),
    ],
)
def test_the_suite_file_itself_is_checked_first(tmp_path: Path, entry: str, fault: str) -> None:
    """Files that are not there, services that are not."""
    (tmp_path / "api.yaml").write_text(DOCUMENT)
    (tmp_path / "suite.yaml").write_text(
        'suite: x\nservices:\n  shop: {command: "true", port: auto}\n  mute: {command: "true"}\n'
        f"gateway: {{openapi: [{entry}]}}\n"
    )

    with pytest.raises(SuiteError) as told:
        load(tmp_path / "suite.yaml", env={})

    assert fault in str(told.value)


@pytest.mark.anyio
async def test_the_gateway_is_one_document(tmp_path: Path) -> None:
    """What documents say of their operations is in it, with the gateway's own refusals."""
    found = await export(_imports(tmp_path), "http://localhost:8000", {})

    document = json.loads(json.dumps(found.document))
    assert document["openapi"] == "3.1.0"
    made = document["paths"]["/shop/items"]
    assert set(made) >= {"get", "post"}
    assert "422" in made["post"]["responses"]
    assert found.silent == {}


@pytest.mark.anyio
async def test_a_service_that_says_nothing_of_itself_is_named(tmp_path: Path) -> None:
    """The document is made all the same."""
    (tmp_path / "suite.yaml").write_text(
        'suite: x\nservices: {web: {command: "true", port: auto}}\n'
        "gateway: {routes: [{path: /, service: web}]}\n"
    )
    loaded = load(tmp_path / "suite.yaml", env={})

    found = await export(Imports(loaded.suite), "/", {"web": "http://127.0.0.1:1"})

    assert set(found.silent) == {"web"}


def test_a_document_is_shown_as_routes(tmp_path: Path) -> None:
    """As a suite file would have them."""
    (tmp_path / "api.yaml").write_text(DOCUMENT)

    text = routes_as_yaml(tmp_path / "api.yaml", "shop", "/shop")

    (tmp_path / "suite.yaml").write_text(
        f'suite: x\nservices: {{shop: {{command: "true", port: auto}}}}\n{text}'
    )
    loaded = load(tmp_path / "suite.yaml", env={})
    assert loaded.suite.gateway is not None
    [route] = loaded.suite.gateway.routes
    assert (route.path, route.methods, route.strip_prefix) == (
        "/shop/items", ("GET", "POST"), "/shop",
    )  # fmt: skip
    with pytest.raises(IntertieError, match="prefix"):
        routes_as_yaml(tmp_path / "api.yaml", "shop", "no path")
