"""What clients and services see of each other, through a real Envoy."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from anyio import create_task_group
from websockets.asyncio.client import connect

from tests.gateway.stage import Upstream, client, door, shop, suite_of
from tests.waiting import eventually

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.mark.parametrize(
    ("route", "asked", "forwarded"),
    [
        ({"path": "/shop"}, "/shop/a?b=1", "/shop/a"),
        ({"path": "/shop", "strip": True}, "/shop/a/b", "/a/b"),
        ({"path": "/shop", "strip": True}, "/shop", "/"),
        ({"path": "/shop", "strip": True}, "/shop/", "/"),
        ({"path": "/shop", "strip": True}, "/shop?x=/shop", "/"),
        ({"path": "/shop", "strip": True}, "/shop/shop/a", "/shop/a"),
        ({"path": "/a.b", "strip": True}, "/a.b/c", "/c"),
        ({"path": "/", "strip": True}, "/a", "/a"),
        ({"path": "/api/{id}/part", "strip_prefix": "/api"}, "/api/7/part/x", "/7/part/x"),
        ({"path": "/api/{id}", "strip": True}, "/api/a%20b", "/a%20b"),
    ],
)
async def test_what_the_service_is_asked(
    tmp_path: Path, route: dict[str, Any], asked: str, forwarded: str
) -> None:
    """The path as it came, without what the route strips, and never with two slashes."""
    async with shop(tmp_path, route) as (_, http, _):
        answer = (await http.get(asked)).json()

    assert answer["path"] == forwarded
    assert answer["query"] == asked.partition("?")[2]


async def test_a_route_ends_at_a_segment(tmp_path: Path) -> None:
    """`/shop` is not `/shopping`, and `{id}` is one segment, not none."""
    async with shop(tmp_path, {"path": "/shop"}, {"path": "/item/{id}"}) as (_, http, _):
        asked = ["/shop", "/shop/a", "/shopping", "/item/1", "/item/1/2", "/item", "/item/"]
        got = [(await http.get(path)).status_code for path in asked]

    assert got == [200, 200, 404, 200, 200, 404, 404]


async def test_more_segments_win(tmp_path: Path) -> None:
    """A route below another one is asked first; between equals, the literal one."""
    routes = (
        {"path": "/m"},
        {"path": "/m/{id}/stream", "strip": True},
        {"path": "/m/new/stream", "strip": True},
    )
    async with shop(tmp_path, *routes) as (_, http, _):
        asked = ["/m/7/other", "/m/7/stream", "/m/new/stream/x"]
        got = [(await http.get(path)).json()["path"] for path in asked]

    assert got == ["/m/7/other", "/7/stream", "/x"]


async def test_the_service_knows_the_address_the_client_used(tmp_path: Path) -> None:
    """Host and port arrive, so that a service can make a link to itself."""
    async with shop(tmp_path, {"path": "/"}) as (made, http, _):
        headers = (await http.get("/")).json()["headers"]

    assert headers["host"] == f"127.0.0.1:{made.gateway.port}"
    assert headers["x-forwarded-proto"] == "http"


async def test_other_methods_are_refused_with_those_allowed(tmp_path: Path) -> None:
    """405 with an Allow header; two routes of one path are one resource."""
    routes = ({"path": "/a", "methods": ["GET"]}, {"path": "/a", "methods": ["PUT"]})
    async with shop(tmp_path, *routes) as (_, http, web):
        got = [await http.request(method, "/a") for method in ("GET", "PUT", "HEAD", "DELETE")]
        traced = await http.request("TRACE", "/a")

    assert [each.status_code for each in got] == [200, 200, 200, 405]
    assert got[3].headers["allow"] == "GET, HEAD, PUT"
    assert "GET, HEAD, PUT" in got[3].json()["detail"]
    assert traced.status_code == 405
    assert len(web.paths) == 3


async def test_a_body_that_is_too_large_is_refused(tmp_path: Path) -> None:
    """413, whether the size is announced or not, and the limit itself still passes."""

    async def parts(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b"x" * 1000

    async with shop(tmp_path, {"path": "/count", "max_body": 2000}) as (_, http, _):
        fits = [await http.post("/count", content=each) for each in (b"x" * 2000, parts(2))]
        refused = [await http.post("/count", content=each) for each in (b"x" * 2001, parts(3))]

    assert [each.text for each in fits] == ["2000", "2000"]
    assert [each.status_code for each in refused] == [413, 413]


async def test_large_bodies_stream_through(tmp_path: Path) -> None:
    """64 MiB pass a route, limited or not; they are not collected in the gateway first."""
    size_bytes = 64 * 1024 * 1024

    async def body() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield bytes(1024 * 1024)

    routes = ({"path": "/a/count", "strip_prefix": "/a", "max_body": size_bytes}, {"path": "/"})
    async with shop(tmp_path, *routes) as (made, http, _):
        got = [(await http.post(path, content=body())).text for path in ("/a/count", "/count")]
        memory = made.resident_bytes()

    assert got == [str(size_bytes)] * 2
    assert memory < 150 * 1024 * 1024


async def test_a_slow_service_is_given_up_after_the_timeout(tmp_path: Path) -> None:
    """504 after the route's time; with `timeout: 0` the client waits as long as it likes."""
    routes = ({"path": "/slow", "timeout": "100ms"}, {"path": "/s", "strip": True, "timeout": 0})
    async with shop(tmp_path, *routes) as (_, http, web):
        late = await http.get("/slow")
        async with create_task_group() as group:
            group.start_soon(_set_after_a_request, web, web.paths.count("/slow"))
            patient = await http.get("/s/slow")

    assert (late.status_code, patient.status_code) == (504, 200)
    assert "did not answer" in late.json()["detail"]


