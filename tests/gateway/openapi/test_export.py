"""The whole gateway as one OpenAPI 3.1 document."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from intertie.gateway.openapi.export import About, Described, export
from intertie.gateway.openapi.routes import Imported, import_document
from intertie.gateway.routes import Rule, Sockets, Surroundings, build
from intertie.suite.model import Suite
from intertie.suite.openapi import OpenApiImport
from tests.gateway.openapi.documents import SPECS, described, loaded, operation, parameter, vendor
from tests.npm_peer import NODE, installed

ROOT = Path(__file__).resolve().parents[3]
LINTER = Path(__file__).resolve().parents[2] / "api" / "openapi_lint"
ABOUT = About("Shop", "1", "https://api.example.com")
USER = {"type": "object", "properties": {"name": {"type": "string"}}}


def rules(*routes: dict[str, Any]) -> tuple[Rule, ...]:
    """Of a gateway with these routes, where callers may say who they are in every way."""
    services = {route["service"] for route in routes if "service" in route} | {"shop"}
    suite = Suite.model_validate(
        {
            "suite": "test",
            "services": {name: {"command": "true", "port": "auto"} for name in services},
            "gateway": {"routes": routes},
        }
    )
    around = Surroundings(issuer="i", jwks={"keys": []}, sockets=Sockets(authorizer="a"))
    return build(suite, {}, around).rules


def service(name: str, paths: dict[str, Any], **more: Any) -> Described:
    """What a service says of itself."""
    return Described(name, loaded(described(paths, **more)))


def exported(*routes: dict[str, Any], documents: tuple[Described, ...] = ()) -> Any:
    """The document, which must be valid. Any: it is looked into at many depths."""
    found = json.loads(json.dumps(export(ABOUT, rules(*routes), documents)))
    assert [each.message for each in OpenAPIV31SpecValidator(found).iter_errors()] == []
    return found


def test_a_route_that_nothing_describes_is_told() -> None:
    """Its methods, names, and what the gateway may answer."""
    route = {"path": "/a/{id}", "service": "shop", "methods": ["GET", "POST"]}

    found = exported(route, {"path": "/open", "service": "shop", "auth_required": False})

    get = found["paths"]["/a/{id}"]["get"]
    assert sorted(found["paths"]["/a/{id}"]) == ["get", "head", "post"]
    assert [each["name"] for each in get["parameters"]] == ["id"]
    assert get["tags"] == ["shop"]
    refusals = {"401", "403", "404", "405", "413", "429", "503", "504"}
    assert refusals <= set(get["responses"])
    assert get["security"] != []
    assert found["paths"]["/open"]["get"]["security"] == []
    assert "401" not in found["paths"]["/open"]["get"]["responses"]


def test_ways_to_say_who_is_asking_are_those_of_each_route() -> None:
    """All that are accepted somewhere are described."""
    found = exported(
        {"path": "/key", "service": "shop", "auth_methods": ["api_key"]},
        {"path": "/token", "service": "shop", "auth_methods": ["jwt"]},
    )

    schemes = found["components"].get("securitySchemes", {})
    for path, name in (("/key", "apiKey"), ("/token", "bearer")):
        if path in found["paths"]:
            assert found["paths"][path]["get"]["security"] == [{name: []}]
            assert name in schemes
    assert "/token" in found["paths"]


def test_what_a_service_says_stands_at_the_gateways_path() -> None:
    """Only what a route lets through."""
    says = service(
        "shop",
        {
            "/v1/users/{userId}": {
                "get": operation(parameter("path", "userId", {"type": "integer"}), summary="One"),
                "delete": operation(parameter("path", "userId", {})),
            },
            "/v1/hidden": {"get": operation()},
        },
    )
    route = {"path": "/api/v1/users", "service": "shop", "strip_prefix": "/api", "methods": ["GET"]}

    found = exported(route, documents=(says,))

    assert list(found["paths"]) == ["/api/v1/users/{userId}"]
    assert list(found["paths"]["/api/v1/users/{userId}"]) == ["get"]
    get = found["paths"]["/api/v1/users/{userId}"]["get"]
    assert get["summary"] == "One"
    assert get["parameters"][0]["schema"] == {"type": "integer"}
    assert {"200", "429"} <= set(get["responses"])


def test_schemas_of_services_do_not_clash() -> None:
    """Nor do the names of their operations, nor those in their paths."""
    ref = {"$ref": "#/components/schemas/User"}
    documents = tuple(
        service(
            name,
            {path: {"put": operation(body=ref, operationId="save")}},
            components={"schemas": {"User": {**USER, "description": name}}},
        )
        for name, path in (("a", "/x/{one}"), ("b", "/x/{two}/more"))
    )

    found = exported(
        {"path": "/x/{id}", "service": "a", "exact": True},
        {"path": "/x/{id}/more", "service": "b"},
        documents=documents,
    )

    schemas = found["components"]["schemas"]
    named = {each["description"]: name for name, each in schemas.items() if name != "Problem"}
    assert sorted(named) == ["a", "b"]
    operations = [item["put"] for item in found["paths"].values()]
    assert len({each["operationId"] for each in operations}) == 2
    for each, name in zip(operations, ("a", "b"), strict=True):
        schema = each["requestBody"]["content"]["application/json"]["schema"]
        assert schema == {"$ref": f"#/components/schemas/{named[name]}"}


def test_one_path_is_spelt_in_one_way() -> None:
    """Two documents that name its segment differently."""
    get = service("a", {"/x/{one}": {"get": operation(parameter("path", "one", {}))}})
    put = service("a", {"/x/{two}": {"put": operation(parameter("path", "two", {}))}})

    found = exported({"path": "/x", "service": "a"}, documents=(get, put))

    assert list(found["paths"]) == ["/x/{one}"]
    assert [each["parameters"][0]["name"] for each in found["paths"]["/x/{one}"].values()] == [
        "one",
        "one",
    ]


def test_what_the_gateway_answers_itself_is_told() -> None:
    """Redirects and fixed answers."""
    found = exported(
        {"path": "/old", "redirect": {"to": "/new"}},
        {"path": "/ping", "answer": {"status": 204}, "auth_required": False},
    )

    assert "308" in found["paths"]["/old"]["get"]["responses"]
    assert "204" in found["paths"]["/ping"]["get"]["responses"]


def vendors() -> tuple[Any, int]:
    """The gateway of four vendors' documents, and how many operations these have."""
    names = {
        "spotify": "spotify.yml",
        "twilio": "twilio.json",
        "slack": "slack.json",
        "apple": "apple-music.yaml",
    }
    made: list[Imported] = []
    for name, file in names.items():
        vendor(file)
        wanted = OpenApiImport.model_validate({"file": file, "service": name, "prefix": f"/{name}"})
        made.append(import_document(wanted, SPECS))
    routes = [route.model_dump(exclude_unset=True) for each in made for route in each.routes]
    documents = tuple(Described(each.wanted.service, each.document, checked=True) for each in made)
    count = sum(len(each.document.operations) for each in made)
    return exported(*routes, documents=documents), count


