"""Whether running services have the endpoints that routes lead to."""

import socket
from typing import Any

import httpx
import pytest

from intertie.gateway.openapi.endpoints import EndpointReport, check_endpoints, endpoints
from intertie.gateway.routes import Rule
from tests.gateway.openapi.services import fast, plain, served
from tests.gateway.openapi.test_export import rules

pytestmark = pytest.mark.anyio

SAFE = {"GET", "HEAD", "OPTIONS"}


def route(path: str, *methods: str, **more: object) -> dict[str, Any]:
    """A route to the service `shop`."""
    said = {"methods": list(methods)} if methods else {}
    return {"path": path, "service": "shop", **said, **more}


def verdicts(report: EndpointReport) -> list[tuple[str, str, str]]:
    """Path at the service, method, and what was found."""
    return [(each.path, each.method, each.verdict) for each in report.results]


ROUTES = (
    route("/users", "GET", "POST", exact=True),
    route("/users/{id}", "GET", "DELETE"),
    route("/gone", "GET"),
)


def by_path(found: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """In an order that does not follow precedence."""
    return tuple(sorted(found, key=lambda rule: rule.route.path))


@pytest.mark.slow
async def test_a_service_that_describes_itself_is_believed() -> None:
    """What it says is there is there, and what it does not say is asked for."""
    async with served(fast(describes=True)) as (address, asked):
        report = await check_endpoints(by_path(rules(*ROUTES)), {"shop": address})

    assert verdicts(report) == [
        ("/gone", "GET", "missing path"),
        ("/users", "GET", "ok"),
        ("/users", "POST", "ok"),
        ("/users/{id}", "DELETE", "missing method"),
        ("/users/{id}", "GET", "ok"),
    ]
    assert not report.ok
    assert [each.path for each in report.wrong] == ["/gone", "/users/{id}"]
    assert {method for method, _ in asked} <= SAFE


@pytest.mark.slow
async def test_a_service_that_says_nothing_is_asked_safely() -> None:
    """What only an unsafe request could tell stays open."""
    async with served(fast(describes=False)) as (address, asked):
        report = await check_endpoints(by_path(rules(*ROUTES)), {"shop": address})

    assert verdicts(report) == [
        ("/gone", "GET", "missing path"),
        ("/users", "GET", "ok"),
        ("/users", "POST", "undecidable"),
        ("/users/{id}", "DELETE", "undecidable"),
        ("/users/{id}", "GET", "ok"),
    ]
    assert {method for method, _ in asked} <= SAFE


@pytest.mark.slow
async def test_what_options_answers_counts() -> None:
    """A service that lists its methods need not be asked for each."""
    wanted = (
        route("/api/users", "GET", "POST", strip_prefix="/api"),
        route("/api/orders", "POST", "PUT", "GET", strip_prefix="/api"),
        route("/api/broken", "POST", strip_prefix="/api"),
        route("/api/any", strip_prefix="/api"),
    )
    async with served(plain()) as (address, asked):
        report = await check_endpoints(by_path(rules(*wanted)), {"shop": address})

    assert verdicts(report) == [
        ("/any", "*", "undecidable"),
        ("/broken", "POST", "undecidable"),
        ("/orders", "GET", "missing method"),
        ("/orders", "POST", "ok"),
        ("/orders", "PUT", "missing method"),
        ("/users", "GET", "ok"),
        ("/users", "POST", "ok"),
    ]
    assert {method for method, _ in asked} <= SAFE
    [post] = [each for each in report.results if (each.path, each.method) == ("/orders", "POST")]
    assert (post.asked, post.answered) == ("OPTIONS /orders", "204, allow: OPTIONS, POST")


@pytest.mark.slow
async def test_a_service_that_is_down_is_told() -> None:
    """One that has no address, and one where nobody listens."""
    wanted = (route("/a", "GET"), {"path": "/b", "service": "other"})
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        report = await check_endpoints(by_path(rules(*wanted)), {"shop": address}, patience_s=0.2)

    assert [each.verdict for each in report.results] == ["service down", "service down"]
    assert address in report.results[0].answered
    assert "no address" in report.results[1].answered


async def test_a_service_that_just_starts_is_waited_for() -> None:
    """It is running as soon as its process is, when the suite file says nothing of its health."""
    refused = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal refused
        if refused < 2:
            refused += 1
            raise httpx.ConnectError("nobody listens", request=request)
        return httpx.Response(200, headers={"allow": "GET"})

    report = await check_endpoints(
        rules(route("/a", "GET")),
        {"shop": "http://shop"},
        transport=httpx.MockTransport(answer),
    )

    assert verdicts(report) == [("/a", "GET", "ok")]


async def test_every_service_of_a_route_is_meant() -> None:
    """At the path that it sees."""
    wanted = {
        "path": "/api/{x}",
        "split": [{"service": "shop", "weight": 1}, {"service": "other", "weight": 1}],
        "rewrite": "/v2/{x}",
        "methods": ["GET"],
    }
    extra = {"path": "/z", "service": "other"}

    found = list(endpoints(rules(wanted, extra)))

    assert [(each.service, each.path, each.methods) for each in found] == [
        ("shop", "/v2/{x}", ("GET",)),
        ("other", "/v2/{x}", ("GET",)),
        ("other", "/z", ("*",)),
    ]
