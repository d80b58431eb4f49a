"""What routes are called, wherever they are named."""

from intertie.suite.gateway import Gateway
from intertie.suite.model import Suite
from intertie.suite.openapi import Origin, imported_route
from intertie.suite.route import Route
from intertie.suite.route_names import declared_routes, named, route_names


def suite() -> Suite:
    """With two routes of one path, and one of a tenant."""
    web = {"service": "web"}
    return Suite.model_validate(
        {
            "suite": "a",
            "services": {"web": {"command": "true", "port": "auto"}},
            "gateway": {
                "routes": [
                    {"path": "/api/{id}", **web},
                    {"path": "/api/{id}", "hosts": "b.example", **web},
                    {"path": "/", **web},
                ]
            },
            "identity": {},
            "tenants": {
                "acme": {
                    "domains": ["acme.example"],
                    "routes": [{"path": "/", **web}, {"path": "/", **web}],
                }
            },
        }
    )


def test_a_route_is_called_by_its_path() -> None:
    """The second of one path by its number, one of a tenant by the tenant too."""
    assert route_names(suite()) == ("/api/{id}", "/api/{id}#2", "/", "acme:/", "acme:/#2")


def test_a_route_knows_where_it_is_written() -> None:
    """In the list of the gateway, of a tenant, or with the document that it comes from."""
    imported = imported_route(Route.model_validate({"path": "/", "service": "web"}), Origin(3))
    declared = [*declared_routes(suite())]

    found = {each.name: each.keys for each in named(declared)}
    gateway = Gateway(routes=(imported,))
    of_document = next(declared_routes(suite().model_copy(update={"gateway": gateway})))

    assert found["/"] == ("gateway", "routes", 2)
    assert found["acme:/#2"] == ("tenants", "acme", "routes", 1)
    assert of_document == (imported, ("gateway", "openapi", 3))


def test_a_suite_without_a_gateway_has_none() -> None:
    """Nothing to name."""
    services = {"web": {"command": "true"}}
    assert route_names(Suite.model_validate({"suite": "a", "services": services})) == ()
