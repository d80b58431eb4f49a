"""How services are spoken to, by a real Envoy."""

from pathlib import Path
from typing import Any

import pytest

from intertie.gateway.admin import Admin
from intertie.gateway.clusters import assignment, clusters
from intertie.gateway.routes import Cluster
from intertie.plan import Endpoint
from intertie.suite.upstream import Upstream
from tests.gateway.rules import routes
from tests.gateway.stage import client, door, suite_of, upstream
from tests.limits.engine import until

pytestmark = pytest.mark.anyio

HERE, THERE = Endpoint("127.0.0.1", 1), Endpoint("127.0.0.1", 2)


def cluster_of(**upstream: Any) -> dict[str, Any]:
    """What Envoy is told of `web`."""
    made = routes({"path": "/", "service": "web"}, upstreams={"web": upstream})
    return clusters(made)[0]


def test_a_service_without_replicas_leaves_its_place_to_the_next() -> None:
    """Envoy takes no gap between priorities."""
    groups = assignment(Cluster("web", (), Upstream(), ((), (HERE,), (THERE,))))["endpoints"]

    assert [each.get("priority", 0) for each in groups] == [0, 1]


def test_all_sick_is_nobody_there() -> None:
    """Envoy would send to sick replicas once more than half of them are."""
    assert cluster_of()["common_lb_config"]["healthy_panic_threshold"] == {"value": 0}


def test_replicas_are_left_alone_only_where_that_is_said() -> None:
    """By the suite, service by service, or for all by the policy `circuit breaking`."""
    assert "outlier_detection" not in cluster_of()
    assert cluster_of(circuit_breaker={})["outlier_detection"]["consecutive_5xx"] == 5
    made = routes({"path": "/", "service": "web"}, policies=["circuit breaking"])
    assert "outlier_detection" in clusters(made)[0]


@pytest.mark.slow
async def test_requests_fail_over_when_no_replica_is_there(tmp_path: Path) -> None:
    """To the services named, in their order; and back when it is there again."""
    routes = [{"path": "/", "service": "main", "auth_required": False}]
    keys = {"upstreams": {"main": {"failover": ["web"]}}}
    suite = suite_of(*routes, {"path": "/w", "service": "web"}, **keys)
    async with (
        upstream("main") as main,
        upstream("spare") as spare,
        door(tmp_path, suite, {"main": [main.port], "web": [spare.port]}) as made,
        client(made) as http,
    ):
        told = [(await http.get("/")).json()["service"]]
        await made.moved("main")
        told.append((await http.get("/")).json()["service"])
        await made.moved("main", main.port)
        told.append((await http.get("/")).json()["service"])

    assert told == ["main", "spare", "main"]


@pytest.mark.slow
async def test_a_replica_that_keeps_failing_is_left_alone(tmp_path: Path) -> None:
    """After as many failures as the suite says; the client is answered at once."""
    routes = [{"path": "/", "service": "web", "auth_required": False}]
    active = "cluster.web.outlier_detection.ejections_active"
    breaker = {"failure_threshold": 3, "recovery_timeout": "1m", "interval": "100ms"}
    suite = suite_of(*routes, upstreams={"web": {"circuit_breaker": breaker}})
    async with (
        upstream("web") as web,
        door(tmp_path, suite, {"web": [web.port]}) as made,
        client(made) as http,
    ):
        web.status = 500
        failed = [(await http.get("/")).status_code for _ in range(3)]

        async def is_left_alone() -> bool:
            stats = await Admin(made.run).stats(f"^{active}$")
            return stats == {active: "1"}

        # Another thread of Envoy decides that, a moment later.
        await until(is_left_alone, 60)
        answered = [(await http.get("/")).status_code for _ in range(3)]

    assert failed == [500, 500, 500]
    assert answered == [503, 503, 503]
    assert len(web.paths) == 3


@pytest.mark.slow
async def test_what_is_alike_goes_to_the_same_replica(tmp_path: Path) -> None:
    """By a cookie, which is made for who has none."""
    routes = [{"path": "/", "service": "web", "auth_required": False}]
    balancing = {"kind": "ring_hash", "hash_on": "cookie", "name": "pin"}
    suite = suite_of(*routes, upstreams={"web": {"load_balancing": balancing}})
    async with (
        upstream("one") as one,
        upstream("two") as two,
        door(tmp_path, suite, {"web": [one.port, two.port]}) as made,
        client(made) as http,
    ):
        with_cookie = {(await http.get("/")).json()["service"] for _ in range(20)}
        cookies = dict(http.cookies)
        without = set()
        for _ in range(40):
            http.cookies.clear()
            answer = await http.get("/", headers={"connection": "close"})
            without.add(answer.json()["service"])

    assert len(with_cookie) == 1
    assert list(cookies) == ["pin"]
    assert without == {"one", "two"}
