"""A cached route of a real Envoy: through the cache, and without it when it is not there."""

import stat
from pathlib import Path

import httpx
import pytest
from anyio import create_task_group, fail_after, sleep

from intertie.errors import GatewayError
from intertie.gateway.cache.client import CacheClient
from intertie.gateway.cache.fragments import request_headers, retry_policy
from intertie.gateway.cache.settings import ADMIN_SOCKET, CACHE_SOCKET, ORIGIN_SOCKET
from tests.gateway.cache.behind_envoy import gateway
from tests.gateway.cache.stage import Asked, Origin, Told, is_hit, listening
from tests.waiting import eventually

pytestmark = pytest.mark.anyio


def test_the_value_of_a_header_is_no_format() -> None:
    """Envoy fills in what stands between per cents."""
    added = request_headers("GET /%REQ(x)%", "web")

    assert added[0]["header"] == {"key": "x-intertie-cache", "value": "GET /%%REQ(x)%%"}


def test_what_may_have_been_done_is_not_done_twice() -> None:
    """Only safe requests are repeated after the cache had them."""
    assert "reset" in retry_policy(safe=True)["retry_on"].split(",")
    assert "reset" not in retry_policy(safe=False)["retry_on"].split(",")


def answers(asked: Asked) -> Told:
    """Tells what it was asked; kept for a minute."""
    told = f"{asked.method} {asked.path} {asked.headers.get('x-envoy-original-path')}"
    return Told(headers={"cache-control": "max-age=60"}, body=told.encode())


@pytest.mark.slow
async def test_envoy_goes_through_the_cache_and_around_it_when_it_is_killed(tmp_path: Path) -> None:
    """No request is lost, and none is done twice."""
    origin = Origin(answers)
    async with listening(origin.serve) as port:
        with gateway(tmp_path, port) as made:
            await _answers(CacheClient(made.admin))
            address = f"http://127.0.0.1:{made.port}"
            async with httpx.AsyncClient(base_url=address, timeout=60) as client:
                await client.get("/web/a?b=c")
                hit = await client.get("/web/a?b=c")
                forged = await client.get(
                    "/web/a?b=c", headers={"x-intertie-cache": "no", "x-intertie-origin": "no"}
                )
                seen = origin.asked[0].headers
                purged = await CacheClient(made.admin).purge_url("/web/a?b=c")
                modes = [
                    stat.S_IMODE((tmp_path / name).stat().st_mode)
                    for name in (CACHE_SOCKET, ORIGIN_SOCKET, ADMIN_SOCKET)
                ]
                statuses = await _kill_under_load(client, made.kill_cache)
                posted = [(await client.post("/web/p", content=b"x")).status_code for _ in range(5)]

    assert hit.text == "GET /a?b=c /web/a?b=c"
    assert is_hit(hit)
    assert is_hit(forged)
    assert purged == 1
    assert modes == [0o600] * 3
    assert not [name for name in seen if name.startswith("x-intertie")]
    assert set(statuses) == {200}
    assert len(statuses) == 400
    assert posted == [200] * 5
    assert origin.paths().count("/p") == 5


async def _answers(cache: CacheClient) -> None:
    """Its sockets are there a moment before anybody listens on them."""
    with fail_after(60):
        while True:
            try:
                await cache.stats()
            except GatewayError:
                await sleep(0.01)
            else:
                return


async def _kill_under_load(client: httpx.AsyncClient, kill: object) -> list[int]:
    assert callable(kill)
    statuses: list[int] = []

    async def ask(first: int) -> None:
        for number in range(first, first + 50):
            answer = await client.get(f"/web/{number}")
            statuses.append(answer.status_code)

    async with create_task_group() as group:
        for first in range(0, 400, 50):
            group.start_soon(ask, first)
        await eventually(lambda: len(statuses) > 100, within_s=60)
        kill()
    return statuses
