"""gRPC through a real Envoy: as it is, as JSON, and as browsers speak it."""

import json
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from anyio import fail_after

from intertie.suite.gateway import Gateway
from tests.gateway.policy.calls import SERVICE, Say, descriptor, order_type, orders
from tests.gateway.stage import Door, client, door, suite_of

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

JSON = {"descriptor": "shop.desc", "services": [SERVICE]}
OPEN = {"path": "/", "service": "calls", "auth_required": False}


@asynccontextmanager
async def shop(
    folder: Path, *routes: dict[str, Any], **keys: Any
) -> AsyncIterator[tuple[Door, httpx.AsyncClient, Say]]:
    """A gateway in front of a gRPC service."""
    async with orders() as (port, known):
        suite = suite_of(*routes, **keys)
        about = {"descriptors": {"shop.desc": descriptor()}}
        async with (
            door(folder, suite, {"calls": [port]}, known=about) as made,
            client(made) as http,
        ):
            yield made, http, known


async def test_json_becomes_a_call(tmp_path: Path) -> None:
    """By the methods' own paths, or by their names; fields as JSON has them."""
    async with shop(tmp_path, {**OPEN, "grpc_json": JSON}) as (_, http, _):
        got = await http.get("/v1/orders/abc")
        made = await http.post("/v1/orders", json={"id": "x", "itemCount": 7})
        named = await http.post(f"/{SERVICE}/Echo", json={"id": "y"})

    assert (got.status_code, got.json()) == (200, {"id": "abc", "itemCount": 3})
    assert got.headers["content-type"] == "application/json"
    assert made.json() == {"id": "x", "itemCount": 7}
    assert named.json() == {"id": "y", "itemCount": 0}


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"keep_field_names": True}, {"id": "", "item_count": 2}),
        ({"print_defaults": False}, {"itemCount": 2}),
    ],
)
async def test_json_is_printed_as_wanted(
    tmp_path: Path, wanted: dict[str, bool], told: dict[str, Any]
) -> None:
    """Names as in the .proto file; nothing that is 0, empty or false."""
    async with shop(tmp_path, {**OPEN, "grpc_json": {**JSON, **wanted}}) as (_, http, _):
        answer = await http.post("/v1/orders", json={"item_count": 2})

    assert answer.json() == told


async def test_a_failed_call_is_a_problem_document(tmp_path: Path) -> None:
    """With the status that stands for it, and what the service says."""
    async with shop(tmp_path, {**OPEN, "grpc_json": JSON}) as (_, http, _):
        none = await http.get("/v1/orders/none")
        taken = await http.post("/v1/orders", json={"id": "taken"})

    assert (none.status_code, taken.status_code) == (404, 409)
    assert none.headers["content-type"] == "application/problem+json"
    assert none.json() == {
        "type": "about:blank",
        "title": "cannot answer this call",
        "status": 404,
        "detail": 'no order "none"',
        "request_id": none.headers["x-request-id"],
    }
    assert taken.json()["detail"] == "it is there"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/orders", b"{", 400),
        ("GET", "/v1/orders/a?unknown=1", b"", 400),
        ("GET", "/v1/other", b"", 404),
    ],
)
async def test_what_is_no_call_is_refused_at_the_gateway(
    tmp_path: Path, method: str, path: str, body: bytes, status: int
) -> None:
    """Broken JSON, fields and paths that no method has: also as problem documents."""
    async with shop(tmp_path, {**OPEN, "grpc_json": JSON}) as (_, http, _):
        answer = await http.request(method, path, content=body)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status


