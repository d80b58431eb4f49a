"""The gateway's routes in a small intermediate form, all that the translator reads. Pure."""

import json
import re
from base64 import b64encode
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from intertie.identity.tokens.revocation import Revoked
from intertie.plan import Endpoint
from intertie.suite.cache import Caching, is_cached
from intertie.suite.external import External
from intertie.suite.gateway import Compression, Gateway
from intertie.suite.identity import TenantRates
from intertie.suite.limits import RateLimiting
from intertie.suite.model import Suite
from intertie.suite.openapi import ImportedRoute, Origin
from intertie.suite.route import Route
from intertie.suite.route_names import declared_routes, named
from intertie.suite.security import (
    Addresses,
    AuthMethod,
    Cors,
    Csrf,
    ExternalAuthorization,
    SecurityHeaders,
)
from intertie.suite.tls import Tls
from intertie.suite.tree import Keys
from intertie.suite.upstream import AdaptiveConcurrency, CircuitBreaker, Upstream

_NAMED = re.compile(r"\{[^/{}]+\}")

AUTHORIZER, LOGIN = "intertie.authorizer", "intertie.login"
WEBHOOKS = "intertie.webhooks"
"""Clusters of what runs beside Envoy."""
WEBHOOK_PATH = "/webhooks"
MAX_DELIVERY_BYTES = 1 << 20
OWN_USAGE = "/own-usage"
"""Of the authorizer."""

Credential = Literal["none", "jwt", "api_key", "session", "signature", "missing"]
"""What a request shows to prove who sent it: nothing where nothing is needed, or `missing`."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One route, with all that it has from elsewhere. Rules are tried in order; the first wins."""

    id: str
    """Its name in logs and records."""
    route: Route
    """As the suite has it."""
    segments: tuple[str | None, ...]
    """Of the path; None stands for any one segment."""
    methods: tuple[str, ...]
    strip: str
    """Beginning of the path that is not forwarded, with no slash at its end; empty for none."""
    has_spare: bool
    """Whether there is another replica to try when one fails."""
    auth: tuple[AuthMethod, ...]
    """What is accepted."""
    callers: tuple[str, ...] | None = None
    """Tenants whose callers are let in; None is all of them."""
    foreign: tuple[tuple[str, str], ...] = ()
    """Issuers whose tokens are accepted beside the suite's own, and where these name roles."""
    is_closed: bool = True
    """Whether anything must be shown; when nothing is accepted, nobody comes in."""
    has_sealed_keys: bool = False
    """Whether Envoy itself compares API keys."""
    has_revocations: bool = False
    """Whether tokens can be revoked here."""
    cors: Cors | None = None
    csrf: Csrf = field(default_factory=lambda: Csrf(enabled=False))
    addresses: Addresses = field(default_factory=Addresses)
    keys: Keys = field(default=(), compare=False)
    """Where the suite file says it."""
    outside: Mapping[str, External] = field(default_factory=dict[str, External])
    """Those of its targets that others run."""
    adaptive: AdaptiveConcurrency | None = None
    """How many requests at once its service is given."""
    is_cached: bool = False
    """Whether its requests take the way through the cache."""
    limits: RateLimiting | None = None
    """Settings of the limits it is under; None is under none."""
    tenants: Mapping[str, TenantRates] = field(default_factory=dict[str, TenantRates])
    """Rates of whole tenants, where limits hold."""
    compression: Compression = field(default_factory=Compression)
    check: Origin | None = None
    """What its requests are held against; None: nothing."""
    descriptor: str = field(default="", repr=False)
    """What describes the services of a route with `grpc_json`: base64."""

    @property
    def is_literal(self) -> bool:
        """Whether the path has no named segment."""
        return None not in self.segments

    @property
    def credentials(self) -> tuple[Credential, ...]:
        """What a request may show; of several, what is looked for first."""
        if not self.is_closed:
            return ("none",)
        shown = _both(LOOKED_FOR, self.auth)
        return shown if "jwt" in shown else (*shown, "missing")


# A token is looked for last: who shows nothing at all is told that one is missing.
LOOKED_FOR: tuple[AuthMethod, ...] = ("signature", "api_key", "session", "jwt")

_USUAL: tuple[AuthMethod, ...] = ("api_key", "session", "jwt")


