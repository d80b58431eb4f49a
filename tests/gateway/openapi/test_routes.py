"""Routes of the documents that a suite names."""

from pathlib import Path

import pytest

from intertie.errors import SuiteError
from intertie.gateway.openapi.routes import import_all, import_document, route_path
from intertie.suite.openapi import OpenApiImport
from tests.gateway.openapi.documents import SPECS, vendor

SHOP = """openapi: 3.0.3
info: {title: t, version: '1'}
servers: [{url: /v1}]
security: [{key: []}]
x-intertie: {timeout: 5s}
paths:
  /orders/{orderId}:
    get: {security: []}
    put: {}
    delete: {x-intertie: {timeout: 1s, max_body: 10}}
"""


def wanted(**more: object) -> OpenApiImport:
    """The document of these tests."""
    return OpenApiImport.model_validate({"file": "api.yaml", "service": "shop", **more})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With the document in it."""
    (tmp_path / "api.yaml").write_text(SHOP)
    return tmp_path


def test_operations_become_routes(folder: Path) -> None:
    """One for all methods of a path that are alike; nothing below a path is taken."""
    found = import_document(wanted(prefix="/shop"), folder).routes

    assert [(each.path, each.methods, each.auth_required, each.timeout) for each in found] == [
        ("/shop/v1/orders/{order_id}", ("GET",), False, 5.0),
        ("/shop/v1/orders/{order_id}", ("PUT",), True, 5.0),
        ("/shop/v1/orders/{order_id}", ("DELETE",), True, 1.0),
    ]
    assert {(each.service, each.exact, each.strip_prefix) for each in found} == {
        ("shop", True, "/shop")
    }
    assert found[2].max_body == 10


def test_the_suite_has_the_last_word(folder: Path) -> None:
    """On the path of the server, and on who must say who it is."""
    found = import_document(wanted(base_path="/", auth_required=True), folder)

    assert {each.path for each in found.routes} == {"/orders/{order_id}"}
    assert all(each.auth_required and each.strip_prefix is None for each in found.routes)
    assert found.check is not None
    assert found.check.check("GET", "/orders/1", "", headers={}, body=b"") == []
    assert import_document(wanted(validate_requests=False), folder).check is None


def test_a_document_that_says_nothing_of_callers_is_closed(folder: Path) -> None:
    """The safe way."""
    (folder / "api.yaml").write_text(SHOP.replace("security: [{key: []}]\n", ""))

    routes = import_document(wanted(), folder).routes

    assert [each.auth_required for each in routes] == [False, True, True]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("timeout: 1s", "timeout: soon", "timeout: expected a duration"),
        ("timeout: 1s", "timeoutt: 1s", "no key 'timeoutt' (did you mean `timeout`?)"),
        ("timeout: 1s", "service: other", "service follows from the document"),
        ("max_body: 10", "max_body: 0", "max_body: "),
        (
            "    delete:",
            "    post: {requestBody: {content: {text/x: {schema: {type: x}}}}}\n    delete:",
            "expected a schema",
        ),
        (
            "  /orders/{orderId}:",
            "  /orders/{orderId}.json: {put: {x-intertie: {timeout: 9s}}}\n  /orders/{orderId}:",
            "other settings",
        ),
    ],
)
def test_a_setting_that_is_wrong_has_its_line(folder: Path, old: str, new: str, said: str) -> None:
    """And what to do about it."""
    (folder / "api.yaml").write_text(SHOP.replace(old, new))

    with pytest.raises(SuiteError) as caught:
        import_document(wanted(), folder)

    told = str(caught.value)
    assert said in told
    assert all(fault.line > 6 for fault in caught.value.faults)


def test_the_faults_of_all_documents_are_told(folder: Path) -> None:
    """Not those of the first one only."""
    (folder / "b.yaml").write_text("openapi: 9")
    several = [wanted(file="gone.yaml"), wanted(), wanted(file="b.yaml")]

    with pytest.raises(SuiteError) as caught:
        import_all(several, folder)

    assert [fault.file.name for fault in caught.value.faults] == ["gone.yaml", "b.yaml"]
    assert len(import_all([wanted()], folder)) == 1


@pytest.mark.parametrize(
    ("path", "made"),
    [
        ("/", "/"),
        ("/a/b/", "/a/b/"),
        ("/Accounts/{AccountSid}/Calls/{Sid}.json", "/Accounts/{account_sid}/Calls/{sid}"),
        ("/{a}-{b}/{a}", "/{a_b}/{a}"),
        ("/{a}/x/{A}", "/{a}/x/{a_}"),
        ("/{1st}/{über}", "/{p_1st}/{p__ber}"),
    ],
)
def test_names_of_paths_become_those_of_routes(path: str, made: str) -> None:
    """Whole segments, small letters, each once."""
    assert route_path(path) == made


@pytest.mark.parametrize(
    ("name", "routes"),
    [("spotify.yml", 71), ("twilio.json", 116), ("slack.json", 174), ("apple-music.yaml", 22)],
)
def test_documents_of_vendors_become_routes(name: str, routes: int) -> None:
    """Large real ones, each path once."""
    vendor(name)

    found = import_document(wanted(file=name, prefix="/v"), SPECS)

    assert len(found.routes) == routes
    assert all(each.auth_required for each in found.routes)
