"""What somebody must be to use a route, by a real Envoy."""

from pathlib import Path

import pytest

from tests.gateway.stage import shop

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_one_of_the_roles_is_needed(tmp_path: Path) -> None:
    """403 for who has none; words that only look alike are none."""
    route = {"path": "/", "auth_required": True, "roles": ["admin", "a.b"]}
    async with shop(tmp_path, route) as (made, http, web):

        async def status(*roles: str) -> int:
            token = made.token(roles=roles)
            answer = await http.get("/", headers={"authorization": f"Bearer {token}"})
            return answer.status_code

        let_in = [await status("admin"), await status("user", "a.b")]
        refused = [await status(), await status("user"), await status("aXb", "admins", "dmin")]

    assert let_in == [200, 200]
    assert refused == [403, 403, 403]
    assert len(web.paths) == 2


async def test_a_header_gives_no_role(tmp_path: Path) -> None:
    """Whoever sends it, however it is spelt."""
    route = {"path": "/", "auth_required": True, "roles": ["admin"]}
    async with shop(tmp_path, route) as (made, http, _):
        for name in ("x-roles", "X-Roles", "x-ROLES"):
            headers = {**made.bearer(), name: ",admin,"}
            assert (await http.get("/", headers=headers)).status_code == 403


async def test_identity_headers_of_clients_never_arrive(tmp_path: Path) -> None:
    """On open routes neither, nor by naming them in `connection`, nor with underscores."""
    names = ("x-forwarded-user", "x-client-id", "x-tenant-id", "x-roles", "x-intertie-origin")
    async with shop(tmp_path, {"path": "/"}) as (_, http, _):
        sent = dict.fromkeys(names, "mallory")
        told = (await http.get("/", headers=sent)).json()["headers"]
        hop = {"connection": "x-forwarded-user, close", "x-forwarded-user": "mallory"}
        told |= (await http.get("/", headers=hop)).json()["headers"]
        underscored = await http.get("/", headers={"x_forwarded_user": "mallory"})

    assert not set(names) & told.keys()
    assert underscored.status_code == 400


async def test_envoys_own_headers_are_not_obeyed(tmp_path: Path) -> None:
    """A client cannot change timeouts, retries or the path that is logged."""
    async with shop(tmp_path, {"path": "/"}) as (_, http, web):
        web.status = 500
        headers = {
            "x-envoy-retry-on": "5xx",
            "x-envoy-max-retries": "5",
            "x-envoy-upstream-rq-timeout-ms": "1",
            "x-envoy-original-path": "/other",
        }
        got = await http.get("/", headers=headers)

    assert got.status_code == 500
    assert web.paths == ["/"]
    told = [name for name in got.json()["headers"] if name.startswith("x-envoy")]
    assert told in ([], ["x-envoy-external-address"])  # which Envoy made itself
