"""A policy of one's own, asked by a real Envoy."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio import create_task_group, sleep_forever
from fastapi import FastAPI, Request, Response

from intertie.api.listen import bind
from intertie.api.server import ApiServer
from intertie.gateway.policy.external_authz import NAME, config, on_route
from tests.gateway.rules import routes, rule
from tests.gateway.stage import client, door, suite_of, upstream

pytestmark = pytest.mark.anyio

ROUTE = {"path": "/", "service": "web", "external_auth": True}


@dataclass
class Policy:
    """Refuses `/no`, fails at `/broken`, never answers `/late`, and remembers what it was asked."""

    port: int = 0
    asked: list[dict[str, Any]] = field(default_factory=list)

    def app(self) -> FastAPI:
        """Asked by any method, below `/v1`."""
        app = FastAPI(openapi_url=None)
        methods = ["GET", "POST"]
        app.add_api_route("/v1/{path:path}", self._decide, methods=methods, response_model=None)
        return app

    async def _decide(self, path: str, request: Request) -> Response:
        self.asked.append({"path": path, "method": request.method, **dict(request.headers)})
        if path == "late":
            await sleep_forever()
        if path == "no":
            told = {"location": "/login", "x-inner": "secret", "set-cookie": "a=b"}
            body = json.dumps({"title": "not today"})
            return Response(body, 403, told, "application/problem+json")
        headers = {"x-reason": "friend", "x-other": "no", "x-client-id": "root"}
        return Response("", 500 if path == "broken" else 200, headers)


@asynccontextmanager
async def policy() -> AsyncIterator[Policy]:
    """A running one, on a free port."""
    listener = bind("127.0.0.1", 0)
    made = Policy(listener.getsockname()[1])
    async with create_task_group() as group:
        await group.start(ApiServer(made.app(), listener).run)
        yield made
        group.cancel_scope.cancel()


@asynccontextmanager
async def guarded(
    folder: Path, *given: dict[str, Any], **said: Any
) -> AsyncIterator[tuple[Policy, httpx.AsyncClient]]:
    """A gateway that asks it before `web`, and a client with a token and a cookie."""
    wanted = {"service": "opa", "path": "/v1", "answer_headers": ["x-reason"], **said}
    suite = suite_of(*(given or (ROUTE,)), security={"external_authorization": wanted})
    async with (
        policy() as asked,
        upstream("web") as web,
        door(folder, suite, {"web": [web.port], "opa": [asked.port]}) as made,
        client(made) as http,
    ):
        http.headers.update({**made.bearer(), "cookie": "a=b", "x-team": "red", "x-reason": "me"})
        yield asked, http


def test_only_routes_that_say_so_ask() -> None:
    """And who shows nothing is refused without a question."""
    assert on_route(rule(external_auth=True), "jwt") is not None
    assert on_route(rule(external_auth=True), "missing") is None
    assert on_route(rule(), "jwt") is None


def test_without_a_policy_nobody_is_let_in() -> None:
    """The filter is there all the same, off."""
    made = config(routes({"path": "/", "service": "web"}))

    assert made["failure_mode_allow"] is False
    assert made["disallowed_headers"] == {
        "patterns": [{"exact": "authorization", "ignore_case": True}]
    }
    assert NAME.startswith("intertie.")


@pytest.mark.slow
async def test_it_is_told_who_asks_and_what_but_not_how_that_was_shown(tmp_path: Path) -> None:
    """Token and cookie stay here; of its answer, only what the suite names goes on."""
    async with guarded(tmp_path, headers=["X-Team"]) as (asked, http):
        answer = await http.post("/orders/1?a=b", content=b"body")

    told, [question] = answer.json()["headers"], asked.asked
    assert answer.status_code == 200
    assert (question["method"], question["path"]) == ("POST", "orders/1")
    assert json.loads(question["x-forwarded-user"])["sub"] == "ada"
    assert question["x-team"] == "red"
    assert question["x-intertie-route"] == "/"
    assert not {"authorization", "cookie"} & question.keys()
    assert told["x-reason"] == "friend"
    assert "x-other" not in told
    assert told.get("x-client-id") != "root"


@pytest.mark.slow
async def test_credentials_are_forwarded_where_they_are_named(tmp_path: Path) -> None:
    """By their names, in any case; a token that the gateway has checked stays here all the same."""
    open_route = {**ROUTE, "path": "/open", "auth_required": False}
    named = ["Authorization", "cookie"]
    async with guarded(tmp_path, ROUTE, open_route, headers=named) as (asked, http):
        await http.get("/open")
        await http.get("/")

    by_name, checked = asked.asked
    assert by_name["authorization"].startswith("Bearer ")
    assert by_name["cookie"] == checked["cookie"] == "a=b"
    assert "authorization" not in checked


@pytest.mark.slow
async def test_its_refusal_is_told_to_the_client(tmp_path: Path) -> None:
    """Status, body, and the headers that belong to a refusal; no others."""
    async with guarded(tmp_path) as (_, http):
        answer = await http.get("/no")

    assert answer.status_code == 403
    assert answer.json() == {"title": "not today"}
    assert answer.headers["location"] == "/login"
    assert not {"x-inner", "set-cookie"} & answer.headers.keys()


@pytest.mark.slow
@pytest.mark.parametrize(("failure", "status"), [("closed", 503), ("open", 200)])
async def test_what_becomes_of_requests_without_an_answer_is_said(
    tmp_path: Path, failure: str, status: int
) -> None:
    """Refused by default: by a policy that breaks, and by one that is late."""
    async with guarded(tmp_path, failure=failure, timeout="1s") as (asked, http):
        broken = await http.get("/broken")
        late = await http.get("/late")

    assert (broken.status_code, late.status_code) == (status, status)
    assert len(asked.asked) == 2


@pytest.mark.slow
async def test_routes_that_do_not_ask_are_not_held_up(tmp_path: Path) -> None:
    """Nor is it asked about somebody who shows nothing."""
    other = {"path": "/open", "service": "web", "auth_required": False}
    async with guarded(tmp_path, ROUTE, other) as (asked, http):
        unasked = await http.get("/open")
        nobody = await http.get("/", headers={"authorization": ""})

    assert (unasked.status_code, nobody.status_code) == (200, 401)
    assert asked.asked == []
