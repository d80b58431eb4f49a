"""The gateway follows the suite and its replicas, while clients keep asking."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio import create_task_group, fail_after

from intertie.errors import GatewayError
from intertie.event import GatewayApplied, HealthChanged
from intertie.gateway.authz.run import serve
from intertie.gateway.routes import Sockets
from intertie.runtime.component import Status
from intertie.suite.identity import Identity
from intertie.suite.model import Suite
from tests.gateway.authz.people import People
from tests.gateway.stage import Door, Upstream, client, door, replica, suite_of, upstream
from tests.waiting import eventually

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

OPEN = {"path": "/web", "service": "web", "auth_required": False}


class Load:
    """Clients that ask all the time; what they got."""

    def __init__(self, http: httpx.AsyncClient, path: str) -> None:
        self.codes: list[int] = []
        self.begun = 0
        self._http = http
        self._path = path

    async def ask(self) -> None:
        """One client; each request has a number, which ends its path."""
        while True:
            self.begun += 1
            answer = await self._http.get(f"{self._path}/{self.begun}")
            self.codes.append(answer.status_code)

    async def more(self, count: int = 50) -> None:
        """Return once so many more requests are answered."""
        wanted = len(self.codes) + count
        await eventually(lambda: len(self.codes) >= wanted, 60)


def last(web: Upstream) -> int:
    """The highest number of a request that came there; those under way may come late."""
    return max((int(path.rpartition("/")[2]) for path in web.paths), default=0)


@asynccontextmanager
async def loaded(made: Door, path: str = "/web") -> AsyncIterator[Load]:
    """Eight clients; at the end, every answer must have been a good one."""
    async with client(made) as http, create_task_group() as group:
        load = Load(http, path)
        for _ in range(8):
            group.start_soon(load.ask)
        yield load
        await load.more()
        group.cancel_scope.cancel()
    assert set(load.codes) == {200}, f"{len(load.codes)} requests"


async def test_a_restarted_service_is_followed_to_its_new_port(tmp_path: Path) -> None:
    """With a second replica serving meanwhile, no request is lost."""
    async with (
        upstream("web") as first,
        upstream("web") as second,
        upstream("web") as third,
        door(tmp_path, suite_of(OPEN), {"web": [first.port, second.port]}) as made,
        loaded(made) as load,
    ):
        await load.more()
        await made.moved("web", second.port)
        before = load.begun
        await load.more()
        assert last(first) <= before

        await made.moved("web", third.port, second.port)
        await eventually(lambda: bool(third.paths), 60)


async def test_routes_change_under_load_without_a_lost_request(tmp_path: Path) -> None:
    """Twenty times, services coming and going with them."""
    other = {"path": "/other", "service": "other", "auth_required": False}
    async with (
        upstream("web") as web,
        door(tmp_path, suite_of(OPEN), {"web": [web.port], "other": [web.port]}) as made,
        loaded(made) as load,
        client(made) as http,
    ):
        for number in range(20):
            routes = [OPEN, other] if number % 2 == 0 else [OPEN]
            await made.controller.set_suite(suite_of(*routes, port=made.gateway.port))
            there = (await http.get("/other")).status_code
            assert there == (200 if number % 2 == 0 else 404)
        await load.more()


async def test_a_drained_replica_gets_nothing_new(tmp_path: Path) -> None:
    """When `drained` returns, its process may be stopped."""
    async with (
        upstream("web") as first,
        upstream("web") as second,
        door(tmp_path, suite_of(OPEN), {"web": [first.port, second.port]}) as made,
        loaded(made) as load,
    ):
        await load.more()
        made.ports["web"] = (second.port,)  # no event tells it
        with fail_after(30):
            await made.controller.drained(replica("web", 0, first.port))
        before = load.begun
        await load.more()

        assert last(first) <= before


async def test_envoy_itself_is_drained_before_it_is_stopped(tmp_path: Path) -> None:
    """What it was asked before is answered; nobody new is let in."""
    async with (
        upstream("web") as web,
        door(tmp_path, suite_of({**OPEN, "strip": True}), {"web": [web.port]}) as made,
        client(made) as http,
        create_task_group() as group,
    ):
        answers: list[httpx.Response] = []

        async def ask() -> None:
            answers.append(await http.get("/web/slow"))

        async def open_the_gate() -> None:
            await eventually(lambda: not made.serves(), 60)
            web.gate.set()

        group.start_soon(ask)
        await eventually(lambda: "/slow" in web.paths, 60)
        group.start_soon(open_the_gate)

        await made.controller.drained(replica("gateway", 0, 1))
        await made.stop()

    assert [answer.status_code for answer in answers] == [200]


async def test_a_killed_envoy_comes_back_with_all_it_had(tmp_path: Path) -> None:
    """Also with what was changed while it was away."""
    async with (
        upstream("web") as web,
        door(tmp_path, suite_of(OPEN), {"web": [1]}) as made,
        client(made) as http,
    ):
        await made.stop(kill=True)
        await made.moved("web", web.port)
        await made.start()
        await eventually_served(http)


async def eventually_served(http: httpx.AsyncClient) -> None:
    """Return once the service answers; until Envoy has read its files, it does not."""
    with fail_after(60):
        while (await http.get("/web")).status_code != 200:
            pass


async def test_a_refused_suite_leaves_the_old_routes(tmp_path: Path) -> None:
    """The error is Envoy's; health says so, an event says so; a good suite heals it."""
    bad = suite_of(OPEN, host="not-an-address")
    async with (
        upstream("web") as web,
        door(tmp_path, suite_of(OPEN), {"web": [web.port]}) as made,
        client(made) as http,
        made.hub.subscribe() as events,
    ):
        with pytest.raises(GatewayError, match="not-an-address"):
            await made.controller.set_suite(bad)

        event = await events.receive()
        assert (event.type, event.data["accepted"]) == (GatewayApplied.type, False)
        assert made.controller.health().status is Status.DEGRADED
        assert (await http.get("/web")).status_code == 200

        await made.controller.set_suite(made.suite)

        assert made.controller.health().status is Status.UP


