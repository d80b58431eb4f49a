"""Services to Envoy clusters: how replicas are chosen, watched, left alone and spoken to."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from intertie.gateway import external
from intertie.gateway.cache import fragments
from intertie.gateway.cache.settings import CACHE_SOCKET, ORIGIN_SOCKET
from intertie.gateway.routes import AUTHORIZER, LOGIN, WEBHOOKS, Cluster, Routes, TokenCheck
from intertie.gateway.xds import ENDPOINTS, Json, T, file_source, seconds
from intertie.plan import Endpoint
from intertie.suite.upstream import ActiveCheck, Admission, CircuitBreaker, LoadBalancing, Upstream

_STREAM_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
# Uvicorn and gunicorn close idle connections after 5 s and 2 s: be the first to do so, or a
# request meets a connection that is being closed.
_UPSTREAM_IDLE_S = 1.5
_ENOUGH_REQUESTS = 50
_POLICIES = {
    "round_robin": "ROUND_ROBIN",
    "least_request": "LEAST_REQUEST",
    "random": "RANDOM",
    "ring_hash": "RING_HASH",
    "maglev": "MAGLEV",
}


def clusters(routes: Routes) -> tuple[Json, ...]:
    """Of services, of helpers and of foreign key sets, sorted by name."""
    found = [
        *(_service(cluster) for cluster in routes.clusters),
        *(_dynamic(socket_cluster(name, path)) for name, path in sockets(routes)),
        *([_cache()] if routes.caching else []),
        *(web_cluster(key_set_cluster(c), c.jwks_uri) for c in routes.tokens if c.jwks_uri),
    ]
    return tuple(sorted(found, key=lambda each: str(each["name"])))


def sockets(routes: Routes) -> Iterator[tuple[str, str]]:
    """Helpers that are there, and their sockets."""
    known = routes.sockets
    named = (AUTHORIZER, known.authorizer), (LOGIN, known.login), (WEBHOOKS, known.webhooks)
    for name, path in named:
        if path:
            yield name, path


def assignment(cluster: Cluster) -> Json:
    """Where a service's replicas are: its own first, then those it fails over to."""
    groups = [cluster.endpoints, *cluster.failover]
    return {
        "@type": f"{T}config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": cluster.name,
        "endpoints": list(_localities(groups)),
    }


def key_set_cluster(check: TokenCheck) -> str:
    """The name of the cluster that a foreign issuer's keys are read from."""
    return f"intertie.keys.{check.issuer}"


def _cache() -> Json:
    made = fragments.cluster(Path(CACHE_SOCKET), Path(ORIGIN_SOCKET))
    return made


def _localities(groups: Sequence[Sequence[Endpoint]]) -> Iterator[Json]:
    # Priorities must have no gap: a service without replicas leaves its place to the next.
    present = [group for group in groups if group]
    for priority, group in enumerate(present):
        locality: Json = {"lb_endpoints": [_host(point) for point in group]}
        yield locality | ({"priority": priority} if priority else {})


def _host(point: Endpoint) -> Json:
    address = {"address": point.host, "port_value": point.port}
    return {"endpoint": {"address": {"socket_address": address}}}


def _service(cluster: Cluster) -> Json:
    upstream = cluster.upstream
    made: Json = {
        "@type": f"{T}config.cluster.v3.Cluster",
        "name": cluster.name,
        "type": "EDS",
        # A file holds the endpoints of one cluster only: Envoy refuses more.
        "eds_cluster_config": {"eds_config": file_source(cluster.name, ENDPOINTS)},
        "connect_timeout": seconds(upstream.connect_timeout),
        **_balancing(upstream.load_balancing),
        # At the default of 50 % a service whose replicas are all sick still gets traffic.
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "circuit_breakers": {"thresholds": [_thresholds(upstream)]},
        "typed_extension_protocol_options": {_STREAM_OPTIONS: _protocol(upstream)},
    }
    if upstream.health_check:
        made["health_checks"] = [_health_check(upstream)]
    if upstream.circuit_breaker:
        made["outlier_detection"] = _outliers(upstream.circuit_breaker)
    if cluster.external:
        del made["eds_cluster_config"]
        made |= external.located(cluster.name, cluster.external, protocol=upstream.protocol)
    return made


def _balancing(wanted: LoadBalancing) -> Json:
    # ROUND_ROBIN in turn, so that a retry comes to another replica; LEAST_REQUEST prefers a dead
    # one, which never has any.
    made: Json = {"lb_policy": _POLICIES[wanted.kind]}
    if wanted.slow_start and wanted.kind in {"round_robin", "least_request"}:
        slow = {"slow_start_config": {"slow_start_window": seconds(wanted.slow_start)}}
        made[f"{wanted.kind}_lb_config"] = slow
    return made


