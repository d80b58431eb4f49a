"""From where requests may come, through a real Envoy."""

from pathlib import Path

import pytest

from tests.gateway.stage import shop

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.mark.parametrize(
    ("addresses", "status"),
    [
        ({"allow": ["127.0.0.0/8"]}, 200),
        ({"allow": ["10.0.0.0/8"]}, 403),
        ({"allow": ["10.0.0.0/8", "127.0.0.1"]}, 200),
        ({"deny": ["127.0.0.1"]}, 403),
        ({"deny": ["10.0.0.0/8"]}, 200),
        ({"allow": ["127.0.0.0/8"], "deny": ["127.0.0.1/32"]}, 403),
        ({"allow": ["::1"]}, 403),
    ],
)
async def test_who_is_denied_is_not_let_in_even_if_allowed(
    tmp_path: Path, addresses: dict[str, list[str]], status: int
) -> None:
    """403, and no service is asked; an empty list of allowed networks is everywhere."""
    async with shop(tmp_path, {"path": "/", "addresses": addresses}) as (_, http, web):
        assert (await http.get("/")).status_code == status

    assert len(web.paths) == (status == 200)


async def test_a_header_does_not_move_a_client(tmp_path: Path) -> None:
    """Nobody's x-forwarded-for is believed unless he is a trusted proxy."""
    route = {"path": "/", "addresses": {"allow": ["10.0.0.0/8"]}}
    async with shop(tmp_path, route) as (_, http, _):
        for name in ("x-forwarded-for", "x-real-ip", "forwarded", "x-envoy-external-address"):
            assert (await http.get("/", headers={name: "10.1.2.3"})).status_code == 403


async def test_a_route_says_its_own(tmp_path: Path) -> None:
    """In place of those of all routes."""
    routes = ({"path": "/a"}, {"path": "/b", "addresses": {"allow": ["127.0.0.1"]}})
    security = {"addresses": {"allow": ["10.0.0.0/8"]}}
    async with shop(tmp_path, *routes, security=security) as (_, http, _):
        assert [(await http.get(path)).status_code for path in ("/a", "/b")] == [403, 200]
