"""Whether running services have the endpoints that routes lead to. Only safe methods are used."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import httpx
from anyio import CapacityLimiter, create_task_group

from intertie.gateway.openapi.probe import ANY, Endpoint, Found, Service, Verdict
from intertie.gateway.routes import Rule

TIMEOUT_S = 5.0
PATIENCE_S = 10.0
AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class EndpointResult:
    """What was found of one method of one route."""

    route: str
    service: str
    path: str
    """At the service."""
    method: str
    """`*` when the route takes any."""
    verdict: Verdict
    asked: str
    """`OPTIONS /users`; empty when nothing could be."""
    answered: str


@dataclass(frozen=True, slots=True)
class EndpointReport:
    """All results, in the order of the routes."""

    results: tuple[EndpointResult, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is known to be missing."""
        return all(each.verdict in {"ok", "undecidable"} for each in self.results)

    @property
    def wrong(self) -> tuple[EndpointResult, ...]:
        """What is missing or down."""
        return tuple(each for each in self.results if each.verdict not in {"ok", "undecidable"})


def endpoints(rules: Sequence[Rule]) -> Iterator[Endpoint]:
    """What the services of the rules should have. Methods that a route does not say are any."""
    for rule in rules:
        route = rule.route
        path = (route.rewrite or route.path.removeprefix(rule.strip)) or "/"
        said = "methods" in route.model_fields_set
        methods = tuple(sorted(route.methods)) if said else (ANY,)
        names = [route.service] if route.service else [part.service for part in route.split]
        for service in names:
            yield Endpoint(route.path, service, path, methods, route.exact)


async def check_endpoints(
    rules: Sequence[Rule],
    addresses: Mapping[str, str],
    *,
    timeout_s: float = TIMEOUT_S,
    patience_s: float = PATIENCE_S,
    transport: httpx.AsyncBaseTransport | None = None,
) -> EndpointReport:
    """Asks each running service; `addresses` has where each is: `http://127.0.0.1:8081`.

    One that just starts has `patience_s` to begin to listen there.
    """
    wanted = list(endpoints(rules))
    found: dict[int, list[EndpointResult]] = {}
    async with httpx.AsyncClient(
        timeout=timeout_s, transport=transport, follow_redirects=False, trust_env=False
    ) as client:
        services = {
            name: Service(addresses.get(name), client, patience_s) for name in _names(wanted)
        }
        limit = CapacityLimiter(AT_ONCE)
        async with create_task_group() as group:
            for service in services.values():
                group.start_soon(service.describe)

        async def look(index: int, endpoint: Endpoint) -> None:
            async with limit:
                service = services[endpoint.service]
                found[index] = [
                    _result(endpoint, method, await service.method(endpoint, method))
                    for method in endpoint.methods
                ]

        async with create_task_group() as group:
            for index, endpoint in enumerate(wanted):
                group.start_soon(look, index, endpoint)
    return EndpointReport(tuple(each for index in sorted(found) for each in found[index]))


def _names(wanted: Sequence[Endpoint]) -> list[str]:
    return sorted({endpoint.service for endpoint in wanted})


def _result(endpoint: Endpoint, method: str, found: Found) -> EndpointResult:
    return EndpointResult(
        endpoint.route,
        endpoint.service,
        endpoint.path,
        method,
        found.verdict,
        found.asked,
        found.answered,
    )
