"""What is done to requests on their way: one file for each policy, one line of the chain for each.

The chain is part of the constant listener: every filter is always in it, and off unless a route
switches it on. What changes without a route's change is read from a file of the filter's own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from intertie.gateway.authz.signed import ASKED as SIGNED
from intertie.gateway.policy import (
    adaptive,
    addresses,
    authz,
    compression,
    cors,
    csrf,
    external_authz,
    fault,
    geo,
    grpc,
    keys,
    limits,
    revoked,
    roles,
    size,
    tokens,
    transform,
)
from intertie.gateway.routes import Credential, Routes, Rule
from intertie.gateway.rules import is_asked
from intertie.gateway.xds import Json, disabled, file_source, filter_file
from intertie.suite.gateway import Gateway
from intertie.suite.limits import RateLimiting


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter of the chain."""

    name: str
    kind: str
    """Of its configuration: a type URL."""
    on_route: Callable[[Rule, Credential], Json | None]
    """What a route says of it; None leaves it as it is elsewhere."""
    config: Json | None = None
    """Its own configuration, which never changes; None where that is elsewhere."""
    standing: Callable[[Gateway], Json | None] | None = None
    """Its own configuration, of what is said to Envoy once; where that is None, it is left out."""
    file: Callable[[Routes], Json] | None = None
    """What the file holds."""
    is_on: bool = False
    """On routes that say nothing."""


_MAX_SIGNED_BYTES = 1024 * 1024
"""A signature is of the whole body, which the authorizer therefore has to see."""


def _asked(rule: Rule, credential: Credential) -> Json | None:
    if not is_asked(rule, credential):
        return None
    held = rule.check.held if rule.check else None
    if credential == "signature":
        return authz.authz_on(max(held.max_checked_body if held else 0, _MAX_SIGNED_BYTES))
    return authz.authz_on(held.max_checked_body if held else None)


def _authorizer(routes: Routes) -> Json:
    parts = routes.limits.key.split("+") if routes.limits else []
    counted = [part.removeprefix("header:") for part in parts if part.startswith("header:")]
    checked = {name for rule in routes.rules if rule.check for name in rule.check.headers}
    shown = {each for rule in routes.rules for each in rule.auth}
    signed = SIGNED if "signature" in shown else ()
    named = sorted({*counted, *checked, *signed}.difference(authz.ASKED))
    return authz.config(named, has_tokens="jwt" in shown)


def _of_a_slot(slot: limits.Slot) -> tuple[Filter, Filter]:
    """What counts, and before it what tells the client."""

    def on_route(rule: Rule, credential: Credential) -> Json | None:
        if rule.limits is None or rule.limits.counters != "local" or credential == "missing":
            return None
        return limits.on_route(
            slot, rule.limits, windows=rule.route.rate_limit, tenants=rule.tenants
        )

    def file(routes: Routes) -> Json:
        own = {r.id: r.route.rate_limit for r in routes.rules if r.limits is not None}
        chosen = routes.limits or (RateLimiting() if own else None)
        return limits.config(slot, chosen, routes=own, tenants=routes.tenants)

    told = Filter(slot.fields_name, limits.FIELDS_KIND, on_route, config=limits.fields(slot))
    return told, Filter(slot.name, limits.KIND, on_route, file=file)


# In the order requests meet them: whose page asks, from where, who it is, what he may do, how
# often; then what is done to the request.
CHAIN: tuple[Filter, ...] = (
    Filter(cors.NAME, cors.KIND, cors.on_route, config={}),
    Filter(geo.NAME, geo.KIND, geo.on_route, standing=geo.config),
    Filter(addresses.NAME, addresses.KIND, addresses.on_route, config={}),
    Filter(csrf.NAME, csrf.KIND, csrf.on_route, config=csrf.NOBODY),
    Filter(keys.NAME, keys.KIND, keys.on_route, file=keys.config),
    Filter(tokens.NAME, tokens.KIND, tokens.on_route, file=tokens.config, is_on=True),
    Filter(revoked.NAME, revoked.KIND, revoked.on_route, file=revoked.config),
    Filter(authz.NAME, authz.KIND, _asked, file=_authorizer),
    Filter(roles.NAME, roles.KIND, roles.on_route, config={}),
    Filter(
        external_authz.NAME,
        external_authz.KIND,
        external_authz.on_route,
        file=external_authz.config,
    ),
    *(each for slot in limits.SLOTS for each in _of_a_slot(slot)),
    Filter(adaptive.NAME, adaptive.KIND, adaptive.on_route, config={}),
    Filter(fault.NAME, fault.KIND, fault.on_route, config={}),
    Filter(grpc.WEB, grpc.WEB_KIND, grpc.on_web_route, config={}),
    Filter(grpc.ERRORS, grpc.ERRORS_KIND, grpc.on_errors_route, config={}),
    Filter(grpc.JSON, grpc.JSON_KIND, grpc.on_json_route, config=grpc.NO_SERVICE),
    Filter(size.NAME, size.KIND, size.on_route, config={}),
    *(
        Filter(
            compression.name(encoding),
            compression.KIND,
            compression.on_route_of(encoding),
            config=compression.config(encoding),
        )
        for encoding in compression.ENCODINGS
    ),
    Filter(transform.NAME, transform.KIND, transform.on_route, config={}),
)


def chain(gateway: Gateway) -> list[Json]:
    """The filters of the listener, all but the last, which forwards."""
    made = (_in_listener(each, gateway) for each in CHAIN)
    return [each for each in made if each is not None]


def filters(routes: Routes) -> tuple[Json, ...]:
    """What the files of filters hold, in the order of the chain."""
    return tuple(
        {
            "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
            "name": each.name,
            "typed_config": {"@type": each.kind, **each.file(routes)},
        }
        for each in CHAIN
        if each.file is not None
    )


def on_route(rule: Rule, credential: Credential) -> Mapping[str, Json]:
    """What a route says of each filter that it has something to say of."""
    said = ((each.name, each.on_route(rule, credential)) for each in CHAIN)
    return {name: config for name, config in said if config is not None}


def on_preflight(rules: Sequence[Rule]) -> Mapping[str, Json]:
    """What the rules of one path say together of what browsers ask before."""
    config = cors.on_path(rules)
    return {} if config is None else {cors.NAME: config}


def on_open_route() -> Mapping[str, Json]:
    """Of a route that the gateway answers itself: nothing is asked of anybody."""
    return {each.name: disabled() for each in CHAIN if each.is_on}


def _in_listener(wanted: Filter, gateway: Gateway) -> Json | None:
    made: Json = {"name": wanted.name}
    if wanted.file is not None:
        source = file_source(filter_file(wanted.name))
        made["config_discovery"] = {"config_source": source, "type_urls": [wanted.kind]}
    else:
        own = wanted.config if wanted.standing is None else wanted.standing(gateway)
        if own is None:
            return None
        made["typed_config"] = {"@type": wanted.kind, **own}
    return made if wanted.is_on else made | {"disabled": True}
