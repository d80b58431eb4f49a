"""Which meters a request is held against, from what the suite says. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from intertie.identity.principal import Principal
from intertie.limits.counters import Account
from intertie.limits.decide import MICROSECONDS, Algorithm, Meter, Policy
from intertie.limits.lease import LEASE_US, SHORTEST_US
from intertie.suite.identity import TenantRates
from intertie.suite.limits import SECONDS, RateLimiting, Unit, Window
from intertie.suite.values import DEFAULT_TENANT

ALL_ROUTES = "*"
"""The class of all routes that name no rate of their own."""
MAX_NAME = 128
_HEADER = "header:"
# A bucket of a longer window would refill too slowly to be of use to anybody.
_LONGEST_BUCKET_S = 60
_CALENDAR: tuple[Unit, ...] = ("day", "month")


@dataclass(frozen=True, slots=True)
class Asker:
    """Who sends a request, as far as limits care."""

    address: str
    """Of the client, as the gateway has established it."""
    principal: Principal | None = None
    headers: Mapping[str, str] | None = None
    """Those that the limit's key names."""

    @property
    def tenant(self) -> str:
        """The default tenant is that of who is not known."""
        return self.principal.tenant if self.principal else DEFAULT_TENANT

    @property
    def client(self) -> str:
        """Who it proved to be, else where it is."""
        return self.principal.client if self.principal else f"ip:{network(self.address)}"


@lru_cache(maxsize=10_000)
def network(address: str) -> str:
    """What is counted as one address: of IPv6 the /64, which is what one subscriber gets."""
    try:
        found = ip_address(address)
    except ValueError:
        return "unknown"
    if not isinstance(found, IPv6Address):
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return f"{IPv6Address(int(found) >> 64 << 64)}/64"


class LimitPlan:
    """The limits of one generation of the suite file."""

    def __init__(
        self, limits: RateLimiting, tenants: Mapping[str, TenantRates] | None = None
    ) -> None:
        self._limits = limits
        self._tenants = tenants or {}
        pair = (limits.default_rate, "default"), (limits.burst_rate, "burst")
        parts = limits.key.split("+")
        self.headers = tuple(_headers(parts))
        """Names of the headers that the key asks for."""
        self._usual = tuple(self._policy(name, window) for window, name in pair if window)

    def account(self, asker: Asker, route: str, windows: tuple[Window, ...] | None) -> Account:
        """What a request on a route is held against; `windows` are the route's own, if any."""
        policies, scope = self._policies(asker, route, windows)
        subject = f"{asker.tenant}|{scope}|{self._key(asker, scope)}"
        meters = [*_meters(subject, policies), *self._of_tenant(asker.tenant)]
        return Account(subject, asker.tenant, tuple(meters))

    def preflight(self, asker: Asker) -> Account | None:
        """What a CORS preflight is held against, which nobody logs in for."""
        if self._limits.preflight_rate is None:
            return None
        policy = self._policy("preflight", self._limits.preflight_rate)
        key = f"preflight|ip:{network(asker.address)}"
        return Account(key, DEFAULT_TENANT, tuple(_meters(key, [policy])))

    def _policies(
        self, asker: Asker, route: str, windows: tuple[Window, ...] | None
    ) -> tuple[Iterable[Policy], str]:
        by_route = "route" in self._limits.key.split("+")
        if windows is not None:
            return [self._policy(f"route-{each.unit}", each) for each in windows], route
        own = self._limits.consumers.get(asker.client)
        scope = route if by_route else ALL_ROUTES
        if own is not None:
            return [self._policy(f"consumer-{each.unit}", each) for each in own], scope
        return self._usual, scope

    def _key(self, asker: Asker, scope: str) -> str:
        parts = (self._part(part, asker) for part in self._limits.key.split("+"))
        return "|".join(part for part in parts if part) or scope

    def _part(self, part: str, asker: Asker) -> str:
        if part == "client":
            return asker.client
        if part == "ip":
            return f"ip:{network(asker.address)}"
        if part == "tenant":
            return f"tenant:{asker.tenant}"
        if part == "route":
            return ""
        name = part.removeprefix(_HEADER)
        value = (asker.headers or {}).get(name, "")[:MAX_NAME]
        return f"{name}={value}" if value else asker.client

    def _of_tenant(self, tenant: str) -> Iterable[Meter]:
        rates = self._tenants.get(tenant)
        if rates is None:
            return ()
        counts: tuple[tuple[int | None, str, Unit], ...] = (
            (rates.burst_limit, "tenant-burst", "second"),
            (rates.requests_per_minute, "tenant-minute", "minute"),
            (rates.requests_per_hour, "tenant-hour", "hour"),
        )
        policies = [
            self._policy(name, Window(SECONDS[unit], count, unit))
            for count, name, unit in counts
            if count
        ]
        return _meters(f"tenant:{tenant}", policies)

    def _policy(self, name: str, window: Window) -> Policy:
        limits = self._limits
        period_us = window.period_s * MICROSECONDS
        lag_us = LEASE_US if limits.counters == "shared" and period_us >= SHORTEST_US else 0
        algorithm = self._algorithm(window)
        by_month = algorithm == "fixed" and window.unit == "month"
        return Policy(name, window.count, period_us, algorithm, lag_us, by_month)

    def _algorithm(self, window: Window) -> Algorithm:
        limits = self._limits
        if limits.calendar and window.unit in _CALENDAR:
            return "fixed"
        if limits.algorithm == "bucket" and window.period_s > _LONGEST_BUCKET_S:
            return "sliding"
        return limits.algorithm


def _headers(parts: Iterable[str]) -> Iterable[str]:
    return (part.removeprefix(_HEADER) for part in parts if part.startswith(_HEADER))


def _meters(subject: str, policies: Iterable[Policy]) -> Iterable[Meter]:
    for policy in policies:
        kind = f"{policy.algorithm}-{policy.period_us // MICROSECONDS}"
        yield Meter(f"{subject}|{kind}", policy)
