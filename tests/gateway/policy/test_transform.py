"""JSON bodies made into others, by a real Envoy."""

import gzip
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio import create_task_group
from fastapi import FastAPI, Request, Response

from intertie.api.listen import bind
from intertie.api.server import ApiServer
from intertie.gateway.policy.transform import on_route
from tests.gateway.rules import rule
from tests.gateway.stage import client, door, suite_of

pytestmark = pytest.mark.anyio

USER = {"user": {"name": 'Ada "L"', "age": 36}, "tags": ["a", "b"], "secret": "s"}


async def _echo(request: Request) -> Response:
    """The body as it came; compressed for whom that is right."""
    body = await request.body()
    kind = request.headers.get("content-type", "text/plain")
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(gzip.compress(body), media_type=kind, headers={"content-encoding": "gzip"})
    return Response(body, media_type=kind)


@asynccontextmanager
async def echo(folder: Path, **route: Mapping[str, Any]) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a gateway before a service that gives bodies back."""
    app = FastAPI(openapi_url=None)
    app.add_api_route("/{path:path}", _echo, methods=["POST"], response_model=None)
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    suite = suite_of({"path": "/", "service": "web", "auth_required": False, **route})
    async with create_task_group() as group:
        await group.start(ApiServer(app, listener).run)
        async with door(folder, suite, {"web": [port]}) as made, client(made) as http:
            yield http
        group.cancel_scope.cancel()


def test_text_is_no_formatter() -> None:
    """Only places are filled; a percent sign is one."""
    made = on_route(rule(request_body={"replace": {"a": "50% of %REQ(cookie)%"}}), "none")

    assert made is not None
    body = made["request_transformation"]["body_transformation"]["body_format"]["json_format"]
    assert body == {"a": "50%% of %%REQ(cookie)%%"}
    assert on_route(rule(), "none") is None


@pytest.mark.slow
async def test_a_request_gets_another_body(tmp_path: Path) -> None:
    """Values keep their kind; text that holds quotes is still JSON; what is not there is null."""
    wanted = {
        "name": "{{body.user.name}}",
        "age": "{{ body.user.age }}",
        "about": "{{body.user.name}} of {{header.x-team}}, 100%",
        "tags": "{{body.tags}}",
        "none": "{{body.user.shoe}}",
        "deep": [{"fixed": True, "number": 1.5}],
    }
    async with echo(tmp_path, request_body={"replace": wanted}) as http:
        got = await http.post("/", json=USER, headers={"x-team": 'r"ed'})

    assert got.json() == {
        "name": 'Ada "L"',
        "age": 36,
        "about": 'Ada "L" of r"ed, 100%',
        "tags": ["a", "b"],
        "none": None,
        "deep": [{"fixed": True, "number": 1.5}],
    }


@pytest.mark.slow
async def test_an_answer_gets_fields_beside_its_own(tmp_path: Path) -> None:
    """Also for a client to whom the service would have answered compressed."""
    wanted = {"secret": None, "version": 2, "who": "{{body.user.name}}"}
    async with echo(tmp_path, response_body={"merge": wanted}) as http:
        got = await http.post("/", json=USER, headers={"accept-encoding": "gzip"})

    assert got.json() == {**USER, "secret": None, "version": 2, "who": 'Ada "L"'}
    assert int(got.headers.get("content-length", len(got.content))) == len(got.content)


@pytest.mark.slow
async def test_what_is_not_json_stays_as_it_is(tmp_path: Path) -> None:
    """Other kinds, what only says that it is JSON, and nothing at all."""
    async with echo(tmp_path, request_body={"replace": {"a": 1}}) as http:
        kind = {"content-type": "application/json"}
        text = await http.post("/", content=b'{"b": 1}', headers={"content-type": "text/plain"})
        broken = await http.post("/", content=b'{"b": ', headers=kind)
        empty = await http.post("/", headers=kind)

    assert (text.content, broken.content, empty.content) == (b'{"b": 1}', b'{"b": ', b"")


@pytest.mark.slow
async def test_a_body_too_large_to_be_held_is_refused(tmp_path: Path) -> None:
    """Nobody makes the gateway hold more than 1 MiB."""
    async with echo(tmp_path, request_body={"merge": {"a": 1}}) as http:
        large = await http.post("/", json={"b": "x" * 3_000_000})
        small = await http.post("/", json={"b": "x" * 500_000})

    assert large.status_code == 413
    assert json.loads(small.content)["a"] == 1