async def test_what_changes_nothing_is_not_told(tmp_path: Path) -> None:
    """Events of services without a route do not make generations."""
    async with (
        door(tmp_path, suite_of(OPEN), {"web": [1]}) as made,
        made.hub.subscribe() as events,
    ):
        told = HealthChanged(service="other", replica=0, status="UP", reason="")
        made.hub.publish(told, "other")
        made.move("web", 2)
        kinds = []
        while GatewayApplied.type not in kinds:
            kinds.append((await events.receive()).type)

    assert kinds.count(GatewayApplied.type) == 1


async def test_the_authorizer_knows_a_route_before_a_client_can(tmp_path: Path) -> None:
    """What it does not know it refuses: no new route is refused for that, however many come."""
    (tmp_path / "authz.json").write_text("{}")
    socket = tmp_path / "envoy" / "authz.sock"
    socket.parent.mkdir()
    known = {"sockets": Sockets(authorizer=socket.name)}
    async with (
        upstream("web") as web,
        door(tmp_path, keyed(0), {"web": [web.port]}, known=known) as made,
        client(made) as http,
        create_task_group() as group,
    ):
        await group.start(partial(serve, made.rules_file, socket, sources=People()))
        got = []
        for number in range(1, 6):
            await made.controller.set_suite(keyed(number, port=made.gateway.port))
            path = f"/{number}"
            got.append((await http.get(path, headers={"x-api-key": "good-key"})).status_code)
        group.cancel_scope.cancel()

    assert got == [200] * 5


async def test_the_authorizer_forgets_a_route_after_its_last_client(tmp_path: Path) -> None:
    """While a route goes, a good key is taken or there is nothing; it is never refused.

    On a machine that stalls the authorizer may be away for a moment, which is no refusal (503).
    """
    (tmp_path / "authz.json").write_text("{}")
    socket = tmp_path / "envoy" / "authz.sock"
    socket.parent.mkdir()
    known = {"sockets": Sockets(authorizer=socket.name)}
    got: set[int] = set()

    async def ask(http: httpx.AsyncClient) -> None:
        headers = {"x-api-key": "good-key"}
        while (code := (await http.get("/0", headers=headers)).status_code) != 404:
            got.add(code)

    async with (
        upstream("web") as web,
        door(tmp_path, keyed(0), {"web": [web.port]}, known=known) as made,
        client(made) as http,
        create_task_group() as group,
    ):
        await group.start(partial(serve, made.rules_file, socket, sources=People()))
        async with create_task_group() as clients:
            for _ in range(4):
                clients.start_soon(ask, http)
            await eventually(lambda: bool(got), 60)
            await made.controller.set_suite(keyed(1, port=made.gateway.port))
        before = made.rules_file.read_text()
        await made.controller.set_suite(keyed(2, port=made.gateway.port))
        after = made.rules_file.read_text()
        group.cancel_scope.cancel()

    assert 200 in got
    assert got <= {200, 503}
    assert [('"/0"' in told) for told in (before, after)] == [True, False]


def keyed(number: int, **gateway: Any) -> Suite:
    """A suite with a route that API keys open."""
    methods = {"authentication": {"methods": ["api_key"]}}
    route = {"path": f"/{number}", "service": "web"}
    made = suite_of(route, security=methods, **gateway)
    return made.model_copy(update={"identity": Identity()})


async def test_a_burst_of_events_is_followed_to_its_end(tmp_path: Path) -> None:
    """More events than the hub keeps: the last state is the one that is served."""
    async with (
        upstream("web") as web,
        door(tmp_path, suite_of(OPEN), {"web": [1]}) as made,
        client(made) as http,
    ):
        for number in range(3_000):
            made.move("web", 1 + number % 2)
        made.move("web", web.port)
        await eventually_served(http)


async def test_a_new_daemon_takes_over_a_running_envoy(tmp_path: Path) -> None:
    """Nothing is lost when another controller prepares the same folder."""
    async with (
        upstream("web") as web,
        upstream("web") as moved,
        door(tmp_path, suite_of(OPEN), {"web": [web.port]}) as made,
        loaded(made) as load,
    ):
        second = Door(tmp_path, made.suite, {"web": [moved.port]})
        await load.more()
        await second.controller.prepare()
        await eventually(lambda: bool(moved.paths), 60)
