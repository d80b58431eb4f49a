"""The parts that every sidecar is put together from."""

from collections.abc import Sequence

from intertie.gateway.mesh.layout import LOOPBACK
from intertie.gateway.xds import ENDPOINTS, FILTERS, Json, T, file_source
from intertie.plan import Endpoint

_NETWORK = f"{T}extensions.filters.network."
_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_CONNECT_S = 1
_STREAM_IDLE_S = 3600
# Shorter than what a service allows: see the gateway's own clusters.
_APP_IDLE_S = 1.5
# The caller's side is the first to close, or a request meets a connection that is being closed.
_PEER_IDLE_S = 30
_KEPT_S = 3600
# Nothing was sent to anybody who could have acted on it: safe for any request.
_NOT_SENT = "connect-failure,refused-stream,reset-before-request"


def listener(name: str, port: int, filters: Sequence[Json]) -> Json:
    """On the loopback address."""
    return {
        "@type": f"{T}config.listener.v3.Listener",
        "name": name,
        "address": {"socket_address": {"address": LOOPBACK, "port_value": port}},
        # A second Envoy on the same port must be refused, not share the calls.
        "enable_reuse_port": False,
        "per_connection_buffer_limit_bytes": 256 * 1024,
        "filter_chains": [{"filters": list(filters)}],
    }


def manager(
    name: str, routes: Json, *, filters: Sequence[Json] = (), more: Json | None = None
) -> Json:
    """HTTP/1, HTTP/2 and WebSocket, passed on as they come: a sidecar is not seen."""
    router = {
        "@type": f"{FILTERS}router.v3.Router",
        "dynamic_stats": False,
        "suppress_envoy_headers": True,
    }
    settings: Json = {
        "@type": f"{_NETWORK}http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "codec_type": "AUTO",
        **routes,
        # Where a request came from first, the gateway knows.
        "use_remote_address": False,
        "skip_xff_append": True,
        "generate_request_id": False,
        "server_header_transformation": "PASS_THROUGH",
        "stream_idle_timeout": f"{_STREAM_IDLE_S}s",
        "common_http_protocol_options": {"idle_timeout": f"{_KEPT_S}s"},
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "http_filters": [
            *filters,
            {"name": "envoy.filters.http.router", "typed_config": router},
        ],
        **(more or {}),
    }
    return {"name": "envoy.filters.network.http_connection_manager", "typed_config": settings}


def tcp_proxy(name: str, cluster: str, access_log: Sequence[Json]) -> Json:
    """Bytes, whatever they mean."""
    settings = {
        "@type": f"{_NETWORK}tcp_proxy.v3.TcpProxy",
        "stat_prefix": name,
        "cluster": cluster,
        "idle_timeout": f"{_STREAM_IDLE_S}s",
        "access_log": list(access_log),
    }
    return {"name": "envoy.filters.network.tcp_proxy", "typed_config": settings}


def route_configuration(name: str, hosts: Sequence[Json]) -> Json:
    """Chosen by the Host header, whatever port it names."""
    return {
        "@type": f"{T}config.route.v3.RouteConfiguration",
        "name": name,
        "virtual_hosts": list(hosts),
        "ignore_port_in_host_matching": True,
    }


def host(domain: str, route: Json, *, name: str = "") -> Json:
    """All requests to this host go one way; `name` is that of the route in logs."""
    return {
        "name": domain,
        "domains": [domain],
        "routes": [{"name": name or domain, "match": {"prefix": "/"}, **route}],
    }


def to(cluster: str) -> Json:
    """To a cluster; how long an answer may take, the caller knows."""
    return {
        "route": {
            "cluster": cluster,
            "timeout": "0s",
            "idle_timeout": f"{_STREAM_IDLE_S}s",
            "retry_policy": {
                "retry_on": _NOT_SENT,
                "num_retries": 4,
                "retry_back_off": {"base_interval": "0.025s", "max_interval": "0.25s"},
            },
        }
    }


def answer(status: int, text: str) -> Json:
    """By the sidecar itself."""
    return {"direct_response": {"status": status, "body": {"inline_string": text + "\n"}}}


def peer_cluster(name: str, endpoints: Sequence[Endpoint]) -> Json:
    """Another sidecar."""
    made = _cluster(name, _PEER_IDLE_S)
    place = assignment(name, endpoints)
    del place["@type"]
    return made | {"type": "STATIC", "load_assignment": place}


def app_cluster(name: str) -> Json:
    """The replicas of the sidecar's own service."""
    source = {"eds_config": file_source(name, ENDPOINTS)}
    return _cluster(name, _APP_IDLE_S) | {"type": "EDS", "eds_cluster_config": source}


def assignment(name: str, endpoints: Sequence[Endpoint]) -> Json:
    """Where a cluster is."""
    places = [
        {
            "endpoint": {
                "address": {"socket_address": {"address": each.host, "port_value": each.port}}
            }
        }
        for each in endpoints
    ]
    return {
        "@type": f"{T}config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": name,
        "endpoints": [{"lb_endpoints": places}] if places else [],
    }


def _cluster(name: str, idle_s: float) -> Json:
    limits = {
        "max_connections": 4096,
        "max_pending_requests": 4096,
        "max_requests": 8192,
        "retry_budget": {"budget_percent": {"value": 20}, "min_retry_concurrency": 8},
    }
    options = {
        "@type": f"{T}extensions.upstreams.http.v3.HttpProtocolOptions",
        "common_http_protocol_options": {"idle_timeout": f"{idle_s}s"},
        "use_downstream_protocol_config": {
            "http_protocol_options": {},
            "http2_protocol_options": {},
        },
    }
    return {
        "@type": f"{T}config.cluster.v3.Cluster",
        "name": name,
        "connect_timeout": f"{_CONNECT_S}s",
        "lb_policy": "ROUND_ROBIN",
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "circuit_breakers": {"thresholds": [limits]},
        "typed_extension_protocol_options": {_HTTP_OPTIONS: options},
    }
