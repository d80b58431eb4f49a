"""What is closed is closed to every method, host and header, through a real Envoy."""

from pathlib import Path
from typing import Any

import pytest

from intertie.gateway.routes import Sockets
from tests.gateway.stage import client, door, shop, suite_of, upstream

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


async def test_no_method_falls_through_to_a_wider_route(tmp_path: Path) -> None:
    """A route that takes keys for GET is closed to POST as well, though `/` is open."""
    routes: tuple[dict[str, Any], ...] = (
        {"path": "/", "service": "web", "auth_required": False},
        {"path": "/keys", "service": "web", "auth_methods": ["api_key"], "methods": ["GET"]},
        {"path": "/both", "service": "web", "auth_methods": ["api_key"], "methods": ["GET"]},
        {"path": "/both", "service": "web", "auth_methods": ["jwt"], "methods": ["POST"]},
        {"path": "/logins", "service": "web", "auth_methods": ["session"], "methods": ["GET"]},
    )
    security = {"authentication": {"methods": ["jwt", "api_key", "session"]}}
    suite = suite_of(*routes, security=security).model_copy()
    suite = type(suite).model_validate({**suite.model_dump(exclude_unset=True), "identity": {}})
    async with upstream("web") as web:
        known = {"sockets": Sockets(authorizer="none.sock")}
        async with (
            door(tmp_path, suite, {"web": [web.port]}, known=known) as made,
            client(made) as http,
        ):
            for path in ("/keys/x", "/both/x", "/logins/x"):
                for method in METHODS:
                    status = (await http.request(method, path)).status_code
                    assert status in {401, 405}, (path, method, status)

    assert web.paths == []


async def test_an_open_route_of_a_host_opens_nothing_below_it(tmp_path: Path) -> None:
    """Of one path the route that names the host wins; a longer path wins over both."""
    routes = (
        {"path": "/", "hosts": ["acme.example.com"]},
        {"path": "/admin", "auth_required": True},
        {"path": "/same", "auth_required": True},
        {"path": "/same", "hosts": ["acme.example.com"]},
    )
    async with shop(tmp_path, *routes) as (_, http, _):
        asked = [
            (await http.get(path, headers={"host": host})).status_code
            for host in ("other", "acme.example.com")
            for path in ("/", "/admin/x", "/same")
        ]

    assert asked == [404, 401, 401, 200, 401, 200]


async def test_a_certificate_is_nothing_a_client_can_say(tmp_path: Path) -> None:
    """Its header is dropped at the door, with TLS and without."""
    async with shop(tmp_path, {"path": "/"}) as (_, http, _):
        told = (await http.get("/", headers={"x-client-certificate": "spiffe://x/admin"})).json()

    assert "x-client-certificate" not in told["headers"]


async def test_what_a_route_does_not_read_is_not_handed_on(tmp_path: Path) -> None:
    """A key beside the token stays here."""
    async with shop(tmp_path, {"path": "/", "auth_required": True}) as (made, http, _):
        told = (await http.get("/", headers={**made.bearer(), "x-api-key": "itk_secret"})).json()

    assert "x-api-key" not in told["headers"]
    assert "authorization" not in told["headers"]
