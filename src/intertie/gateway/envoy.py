"""The intermediate form to Envoy resources. Pure: no clock, no network, sorted, hashed.

The listener is constant; all that changes lies in routes (RDS), clusters (CDS), endpoints (EDS)
and the token filter (ECDS), so no change drains connections.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from intertie.gateway.routes import Cluster, Routes, Rule, TokenCheck
from intertie.identity.issuer import IDENTITY_CLAIM

Json = dict[str, Any]  # Envoy's own JSON form, checked by Envoy

T = "type.googleapis.com/envoy."
FILTERS = f"{T}extensions.filters.http."
JWT_FILTER = "envoy.filters.http.jwt_authn"
SIZE_FILTER = "envoy.filters.http.filter_chain"
IDENTITY_HEADER = "x-forwarded-user"
ORIGINAL_PATH_HEADER = "x-envoy-original-path"
ROUTE_CONFIG = "routes"
RESOURCES = "xds"
ENDPOINTS = "eds"
"""Folders of the dynamic files, below Envoy's working folder."""

_SAFE = ("GET", "HEAD", "OPTIONS")
# Any request that no replica got may go to another one. One that a replica got before it died may
# do so only when it is safe: a POST must not be done twice.
_NOT_SENT = ("connect-failure", "refused-stream", "reset-before-request")
_CONNECT_S = 1
_STREAM_IDLE_S = 3600
# Uvicorn and gunicorn close idle connections after 5 s and 2 s: be the first to do so, or a
# request meets a connection that is being closed.
_UPSTREAM_IDLE_S = 1.5
_PROVIDER = "suite"
# Tokens are made and checked by the same clock; Envoy's default of 60 s would outlive their end.
_CLOCK_SKEW_S = 1


@dataclass(frozen=True, slots=True)
class Resources:
    """What goes into the dynamic files, each sorted by name."""

    clusters: tuple[Json, ...]
    endpoints: tuple[Json, ...]
    filters: tuple[Json, ...]
    routes: tuple[Json, ...]


def translate(routes: Routes) -> Resources:
    """All resources of one generation."""
    return Resources(
        clusters=tuple(_cluster(cluster) for cluster in routes.clusters),
        endpoints=tuple(_load_assignment(cluster) for cluster in routes.clusters),
        filters=(_token_filter(routes.tokens),),
        routes=(_route_configuration(routes.rules),),
    )


def _cluster(cluster: Cluster) -> Json:
    return {
        "@type": f"{T}config.cluster.v3.Cluster",
        "name": cluster.name,
        "type": "EDS",
        # A file holds the endpoints of one cluster only: Envoy refuses more.
        "eds_cluster_config": {"eds_config": file_source(cluster.name, ENDPOINTS)},
        "connect_timeout": f"{_CONNECT_S}s",
        # In turn, so that a retry comes to another replica; LEAST_REQUEST prefers a dead one, which
        # never has any.
        "lb_policy": "ROUND_ROBIN",
        # At the default of 50 % a service whose replicas are all sick still gets traffic.
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "circuit_breakers": {
            "thresholds": [
                {
                    "max_connections": 4096,
                    "max_pending_requests": 4096,
                    "max_requests": 8192,
                    "retry_budget": {"budget_percent": {"value": 20}, "min_retry_concurrency": 8},
                }
            ]
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": f"{T}extensions.upstreams.http.v3.HttpProtocolOptions",
                "common_http_protocol_options": {"idle_timeout": f"{_UPSTREAM_IDLE_S}s"},
                "explicit_http_config": {"http_protocol_options": {}},
            }
        },
    }


def _load_assignment(cluster: Cluster) -> Json:
    hosts = [
        {
            "endpoint": {
                "address": {"socket_address": {"address": point.host, "port_value": point.port}}
            }
        }
        for point in cluster.endpoints
    ]
    return {
        "@type": f"{T}config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": cluster.name,
        "endpoints": [{"lb_endpoints": hosts}] if hosts else [],
    }


def _token_filter(tokens: TokenCheck) -> Json:
    """Denies by default: every path needs a token unless its route opts out."""
    return {
        "@type": f"{T}config.core.v3.TypedExtensionConfig",
        "name": JWT_FILTER,
        "typed_config": {
            "@type": f"{FILTERS}jwt_authn.v3.JwtAuthentication",
            "providers": {
                _PROVIDER: {
                    "issuer": tokens.issuer,
                    "audiences": [tokens.audience],
                    # Not in the query too, which is the default: addresses end up in logs.
                    "from_headers": [{"name": "authorization", "value_prefix": "Bearer "}],
                    "require_expiration": True,
                    "clock_skew_seconds": _CLOCK_SKEW_S,
                    "forward": False,
                    "claim_to_headers": [
                        {"header_name": IDENTITY_HEADER, "claim_name": IDENTITY_CLAIM}
                    ],
                    "jwt_cache_config": {"jwt_cache_size": 10000},
                    "local_jwks": {"inline_string": tokens.jwks},
                }
            },
            "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": _PROVIDER}}],
        },
    }


def _route_configuration(rules: Sequence[Rule]) -> Json:
    return {
        "@type": f"{T}config.route.v3.RouteConfiguration",
        "name": ROUTE_CONFIG,
        "virtual_hosts": [
            {
                "name": "all",
                "domains": ["*"],
                "routes": [
                    *(route for group in _by_path(rules) for route in _routes(group)),
                    _not_found(),
                ],
            }
        ],
        # Not `strip_any_host_port`: a service needs the port to make a link to itself.
        "ignore_port_in_host_matching": True,
    }


