"""Trouble made on purpose, by a real Envoy."""

from pathlib import Path

import pytest

from tests.gateway.stage import shop

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_a_route_can_be_made_to_fail(tmp_path: Path) -> None:
    """All of its requests, or a part of them; others are left alone."""
    routes = (
        {"path": "/all", "fault": {"abort": 418}},
        {"path": "/some", "fault": {"abort": 503, "abort_percent": 50}},
        {"path": "/none"},
    )
    async with shop(tmp_path, *routes) as (_, http, _):
        assert (await http.get("/all")).status_code == 418
        assert (await http.get("/none")).status_code == 200
        some = {(await http.get("/some")).status_code for _ in range(60)}

    assert some == {200, 503}


async def test_a_route_can_be_made_slow(tmp_path: Path) -> None:
    """The service is asked after the delay."""
    route = {"path": "/a", "fault": {"delay": "300ms"}}
    async with shop(tmp_path, route) as (_, http, _):
        answer = await http.get("/a")

    assert answer.status_code == 200
    assert answer.elapsed.total_seconds() >= 0.3