@pytest.mark.parametrize(
    ("stream", "kind", "text"),
    [
        ("list", "application/json", '[{"id":"a","itemCount":0},{"id":"a","itemCount":1},'),
        ("lines", "application/json", '{"id":"a","itemCount":0}\n{"id":"a","itemCount":1}\n'),
        ("events", "text/event-stream", 'data: {"id":"a","itemCount":0}\n\ndata: {'),
    ],
)
async def test_a_stream_is_told_as_it_comes(
    tmp_path: Path, stream: str, kind: str, text: str
) -> None:
    """As one list, as lines, or as server-sent events."""
    async with shop(tmp_path, {**OPEN, "grpc_json": {**JSON, "stream": stream}}) as (_, http, _):
        answer = await http.get("/v1/orders/a/events")

    assert answer.text.startswith(text)
    assert answer.headers["content-type"] == kind


async def test_grpc_itself_passes(tmp_path: Path) -> None:
    """Over HTTP/2 without TLS, calls and streams; refusals are gRPC's own, in plain words."""
    closed = {"path": f"/{SERVICE}/Echo", "service": "calls"}
    async with (
        shop(tmp_path, {**OPEN, "grpc_json": JSON}, closed) as (made, _, _),
        grpc.aio.insecure_channel(f"127.0.0.1:{made.gateway.port}") as channel,
    ):
        get = channel.unary_unary(f"/{SERVICE}/Get", *forms())
        watch = channel.unary_stream(f"/{SERVICE}/Watch", *forms())
        echo = channel.unary_unary(f"/{SERVICE}/Echo", *forms())
        got = await get(order_type()(id="abc"))
        seen = [each.item_count async for each in watch(order_type()(id="a"))]
        with pytest.raises(grpc.aio.AioRpcError) as missing:
            await get(order_type()(id="none"))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await echo(order_type()(id="a"))
        named = await echo(
            order_type()(id="a"), metadata=[("authorization", made.bearer()["authorization"])]
        )

    assert (got.item_count, seen, named.id) == (3, [0, 1, 2], "a")
    assert missing.value.code() is grpc.StatusCode.NOT_FOUND
    assert missing.value.details() == 'no order "none"'
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert refused.value.details() == "Jwt is missing"


def forms() -> tuple[Any, Any]:
    """How messages are written and read."""
    return lambda message: message.SerializeToString(), order_type().FromString


async def test_browsers_call_by_grpc_web(tmp_path: Path) -> None:
    """The status comes as a last frame, since pages cannot read trailers."""
    message = order_type()(id="abc").SerializeToString()
    async with shop(tmp_path, {**OPEN, "grpc_web": True}) as (_, http, _):
        answer = await http.post(
            f"/{SERVICE}/Get",
            content=struct.pack(">BI", 0, len(message)) + message,
            headers={"content-type": "application/grpc-web+proto", "x-grpc-web": "1"},
        )

    kind, size = struct.unpack(">BI", answer.content[:5])
    told = order_type().FromString(answer.content[5 : 5 + size])
    last = answer.content[5 + size :]
    assert (kind, told.item_count) == (0, 3)
    assert (last[0], b"grpc-status:0" in last) == (0x80, True)
    assert answer.headers["content-type"] == "application/grpc-web+proto"


async def test_replicas_are_asked_by_grpc_whether_they_are_well(tmp_path: Path) -> None:
    """One that says it does not serve gets nothing, until it says so again."""
    check = {"health_check": {"grpc": True, "interval": "100ms", "unhealthy_threshold": 1}}
    route = {**OPEN, "grpc_json": JSON}
    async with shop(tmp_path, route, upstreams={"calls": check}) as (_, http, known):

        async def answers(status: int) -> None:
            with fail_after(60):
                while (await http.get("/v1/orders/a")).status_code != status:
                    pass

        await answers(200)
        await known(is_well=False)
        await answers(503)
        await known(is_well=True)
        await answers(200)


def test_a_transcoded_path_is_not_changed() -> None:
    """It says which method is called."""
    route = {**OPEN, "grpc_json": JSON, "path": "/a", "strip": True}
    with pytest.raises(ValueError, match="the path says which method"):
        Gateway.model_validate({"routes": [json.loads(json.dumps(route))]})