def _thresholds(upstream: Upstream) -> Json:
    breaker = upstream.circuit_breaker or CircuitBreaker()
    return {
        "max_connections": breaker.max_connections,
        "max_pending_requests": breaker.max_pending,
        "max_requests": upstream.max_concurrency or breaker.max_requests,
        "retry_budget": {
            "budget_percent": {"value": breaker.retry_budget},
            "min_retry_concurrency": 8,
        },
    }


def _protocol(upstream: Upstream) -> Json:
    version = "http2_protocol_options" if upstream.protocol == "http2" else "http_protocol_options"
    made: Json = {
        "@type": f"{T}extensions.upstreams.http.v3.HttpProtocolOptions",
        "common_http_protocol_options": {"idle_timeout": f"{_UPSTREAM_IDLE_S}s"},
        "explicit_http_config": {version: {}},
    }
    if upstream.admission:
        made["http_filters"] = [_admission(upstream.admission), _codec()]
    return made


def _admission(wanted: Admission) -> Json:
    return {
        "name": "envoy.filters.http.admission_control",
        "typed_config": {
            "@type": f"{T}extensions.filters.http.admission_control.v3.AdmissionControl",
            "enabled": {"default_value": True, "runtime_key": "unused"},
            "sampling_window": seconds(wanted.window),
            "sr_threshold": {
                "default_value": {"value": wanted.success_rate},
                "runtime_key": "unused",
            },
            "success_criteria": {"http_criteria": {"http_success_status": [_statuses(100, 500)]}},
        },
    }


def _statuses(start: int, end: int) -> Json:
    return {"start": start, "end": end}


def _codec() -> Json:
    kind = f"{T}extensions.filters.http.upstream_codec.v3.UpstreamCodec"
    return {"name": "envoy.filters.http.upstream_codec", "typed_config": {"@type": kind}}


def _health_check(upstream: Upstream) -> Json:
    check = upstream.health_check
    assert check is not None, "asked for only where there is one"  # noqa: S101
    return {
        "timeout": seconds(check.timeout),
        "interval": seconds(check.interval),
        "unhealthy_threshold": check.unhealthy_threshold,
        "healthy_threshold": check.healthy_threshold,
        "no_traffic_interval": seconds(check.interval),
        **_question(check, upstream.protocol),
    }


def _question(check: ActiveCheck, protocol: str) -> Json:
    if check.grpc:
        # https://github.com/grpc/grpc/blob/master/doc/health-checking.md
        return {"grpc_health_check": {"service_name": check.grpc_service}}
    codec = {"codec_client_type": "HTTP2"} if protocol == "http2" else {}
    statuses = [_statuses(200, 300)]
    return {"http_health_check": {"path": check.path, "expected_statuses": statuses, **codec}}


def _outliers(breaker: CircuitBreaker) -> Json:
    made: Json = {
        "consecutive_5xx": breaker.failure_threshold,
        "consecutive_gateway_failure": breaker.failure_threshold,
        "enforcing_consecutive_gateway_failure": 100,
        "interval": seconds(breaker.interval),
        "base_ejection_time": seconds(breaker.recovery_timeout),
        "max_ejection_time": seconds(max(300.0, breaker.recovery_timeout)),
        "max_ejection_percent": round(breaker.max_ejected),
        # Success rates of replicas beside each other need many; the ratio below looks at each.
        "enforcing_success_rate": 0,
    }
    if breaker.failure_ratio is not None:
        made |= {
            "failure_percentage_threshold": round(breaker.failure_ratio),
            "enforcing_failure_percentage": 100,
            "failure_percentage_minimum_hosts": 1,
            "failure_percentage_request_volume": _ENOUGH_REQUESTS,
        }
    return made


def socket_cluster(name: str, path: str) -> Json:
    """A helper beside Envoy, on a socket of its own, as a static cluster."""
    host = {"endpoint": {"address": {"pipe": {"path": path}}}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "0.25s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [host]}]},
        # Each request may ask it: it may hold as many as the gateway may.
        "circuit_breakers": {
            "thresholds": [
                {"max_connections": 1024, "max_pending_requests": 8192, "max_requests": 8192}
            ]
        },
    }


def _dynamic(cluster: Json) -> Json:
    return {"@type": f"{T}config.cluster.v3.Cluster", **cluster}


def web_cluster(name: str, url: str) -> Json:
    """The host of a web address, which must prove its name where the address is `https`."""
    scheme, _, rest = url.partition("://")
    host, _, port = rest.partition("/")[0].partition(":")
    address = {"address": host, "port_value": int(port or (443 if scheme == "https" else 80))}
    made: Json = {
        "@type": f"{T}config.cluster.v3.Cluster",
        "name": name,
        "type": "STRICT_DNS",
        "connect_timeout": "2s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [
                {"lb_endpoints": [{"endpoint": {"address": {"socket_address": address}}}]}
            ],
        },
    }
    if scheme == "https":
        made["transport_socket"] = {"name": "tls", "typed_config": external.verified(host)}
    return made