def _by_path(rules: Sequence[Rule]) -> Iterator[list[Rule]]:
    """Rules of one path together, in order: what none of them takes is answered 405."""
    groups: dict[tuple[str | None, ...], list[Rule]] = {}
    for rule in rules:
        groups.setdefault(rule.segments, []).append(rule)
    yield from groups.values()


def _routes(group: Sequence[Rule]) -> Iterator[Json]:
    for rule in group:
        if not rule.has_spare:
            yield _forward(rule, rule.methods)
            continue
        safe = [method for method in rule.methods if method in _SAFE]
        unsafe = [method for method in rule.methods if method not in _SAFE]
        if safe:
            yield _forward(rule, safe, retry_on=[*_NOT_SENT, "reset"])
        if unsafe:
            yield _forward(rule, unsafe, retry_on=_NOT_SENT)
    yield _method_not_allowed(group)


def _forward(rule: Rule, methods: Sequence[str], *, retry_on: Sequence[str] = ()) -> Json:
    action: Json = {"cluster": rule.cluster, "timeout": f"{rule.timeout_s:g}s"}
    if retry_on:
        action["retry_policy"] = _retries(retry_on)
    if rule.timeout_s == 0:
        action["idle_timeout"] = f"{_STREAM_IDLE_S}s"
    if rule.websocket:
        action["upgrade_configs"] = [{"upgrade_type": "websocket"}]
    route: Json = {
        "name": rule.path,
        "match": {**_match(rule), "headers": [_method_matcher(methods)]},
        "route": action,
    }
    if rule.strip:
        action["regex_rewrite"] = {
            "pattern": {"regex": f"^{re.escape(rule.strip)}/*"},
            "substitution": "/",
        }
        route["request_headers_to_add"] = [_original_path()]
    if filters := _per_route(rule):
        route["typed_per_filter_config"] = filters
    return route


def _method_not_allowed(group: Sequence[Rule]) -> Json:
    allowed = ", ".join(sorted({method for rule in group for method in rule.methods}))
    first = group[0]
    route: Json = {
        "name": first.path,
        "match": _match(first),
        "direct_response": {
            "status": 405,
            "body": {"inline_string": f"cannot use this method here: allowed are {allowed}"},
        },
        "response_headers_to_add": [
            {
                "header": {"key": "allow", "value": allowed},
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            }
        ],
    }
    if not all(rule.auth for rule in group):
        route["typed_per_filter_config"] = {JWT_FILTER: _no_token()}
    return route


def _not_found() -> Json:
    """Needs no token: who has none learns the same as who has one."""
    return {
        "name": "none",
        "match": {"prefix": "/"},
        "direct_response": {"status": 404},
        "typed_per_filter_config": {JWT_FILTER: _no_token()},
    }


def _match(rule: Rule) -> Json:
    if not rule.segments:
        return {"prefix": "/"}
    if rule.is_literal:
        return {"path_separated_prefix": "/" + "/".join(filter(None, rule.segments))}
    parts = ("[^/]+" if segment is None else re.escape(segment) for segment in rule.segments)
    return {"safe_regex": {"regex": "/" + "/".join(parts) + "(?:/.*)?"}}


def _method_matcher(methods: Sequence[str]) -> Json:
    if len(methods) == 1:
        return {"name": ":method", "string_match": {"exact": methods[0]}}
    return {"name": ":method", "string_match": {"safe_regex": {"regex": "|".join(methods)}}}


def _retries(causes: Sequence[str]) -> Json:
    """On another replica than the one that failed."""
    return {
        "retry_on": ",".join(causes),
        "num_retries": 2,
        "retry_host_predicate": [
            {
                "name": "envoy.retry_host_predicates.previous_hosts",
                "typed_config": {
                    "@type": f"{T}extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
                },
            }
        ],
        "host_selection_retry_max_attempts": 5,
    }


def _original_path() -> Json:
    """For the access log, and the service, after the path is rewritten."""
    return {
        "header": {"key": ORIGINAL_PATH_HEADER, "value": "%REQ(:PATH)%"},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }


def _per_route(rule: Rule) -> Json:
    filters: Json = {}
    if not rule.auth:
        filters[JWT_FILTER] = _no_token()
    if rule.max_body_bytes is not None:
        filters[SIZE_FILTER] = _size_limit(rule.max_body_bytes)
    return filters


def _size_limit(max_bytes: int) -> Json:
    """Counts what streams by; the `buffer` filter would hold each body in memory."""
    limit = {"@type": f"{FILTERS}body_size_limit.v3.BodySizeLimit", "max_request_bytes": max_bytes}
    return {
        "@type": f"{FILTERS}filter_chain.v3.FilterChainConfigPerRoute",
        "filter_chain": {
            "filters": [{"name": "envoy.filters.http.body_size_limit", "typed_config": limit}]
        },
    }


def _no_token() -> Json:
    """The filter is not even made for the request: quicker than the filter's own opt-out."""
    return {"@type": f"{T}config.route.v3.FilterConfig", "disabled": True}


def file_source(kind: str, folder: str = RESOURCES) -> Json:
    """Where Envoy finds one kind of resource, relative to its working folder."""
    return {
        "resource_api_version": "V3",
        "path_config_source": {
            "path": f"{folder}/{kind}.json",
            "watched_directory": {"path": folder},
        },
    }