@pytest.mark.slow
def test_documents_of_vendors_become_one() -> None:
    """Hundreds of operations and schemas, each once, with no reference that leads nowhere."""
    found, count = vendors()

    operations = [each for item in found["paths"].values() for each in item.values()]
    assert len(operations) == count
    assert len({each["operationId"] for each in operations}) == count
    assert len(found["components"]["schemas"]) > 250


@pytest.fixture(scope="session")
def linter() -> Path:
    """A linter of others, installed once and shared by all runs."""
    return installed(LINTER)


def linted(linter: Path, tmp_path: Path, document: Any) -> list[str]:
    """Errors that it finds."""
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    cli = linter / "node_modules" / "@redocly" / "cli" / "bin" / "cli.js"
    options = ("--format=json", "--max-problems=1000", f"--config={linter / 'redocly.yaml'}")
    told = subprocess.run(
        [NODE, cli, "lint", tmp_path / "openapi.json", *options],
        cwd=linter,
        check=False,
        capture_output=True,
        timeout=300,
    )
    problems = json.loads(told.stdout)["problems"]
    return [
        f"{each['ruleId']}: {each['message']}" for each in problems if each["severity"] == "error"
    ]


@pytest.mark.slow
@pytest.mark.timeout(700)
def test_a_linter_of_others_finds_no_error(linter: Path, tmp_path: Path) -> None:
    """In the gateway of four vendors; and it does find one that is put there."""
    found, _ = vendors()

    assert linted(linter, tmp_path, found) == []
    del found["components"]["securitySchemes"]
    assert linted(linter, tmp_path, found) != []
