"""How much of its limits a client has used: for itself, and for the management API."""

from dataclasses import asdict, dataclass

from intertie.gateway.authz.settings import AuthzSettings
from intertie.gateway.limits.plan import ALL_ROUTES, Asker, LimitPlan
from intertie.identity.principal import Kind, Principal
from intertie.limits.counters import Counters
from intertie.limits.decide import MICROSECONDS, Standing
from intertie.suite.values import DEFAULT_TENANT

_KINDS: tuple[Kind, ...] = ("user", "key", "service")


@dataclass(frozen=True, slots=True)
class Used:
    """One policy of one client."""

    policy: str
    route: str
    """`*` is all routes that have no rate of their own."""
    limit: int
    window_s: int
    used: int
    remaining: int
    reset_s: int
    """Until more is free."""


async def usage(
    client: str, tenant: str = DEFAULT_TENANT, *, settings: AuthzSettings, counters: Counters
) -> list[Used]:
    """Of `user:ada`, `key:3f9a` or `ip:192.0.2.1`; nothing is taken.

    Raises ValueError for a client that is none, BusError if the counters are away.
    """
    if settings.limits is None:
        return []
    plan, asker = LimitPlan(settings.limits, settings.tenants), _asker(client, tenant)
    by_route = "route" in settings.limits.key.split("+")
    found: list[Used] = []
    for name, route in [(ALL_ROUTES, None), *sorted(settings.routes.items())]:
        windows = route.rate_limit if route else None
        if route is None or (route.limited and (windows is not None or by_route)):
            account = plan.account(asker, name, windows)
            found += [_used(each, name) for each in await counters.usage(account)]
    return list(dict.fromkeys(found))


def as_json(client: str, tenant: str, found: list[Used]) -> dict[str, object]:
    """As the authorizer answers it."""
    return {"client": client, "tenant": tenant, "policies": [asdict(each) for each in found]}


def _asker(client: str, tenant: str) -> Asker:
    kind, _, name = client.partition(":")
    if kind == "ip" and name:
        return Asker(name)
    for known in _KINDS:
        if kind == known and name:
            return Asker("", Principal(known, name, tenant))
    raise ValueError("expected a client such as user:ada, key:3f9a or ip:192.0.2.1")


def _used(standing: Standing, route: str) -> Used:
    policy = standing.policy
    # A policy of the tenant is the same on each route.
    where = ALL_ROUTES if policy.name.startswith("tenant-") else route
    return Used(
        policy.name,
        where,
        policy.count,
        policy.period_us // MICROSECONDS,
        policy.count - standing.remaining,
        standing.remaining,
        -(-standing.reset_us // MICROSECONDS),
    )
