"""An OpenAPI document as its readers need it."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from intertie.api.portal.document import Stored, by_service, operations
from tests.api.portal.site import DOCUMENT


def only(told: object, **more: Any) -> dict[str, Any]:
    """A document of one operation. Any: JSON."""
    return {"paths": {"/a": {"get": told}}, **more}


def test_an_operation_has_everything_that_is_said_of_it() -> None:
    """References are followed, and a schema that holds itself has an end."""
    _, change = operations(DOCUMENT)

    assert (change.id, change.method, change.path, change.service) == (
        "put/orders",
        "PUT",
        "/orders/{id}",
        "orders",
    )
    assert [(each.name, each.where, each.needed) for each in change.parameters] == [
        ("id", "path", True),
        ("x-trace", "header", False),
    ]
    assert change.body is not None
    assert change.body.kinds == ("application/json",)
    assert '"note"' in change.body.schema
    assert dict(change.answers)["404"].about == "There is no such order"
    assert change.ways == ("apiKey", "session")


def test_operations_are_together_by_service() -> None:
    """What the gateway answers itself is of nobody."""
    assert {name: len(found) for name, found in by_service(operations(DOCUMENT)).items()} == {
        "": 1,
        "orders": 1,
    }


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"paths": None},
        {"paths": []},
        {"paths": {"/a": None, "/b": {"get": 1}}},
        {"paths": {"//evil.test/a": {"get": {}}, "https://evil.test": {"get": {}}}},
    ],
)
def test_what_is_no_operation_is_left_out(document: dict[str, Any]) -> None:
    """Addresses of other hosts too."""
    assert operations(document) == []


@pytest.mark.parametrize(
    "told",
    [
        {"parameters": [1, {"name": 1, "in": "query"}, {"$ref": "#/x"}, {"$ref": "other.json"}]},
        {"tags": 1, "summary": [], "security": {}, "requestBody": 1, "responses": []},
        {"tags": [1], "security": [1], "responses": {"200": None}},
        {"requestBody": {"$ref": "#/paths/~1a/get/requestBody"}},
    ],
)
def test_what_is_faulty_is_left_out(told: dict[str, Any]) -> None:
    """The operation itself is there."""
    [found] = operations(only(told))

    assert (found.id, found.parameters) == ("get/a", ())


def test_schemas_that_hold_each_other_often_have_an_end() -> None:
    """However much they would be in full."""
    names = [f"s{number}" for number in range(30)]
    refs = {name: {"$ref": f"#/components/schemas/{name}"} for name in names}
    schemas = {name: {"properties": refs} for name in names}
    body = {"content": {"application/json": {"schema": refs["s0"]}}}

    [found] = operations(only({"requestBody": body}, components={"schemas": schemas}))

    assert found.body is not None
    assert len(found.body.schema) <= 8001


def test_a_stored_document_is_read_anew_when_it_has_changed(tmp_path: Path) -> None:
    """One that is not there, or broken, is empty."""
    file = tmp_path / "openapi.json"
    source = Stored(file)
    found = [source()]
    for number, text in enumerate((json.dumps(DOCUMENT), "{broken", '{"paths": {}}', "[]")):
        file.write_text(text)
        os.utime(file, (number, number))
        found.append(source())

    assert found == [{}, DOCUMENT, {}, {"paths": {}}, {}]
