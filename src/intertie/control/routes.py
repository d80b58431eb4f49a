"""The gateway's routes as the suite file has them, and what would become of a request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from intertie.errors import IntertieError
from intertie.gateway.explain import Asked, explain
from intertie.gateway.routes import Routes, Rule, Sockets, Surroundings, build
from intertie.suite.load import Loaded
from intertie.suite.model import Suite
from intertie.suite.tree import Keys

MAX_TARGET = 8192


@dataclass(frozen=True, slots=True)
class RouteLine:
    """One route, in the order the gateway tries them."""

    path: str
    methods: tuple[str, ...]
    target: str
    auth: tuple[str, ...]
    """What is accepted; empty is open to everybody."""
    roles: tuple[str, ...]
    rate: str
    cached: bool
    place: str


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing a request is held against."""

    policy: str
    value: str
    key: str
    place: str
    """File and line; of the nearest table where the key is not said."""


@dataclass(frozen=True, slots=True)
class RequestExplained:
    """What becomes of a request."""

    status: int | None
    """Of an answer without a service; None where a service is asked."""
    why: str
    route: str
    place: str
    reasons: tuple[Reason, ...]


def list_routes(loaded: Loaded) -> Sequence[RouteLine]:
    """All, the ones tried first coming first."""
    return [_line(rule, loaded) for rule in routes_of(loaded.suite).rules]


def explain_request(
    loaded: Loaded, method: str, target: str, headers: Mapping[str, str]
) -> RequestExplained:
    """By the suite file alone; nothing has to run. Raises IntertieError for what is no request."""
    if not target.startswith("/") or len(target) > MAX_TARGET:
        raise IntertieError(f"cannot explain {target!r}: expected a path such as /api/users?page=2")
    low = {name.lower(): value for name, value in headers.items()}
    outcome = explain(routes_of(loaded.suite), Asked(method.upper(), target, low))
    return RequestExplained(
        status=outcome.status,
        why=outcome.why,
        route=outcome.route,
        place=_place(loaded, outcome.keys) if outcome.keys else "",
        reasons=tuple(
            Reason(each.policy, each.value, _dotted(each.keys), _place(loaded, each.keys))
            for each in outcome.decisions
        ),
    )


def routes_of(suite: Suite) -> Routes:
    """By the suite alone: no replica and no credential is known. Raises IntertieError."""
    if suite.gateway is None:
        raise IntertieError("cannot show routes: the suite has no `gateway:`")
    door = suite.identity is not None
    sockets = Sockets(authorizer="authz.sock", login="login.sock") if door else Sockets()
    return build(suite, {}, Surroundings(issuer="", jwks={}, files=_NoFiles(), sockets=sockets))


class _NoFiles(dict[str, str]):
    """Key sets decide nothing here."""

    def __missing__(self, name: str) -> str:
        return ""


def _line(rule: Rule, loaded: Loaded) -> RouteLine:
    route = rule.route
    target = " | ".join(f"{part.service} {part.weight}" for part in route.split)
    if route.redirect:
        target = f"→ {route.redirect.to}"
    if route.answer:
        target = f"answer {route.answer.status}"
    return RouteLine(
        path=route.path,
        methods=rule.methods,
        target=route.service or target,
        auth=rule.auth if rule.is_closed else (),
        roles=route.roles,
        rate=_rate(rule),
        cached=rule.is_cached,
        place=_place(loaded, rule.keys),
    )


def _rate(rule: Rule) -> str:
    if rule.limits is None:
        return ""
    usual = [each for each in (rule.limits.default_rate, rule.limits.burst_rate) if each]
    return ", ".join(map(str, usual if rule.route.rate_limit is None else rule.route.rate_limit))


def _dotted(keys: Keys) -> str:
    text = ""
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text


def _place(loaded: Loaded, keys: Keys) -> str:
    return str(loaded.places[keys])
