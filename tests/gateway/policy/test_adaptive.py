"""A service that answers late is given less to do at once, by a real Envoy."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio import Semaphore, create_task_group, current_time, sleep
from fastapi import FastAPI

from intertie.api.listen import bind
from intertie.api.server import ApiServer
from intertie.gateway.policy.adaptive import on_route
from tests.gateway.rules import routes
from tests.gateway.stage import client, door, suite_of

pytestmark = pytest.mark.anyio

_WORK_S = 0.1
_PAUSE_S = 0.3
_CLIENTS = 40
ROUTE = {"path": "/", "service": "web", "auth_required": False}


@dataclass
class Desk:
    """Works at two requests at once; the others wait."""

    desk: Semaphore = field(default_factory=lambda: Semaphore(2))
    inside: int = 0
    most: int = 0
    """Inside at once, since this was last set to 0."""

    async def work(self) -> int:
        """Late, when many want it."""
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            async with self.desk:
                await sleep(_WORK_S)
        finally:
            self.inside -= 1
        return 1


@asynccontextmanager
async def slow(folder: Path, **upstream: Any) -> AsyncIterator[tuple[Desk, httpx.AsyncClient]]:
    """A gateway before such a service, and a client of it."""
    app, desk = FastAPI(openapi_url=None), Desk()
    app.add_api_route("/", desk.work)
    listener = bind("127.0.0.1", 0)
    suite = suite_of(ROUTE, upstreams={"web": upstream})
    async with create_task_group() as group:
        await group.start(ApiServer(app, listener).run)
        ports = {"web": [listener.getsockname()[1]]}
        async with door(folder, suite, ports) as made, client(made) as http:
            yield desk, http
        group.cancel_scope.cancel()


async def asked(http: httpx.AsyncClient, clients: int, for_s: float) -> set[int]:
    """So many clients ask again and again: the statuses they get."""
    found: set[int] = set()
    end = current_time() + for_s

    async def ask() -> None:
        while current_time() < end:
            found.add((await http.get("/")).status_code)
            await sleep(_PAUSE_S)

    async with create_task_group() as group:
        for _ in range(clients):
            group.start_soon(ask)
    return found


def test_only_routes_to_that_service_are_held_back() -> None:
    """Each by itself."""
    made = routes(ROUTE, upstreams={"web": {"adaptive_concurrency": {"latency": "50ms"}}})
    [rule] = made.rules

    assert on_route(rule, "none") is not None
    assert on_route(rule, "missing") is None
    assert on_route(routes(ROUTE).rules[0], "none") is None


@pytest.mark.slow
async def test_a_late_service_is_given_less_at_once(tmp_path: Path) -> None:
    """Of forty at once most are told to come again; a few at once are all answered."""
    wanted = {"latency": "150ms", "min": 2, "max": 100}
    async with slow(tmp_path, adaptive_concurrency=wanted) as (desk, http):
        calm = await asked(http, 2, 1.0)
        await asked(http, _CLIENTS, 1.0)
        desk.most = 0
        busy = await asked(http, _CLIENTS, 2.0)

    assert calm == {200}
    assert busy == {200, 503}
    assert desk.most <= _CLIENTS * 3 / 4
