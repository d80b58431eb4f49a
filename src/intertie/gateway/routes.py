"""The gateway's routes in a small intermediate form, all that the translator reads. Pure."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from intertie.plan import Endpoint
from intertie.suite.model import Gateway, Route, Suite

_NAMED = re.compile(r"\{[^/{}]+\}")


@dataclass(frozen=True, slots=True)
class Rule:
    """One route. Rules are tried in order; the first that matches the path decides."""

    path: str
    segments: tuple[str | None, ...]
    """Of the path; None stands for any one segment."""
    cluster: str
    methods: tuple[str, ...]
    strip: str
    """Beginning of the path that is not forwarded, with no slash at its end; empty for none."""
    auth: bool
    timeout_s: float
    websocket: bool
    max_body_bytes: int | None
    has_spare: bool
    """Whether there is another replica to try when one fails."""

    @property
    def is_literal(self) -> bool:
        """Whether the path has no named segment."""
        return None not in self.segments


@dataclass(frozen=True, slots=True)
class Cluster:
    """A service that requests can go to, and where its replicas are now."""

    name: str
    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class TokenCheck:
    """Which tokens are accepted."""

    issuer: str
    audience: str
    jwks: str
    """The key set as JSON text."""


@dataclass(frozen=True, slots=True)
class Routes:
    """All that the translator needs."""

    rules: tuple[Rule, ...]
    clusters: tuple[Cluster, ...]
    tokens: TokenCheck


def build(
    suite: Suite,
    endpoints: Mapping[str, tuple[Endpoint, ...]],
    *,
    issuer: str,
    jwks: Mapping[str, Any],
) -> Routes:
    """The routes of a suite; a service without endpoints still has its (empty) cluster."""
    gateway = suite.gateway or Gateway()
    rules = sorted((_rule(route, suite) for route in gateway.routes), key=_precedence)
    names = sorted({rule.cluster for rule in rules})
    return Routes(
        rules=tuple(rules),
        clusters=tuple(Cluster(name, endpoints.get(name, ())) for name in names),
        tokens=TokenCheck(issuer, gateway.jwt.audience, json.dumps(jwks, sort_keys=True)),
    )


def _rule(route: Route, suite: Suite) -> Rule:
    segments = tuple(_segments(route.path))
    return Rule(
        path=route.path,
        segments=segments,
        cluster=route.service,
        methods=_methods(route),
        strip=_strip(route, segments),
        auth=route.auth_required,
        timeout_s=route.timeout,
        websocket=route.websocket,
        max_body_bytes=route.max_body,
        has_spare=suite.services[route.service].replicas > 1,
    )


def _segments(path: str) -> Iterator[str | None]:
    for segment in path.split("/"):
        if segment:
            yield None if _NAMED.fullmatch(segment) else segment


def _methods(route: Route) -> tuple[str, ...]:
    """A resource that has GET has HEAD (RFC 9110, section 9.3.2)."""
    wanted = {*route.methods, *(("HEAD",) if "GET" in route.methods else ())}
    return tuple(sorted(wanted))


def _strip(route: Route, segments: tuple[str | None, ...]) -> str:
    if route.strip_prefix is not None:
        return route.strip_prefix.rstrip("/")
    if not route.strip:
        return ""
    literal = segments[: segments.index(None)] if None in segments else segments
    return "".join(f"/{segment}" for segment in literal)


def _precedence(rule: Rule) -> tuple[object, ...]:
    """More segments first; of equally long ones, the one that is literal earlier."""
    return (-len(rule.segments), tuple(segment is None for segment in rule.segments), rule.path)
