"""Limits that Envoy counts itself, as the suite has them."""

from pathlib import Path

import pytest
from anyio import current_time

from tests.gateway.stage import shop

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_the_guides_rates_hold(tmp_path: Path) -> None:
    """100 a minute of one client, then 429 with what is left and when to come again."""
    limits = {"default_rate": "1000/hour", "burst_rate": "100/minute", "throttling_response": 429}
    async with shop(tmp_path, {"path": "/"}, rate_limiting=limits) as (_, http, web):
        began = current_time()
        got = [await http.get("/") for _ in range(101)]
        while [each.status_code for each in got].count(429) < 20:
            got.append(await http.get("/"))
        took_s = current_time() - began

    good = [each for each in got if each.status_code == 200]
    refused = [each for each in got if each.status_code == 429]
    assert 100 <= len(good) <= 101 + took_s * 100 / 60
    assert len(good) + len(refused) == len(got)
    assert len(web.paths) == len(good)
    assert refused[0].headers["content-type"] == "application/problem+json"
    assert int(refused[0].headers["retry-after"]) >= 1
    assert '"minute";r=0' in refused[0].headers["ratelimit"]
    assert '"minute";q=100;w=60' in good[0].headers["ratelimit-policy"]
    assert '"hour";q=1000;w=3600' in good[0].headers["ratelimit-policy"]


async def test_a_route_has_a_rate_of_its_own(tmp_path: Path) -> None:
    """It takes nothing from the others', nor they from it; one may have none at all."""
    routes = (
        {"path": "/a"},
        {"path": "/b", "rate_limit": "5/hour"},
        {"path": "/c", "unlimited": True},
    )
    limits = {"default_rate": "10/hour", "burst_rate": None}
    async with shop(tmp_path, *routes, rate_limiting=limits) as (_, http, _):
        let_in = {}
        for path in ("/b", "/a", "/c"):
            statuses = [(await http.get(path)).status_code for _ in range(12)]
            let_in[path] = statuses.count(200)

    assert let_in == {"/b": 5, "/a": 10, "/c": 12}


async def test_who_asks_is_counted_by_himself(tmp_path: Path) -> None:
    """By identity where there is one, else by address; a header mints no new client."""
    routes = ({"path": "/a", "auth_required": True}, {"path": "/b"})
    limits = {"default_rate": "3/hour", "burst_rate": None}
    async with shop(tmp_path, *routes, rate_limiting=limits) as (made, http, _):
        let_in = []
        for name in ("ada", "bob"):
            headers = {"authorization": f"Bearer {made.token(name)}"}
            got = [(await http.get("/a", headers=headers)).status_code for _ in range(5)]
            let_in.append(got.count(200))
        lies = [{"x-forwarded-for": f"10.0.0.{n}", "x-client-id": f"user:{n}"} for n in range(5)]
        open_to_all = [(await http.get("/b", headers=each)).status_code for each in lies]

    assert let_in == [3, 3]
    assert open_to_all.count(200) == 3