@dataclass(frozen=True, slots=True)
class Cluster:
    """A service that requests can go to, and where its replicas are now."""

    name: str
    endpoints: tuple[Endpoint, ...]
    upstream: Upstream = field(default_factory=Upstream)
    failover: tuple[tuple[Endpoint, ...], ...] = ()
    """Where to go when no replica is well, in this order."""
    external: External | None = None
    """Of somebody else: it has no replicas."""


@dataclass(frozen=True, slots=True)
class TokenCheck:
    """Which tokens are accepted: those of one issuer."""

    issuer: str
    audiences: tuple[str, ...]
    jwks: str
    """The key set as JSON text; empty where `jwks_uri` says it."""
    jwks_uri: str = ""
    jwks_cache_s: float = 300.0
    roles_claim: str = "roles"
    is_own: bool = True


@dataclass(frozen=True, slots=True)
class Sockets:
    """Helpers beside Envoy, by their sockets relative to its folder; empty is not there."""

    authorizer: str = ""
    login: str = ""
    webhooks: str = ""


@dataclass(frozen=True, slots=True)
class Routes:
    """All that the translator needs."""

    rules: tuple[Rule, ...]
    clusters: tuple[Cluster, ...]
    tokens: tuple[TokenCheck, ...]
    """The suite's own issuer first."""
    login_url: str = ""
    """Where a browser without a login is sent."""
    headers: SecurityHeaders = field(default_factory=SecurityHeaders)
    sockets: Sockets = Sockets()
    caching: Caching | None = None
    limits: RateLimiting | None = None
    """Of all routes that name none."""
    tenants: Mapping[str, TenantRates] = field(default_factory=dict[str, TenantRates])
    revoked: tuple[Revoked, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """API keys that Envoy compares itself, and whose they are as `x-forwarded-user`."""
    tls: Tls | None = None
    policy: ExternalAuthorization | None = None
    """Of one's own, which routes may ask."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the routes of a suite need to know beside it."""

    issuer: str
    jwks: Mapping[str, Any]
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    """Contents of the key sets that foreign issuers have as files."""
    descriptors: Mapping[str, bytes] = field(default_factory=dict[str, bytes], repr=False)
    """Contents of the files that describe gRPC services, as routes name them."""
    sockets: Sockets = Sockets()
    revoked: tuple[Revoked, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


def build(
    suite: Suite, endpoints: Mapping[str, tuple[Endpoint, ...]], around: Surroundings
) -> Routes:
    """The routes of a suite; a service without endpoints still has its (empty) cluster."""
    gateway = suite.gateway or Gateway()
    rules = sorted(_rules(gateway, suite, around), key=_precedence)
    calls = {name for rule in rules if _is_grpc(rule.route) for name in rule.route.services}
    names = sorted(_targets(gateway, rules) - {AUTHORIZER, LOGIN, WEBHOOKS})
    return Routes(
        rules=tuple(rules),
        clusters=tuple(_cluster(name, gateway, endpoints, calls=name in calls) for name in names),
        tokens=tuple(_tokens(gateway, around)),
        headers=gateway.security.headers,
        login_url=f"{suite.identity.login_path}/login" if suite.identity else "",
        caching=gateway.cache,
        limits=gateway.limits,
        tenants={name: tenant.rate_limits for name, tenant in suite.tenants.items()},
        sockets=around.sockets,
        revoked=around.revoked,
        keys=around.keys,
        tls=gateway.tls,
        policy=gateway.security.external_authorization,
    )


def _targets(gateway: Gateway, rules: Iterable[Rule]) -> set[str]:
    """All that requests and connections may go to."""
    policy = gateway.security.external_authorization
    named = {name for rule in rules for name in rule.route.services}
    named |= {each.service for each in gateway.streams}
    return named | ({policy.service} if policy else set())


def _known_methods(suite: Suite, gateway: Gateway, around: Surroundings) -> tuple[AuthMethod, ...]:
    """What a caller may show, as far as somebody is there who can check it."""
    wanted = gateway.security.authentication
    methods = wanted.methods or (_USUAL if suite.identity is not None else ("jwt",))
    checked: set[AuthMethod] = {"jwt"}
    if around.sockets.authorizer and suite.identity is not None:
        checked |= {"session", "api_key", "signature"}
    elif wanted.api_keys == "sealed":
        checked.add("api_key")
    return _both(methods, checked)


def _both(methods: Iterable[AuthMethod], others: Collection[str]) -> tuple[AuthMethod, ...]:
    return tuple(each for each in methods if each in others)


def _rules(gateway: Gateway, suite: Suite, around: Surroundings) -> Iterator[Rule]:
    known = _known_methods(suite, gateway, around)
    added: list[tuple[Route, Keys]]
    added = [(route, ("identity", "login_path")) for route in _login_routes(suite, around)]
    added += [(route, ("integrations",)) for route in _webhook_routes(around)]
    for each in named((*declared_routes(suite), *added)):
        made = _rule(each.name, each.route, gateway, suite, known)
        yield replace(made, keys=each.keys, descriptor=_descriptor(each.route, around))


def _check(route: Route) -> Origin | None:
    if isinstance(route, ImportedRoute) and route.origin.document:
        return route.origin
    return None


def _rule(
    name: str, route: Route, gateway: Gateway, suite: Suite, known: tuple[AuthMethod, ...]
) -> Rule:
    segments = tuple(_segments(route.path))
    security = gateway.security
    auth = _both(known, route.auth_methods or known)
    check = _check(route)
    compress = gateway.compression.enabled if route.compression is None else route.compression
    return Rule(
        id=name,
        route=route,
        segments=segments,
        methods=_methods(route),
        strip=_strip(route, segments),
        has_spare=any(_replicas(suite, service) > 1 for service in route.services),
        auth=auth if route.auth_required else (),
        is_closed=route.auth_required,
        foreign=tuple((i.issuer, i.roles_claim) for i in security.authentication.issuers),
        # Envoy keeps what it compares to itself: where the authorizer looks too, it looks at keys.
        has_sealed_keys=check is None and _envoy_may_compare(route, gateway, suite),
        callers=_callers(route, suite),
        has_revocations=suite.identity is not None,
        cors=route.cors or security.cors,
        csrf=security.csrf.model_copy(update={"enabled": _needs_csrf(security.csrf, auth)}),
        addresses=route.addresses or security.addresses,
        outside={n: gateway.external[n] for n in route.services if n in gateway.external},
        adaptive=gateway.upstreams.get(route.service or "", Upstream()).adaptive_concurrency,
        is_cached=_is_cached(route, gateway),
        limits=_limits(route, gateway),
        tenants={name: tenant.rate_limits for name, tenant in suite.tenants.items()},
        compression=gateway.compression.model_copy(update={"enabled": compress}),
        check=check,
    )


def _descriptor(route: Route, around: Surroundings) -> str:
    """Inside the configuration: Envoy reads no file of the suite."""
    if route.grpc_json is None:
        return ""
    return b64encode(around.descriptors[route.grpc_json.descriptor]).decode()


def _login_routes(suite: Suite, around: Surroundings) -> Iterator[Route]:
    """The login pages and the endpoints of the token issuer, open to everybody.

    And how much of its limits a client has used, where the authorizer counts: for itself alone.
    """
    if suite.identity is None or not around.sockets.login:
        return
    path = suite.identity.login_path
    for each in (path, f"/.well-known/oauth-authorization-server{path}"):
        yield Route(
            path=each, service=LOGIN, methods=("GET", "POST"), auth_required=False, cache_ttl=0.0
        )
    limits = (suite.gateway or Gateway()).limits
    if around.sockets.authorizer and limits is not None and limits.counters == "shared":
        yield Route(
            path=f"{path}/usage",
            exact=True,
            rewrite=OWN_USAGE,
            service=AUTHORIZER,
            methods=("GET",),
            cache_ttl=0.0,
            unlimited=True,
        )


def _webhook_routes(around: Surroundings) -> Iterator[Route]:
    """Where vendors deliver: what they send is signed, and looked at by who takes it."""
    if around.sockets.webhooks:
        yield Route(
            path=WEBHOOK_PATH,
            service=WEBHOOKS,
            methods=("GET", "POST"),
            auth_required=False,
            cache_ttl=0.0,
            unlimited=True,
            max_body=MAX_DELIVERY_BYTES,
        )


def _envoy_may_compare(route: Route, gateway: Gateway, suite: Suite) -> bool:
    """Of a key Envoy knows only whose it is: what else is asked is for the authorizer."""
    asks_more = route.roles or route.scopes or route.tenants or route.feature
    is_sealed = gateway.security.authentication.api_keys == "sealed"
    counted = any(each.rate_limits != TenantRates() for each in suite.tenants.values())
    limits = _limits(route, gateway)
    counts = limits is not None and (limits.counters == "shared" or bool(limits.consumers))
    return is_sealed and not (asks_more or counted or counts or _is_cached(route, gateway))


def _callers(route: Route, suite: Suite) -> tuple[str, ...] | None:
    """The tenants whose callers are let in; None is all of them."""
    if not route.tenants and route.feature is None:
        return None
    buyers = {n for n, tenant in suite.tenants.items() if route.feature in tenant.features}
    named = set(route.tenants or suite.tenants)
    return tuple(sorted(named & buyers if route.feature is not None else named))


def _is_cached(route: Route, gateway: Gateway) -> bool:
    """A stream, a socket and what may go to several services have no one answer to keep."""
    endless = route.websocket or route.timeout == 0 or route.grpc_web or route.grpc_json
    return is_cached(gateway.cache, route) and route.service is not None and not endless


def _limits(route: Route, gateway: Gateway) -> RateLimiting | None:
    if route.unlimited or (route.rate_limit is None and gateway.limits is None):
        return None
    return gateway.limits or RateLimiting()


def _needs_csrf(csrf: Csrf, auth: Sequence[AuthMethod]) -> bool:
    """Only where a browser proves by itself who its user is: by a cookie."""
    return csrf.enabled and "session" in auth


def _replicas(suite: Suite, service: str) -> int:
    found = suite.services.get(service)
    return found.replicas if found else 0


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


def of_host(rules: Sequence[Rule], domain: str) -> list[Rule]:
    """Those that hold for a domain: path by path, what names it before what names none."""
    found = [rule for rule in rules if domain in rule.route.hosts or not rule.route.hosts]
    return sorted(found, key=lambda rule: (_path_of(rule), not rule.route.hosts, _precedence(rule)))


def _path_of(rule: Rule) -> tuple[object, ...]:
    """Equal for rules of one path; what is more telling is less."""
    named = tuple(segment is None for segment in rule.segments)
    path = tuple(segment or "" for segment in rule.segments)
    return (-len(rule.segments), named, path, not rule.route.exact)


def _precedence(rule: Rule) -> tuple[object, ...]:
    """More segments first; of equally long ones, the one that is literal earlier.

    Of one path, the rule that asks for more comes first: only the path, then other conditions.
    """
    asked = len(rule.route.headers) + len(rule.route.query) + len(rule.route.cookies)
    return (*_path_of(rule), -asked, rule.id)


def _is_grpc(route: Route) -> bool:
    return route.grpc_web or route.grpc_json is not None


def _cluster(
    name: str, gateway: Gateway, endpoints: Mapping[str, tuple[Endpoint, ...]], *, calls: bool
) -> Cluster:
    upstream = gateway.upstreams.get(name, Upstream())
    if calls or (upstream.health_check and upstream.health_check.grpc):
        # gRPC is HTTP/2 only.
        upstream = upstream.model_copy(update={"protocol": "http2"})
    if upstream.circuit_breaker is None and "circuit breaking" in gateway.policies:
        upstream = upstream.model_copy(update={"circuit_breaker": CircuitBreaker()})
    others = tuple(endpoints.get(other, ()) for other in upstream.failover)
    external = gateway.external.get(name)
    return Cluster(name, endpoints.get(name, ()), upstream, others, external=external)


def _tokens(gateway: Gateway, around: Surroundings) -> Iterator[TokenCheck]:
    own = json.dumps(around.jwks, sort_keys=True)
    yield TokenCheck(around.issuer, (gateway.jwt.audience,), own)
    for foreign in gateway.security.authentication.issuers:
        yield TokenCheck(
            issuer=foreign.issuer,
            audiences=foreign.audiences,
            jwks=around.files[foreign.jwks_file] if foreign.jwks_file else "",
            jwks_uri=foreign.jwks_uri or "",
            jwks_cache_s=foreign.jwks_cache,
            roles_claim=foreign.roles_claim,
            is_own=False,
        )