async def _set_after_a_request(web: Upstream, asked: int) -> None:
    await eventually(lambda: web.paths.count("/slow") > asked, 60)
    web.gate.set()


async def test_a_service_without_replicas_answers_503(tmp_path: Path) -> None:
    """And says that it is the replicas that are missing."""
    suite = suite_of({"path": "/a", "service": "web", "auth_required": False})
    async with door(tmp_path, suite, {}) as made, client(made) as http:
        answer = await http.get("/a")

    assert answer.status_code == 503
    assert "no healthy upstream" in answer.json()["detail"]


async def test_a_dead_replica_costs_no_request(tmp_path: Path) -> None:
    """What cannot be delivered to one replica goes to another, a POST too."""
    with socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))  # nobody else gets it, and nobody listens
        port = dead.getsockname()[1]
        async with shop(tmp_path, {"path": "/"}) as (made, http, web):
            await made.moved("web", port, web.port)
            got = [(await http.post("/", content=b"x")).status_code for _ in range(50)]

    assert got == [200] * 50


async def test_a_websocket_passes_where_the_route_says_so(tmp_path: Path) -> None:
    """Both ways, and only there."""
    routes = ({"path": "/live", "strip": True, "websocket": True}, {"path": "/chat"})
    async with shop(tmp_path, *routes) as (made, http, _):
        async with connect(f"ws://127.0.0.1:{made.gateway.port}/live/chat", proxy=None) as socket:
            await socket.send("hello")
            heard = await socket.recv()
        upgrade = {"connection": "upgrade", "upgrade": "websocket"}
        refused = await http.get("/chat", headers=upgrade)

    assert heard == "echo hello"
    assert refused.status_code == 403


async def test_events_arrive_as_they_are_sent(tmp_path: Path) -> None:
    """A stream is not held back: the first event is there before the second is sent."""
    async with (
        shop(tmp_path, {"path": "/events", "timeout": 0}) as (_, http, web),
        http.stream("GET", "/events") as answer,
    ):
        lines = answer.aiter_lines()
        first = await anext(lines)
        web.gate.set()
        rest = [line async for line in lines if line]

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert [first, *rest] == ["data: 0", "data: 1", "data: 2"]
