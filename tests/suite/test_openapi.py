"""How a suite names documents whose operations become routes."""

import pytest
from pydantic import ValidationError

from intertie.suite.gateway import Gateway
from intertie.suite.openapi import OpenApiImport, Origin, imported_route
from intertie.suite.route import Route


def test_little_need_be_said() -> None:
    """The file and the service; requests are then checked."""
    found = OpenApiImport.model_validate({"file": "api/shop.yaml", "service": "shop"})

    assert (found.prefix, found.base_path, found.auth_required) == ("/", None, None)
    assert (found.validate_requests, found.unknown_query) == (True, "ignore")
    assert found.max_checked_body == 65_536


@pytest.mark.parametrize(
    "wrong",
    [
        {"file": "shop.txt"},
        {"file": ".yaml\x00"},
        {"service": "No Name"},
        {"prefix": "shop"},
        {"base_path": "v1"},
        {"unknown_query": "warn"},
        {"max_checked_body": 0},
        {"responses": True},
    ],
)
def test_what_is_none_is_refused(wrong: dict[str, object]) -> None:
    """Unknown keys too."""
    with pytest.raises(ValidationError):
        OpenApiImport.model_validate({"file": "shop.yaml", "service": "shop", **wrong})


def test_an_imported_route_is_the_route_with_its_origin() -> None:
    """What was said stays said, and nothing else is written out."""
    route = Route.model_validate({"path": "/a/{id}", "service": "shop", "methods": ["GET"]})

    made = imported_route(route, Origin(2, "digest"))

    assert (made.origin.index, made.path, made.services) == (2, "/a/{id}", ("shop",))
    assert "methods" in made.model_fields_set
    assert "timeout" not in made.model_fields_set
    assert made.model_dump(exclude_unset=True) == route.model_dump(exclude_unset=True)


def test_imported_routes_are_told_from_written_ones() -> None:
    """A gateway knows which routes are its file's own, and whether requests are checked."""
    own = Route.model_validate({"path": "/", "service": "shop"})
    document = OpenApiImport.model_validate({"file": "a.yaml", "service": "shop"})
    gateway = Gateway(openapi=(document,)).model_copy(
        update={"routes": (own, imported_route(own, Origin(0)))}
    )

    assert gateway.written == (own,)
    assert gateway.checks_requests
    assert not Gateway().checks_requests
