"""Names of routes: what logs, records, metrics and objectives call each of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from intertie.suite.model import Suite
from intertie.suite.openapi import ImportedRoute
from intertie.suite.route import Route
from intertie.suite.tree import Keys


@dataclass(frozen=True, slots=True)
class NamedRoute:
    """A route, its name, and where the suite file says it."""

    name: str
    route: Route
    keys: Keys


def named(routes: Iterable[tuple[Route, Keys]]) -> Iterator[NamedRoute]:
    """By their paths, a tenant's as `acme:/path`; the second of one name ends with `#2`."""
    taken: dict[str, int] = {}
    for route, keys in routes:
        first = f"{keys[1]}:{route.path}" if keys[0] == "tenants" else route.path
        taken[first] = count = taken.get(first, 0) + 1
        yield NamedRoute(first if count == 1 else f"{first}#{count}", route, keys)


def declared_routes(suite: Suite) -> Iterator[tuple[Route, Keys]]:
    """Those of the gateway, then those of tenants; what Intertie adds comes after them."""
    for index, route in enumerate(suite.gateway.routes if suite.gateway else ()):
        yield route, _place(route, index)
    for name, tenant in sorted(suite.tenants.items()):
        for index, route in enumerate(tenant.own_routes(name)):
            yield route, ("tenants", name, "routes", index)


def route_names(suite: Suite) -> tuple[str, ...]:
    """Of all that a suite declares, imported ones once they are there."""
    return tuple(each.name for each in named(declared_routes(suite)))


def _place(route: Route, index: int) -> Keys:
    if isinstance(route, ImportedRoute):
        return ("gateway", "openapi", route.origin.index)
    return ("gateway", "routes", index)
