"""What Envoy has to be told so that requests take the way through the cache. Pure.

A cached route goes to the cluster `cache`; the cache asks the origin through an inner listener of
Envoy, where the request goes to the cluster it was meant for: balancing, retries and breakers stay
Envoy's. The inner listener is also the second choice of the cluster `cache`, so with no cache
running the same request reaches the origin all the same.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from intertie.gateway.cache.caller import ROUTE_HEADER

Json = dict[str, Any]  # Envoy's own JSON form, checked by Envoy

CLUSTER: Final = "cache"
ORIGIN_HEADER: Final = "x-intertie-origin"
GATEWAY_ONLY: Final = (ROUTE_HEADER.decode(), ORIGIN_HEADER)
"""To be taken from every request at the door."""
_T: Final = "type.googleapis.com/envoy."
_OWNER_ONLY: Final = 0o600
_NOT_SENT: Final = "connect-failure,refused-stream,reset-before-request"
_CONNECT_S: Final = 1
_MANY: Final = 1_000_000


def cluster(cache_socket: Path, origin_socket: Path) -> Json:
    """The cluster `cache`: the cache first, and straight to the origin when it is not there."""
    return {
        "@type": f"{_T}config.cluster.v3.Cluster",
        "name": CLUSTER,
        "type": "STATIC",
        "connect_timeout": f"{_CONNECT_S}s",
        "load_assignment": {
            "cluster_name": CLUSTER,
            "endpoints": [
                {"priority": 0, "lb_endpoints": [_endpoint(cache_socket)]},
                {"priority": 1, "lb_endpoints": [_endpoint(origin_socket)]},
            ],
        },
        # The limits that count are those of the origin's cluster.
        "circuit_breakers": {
            "thresholds": [
                {
                    "priority": priority,
                    "max_connections": _MANY,
                    "max_pending_requests": _MANY,
                    "max_requests": _MANY,
                    "max_retries": _MANY,
                }
                for priority in ("DEFAULT", "HIGH")
            ]
        },
    }


def _endpoint(socket: Path) -> Json:
    return {"endpoint": {"address": {"pipe": {"path": str(socket)}}}}


def retry_policy(*, safe: bool) -> Json:
    """Of a cached route: what the cache cannot take goes straight to the origin.

    A request that the cache had when it died goes there too, if it is safe: a POST must not be
    done twice.
    """
    return {
        "retry_on": f"{_NOT_SENT},reset" if safe else _NOT_SENT,
        "num_retries": 1,
        "retry_priority": {
            "name": "envoy.retry_priorities.previous_priorities",
            "typed_config": {
                "@type": f"{_T}extensions.retry.priority.previous_priorities.v3"
                ".PreviousPrioritiesConfig",
                "update_frequency": 1,
            },
        },
        "retry_back_off": {"base_interval": "0.001s", "max_interval": "0.001s"},
    }


def request_headers(route_id: str, origin_cluster: str) -> list[Json]:
    """To be added to each request of a cached route."""
    told: Mapping[str, str] = {ROUTE_HEADER.decode(): route_id, ORIGIN_HEADER: origin_cluster}
    return [
        {
            "header": {"key": key, "value": value.replace("%", "%%")},
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        }
        for key, value in told.items()
    ]


def listener(origin_socket: Path, *, retry: Json | None = None) -> Json:
    """The inner one, where the cache finds the origin of each request.

    `retry` is what the routes of the gateway have for requests that may be repeated.
    """
    return {
        "name": "cache_origin",
        "address": {"pipe": {"path": str(origin_socket), "mode": _OWNER_ONLY}},
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": _manager(retry),
                    }
                ]
            }
        ],
    }


def _manager(retry: Json | None) -> Json:
    """Passes on what the door has already checked and marked."""
    kind = f"{_T}extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    router = f"{_T}extensions.filters.http.router.v3.Router"
    return {
        "@type": kind,
        "stat_prefix": "cache_origin",
        "route_config": {
            "name": "cache_origin",
            "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": _routes(retry)}],
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": router, "suppress_envoy_headers": True},
            }
        ],
        "use_remote_address": False,
        "skip_xff_append": True,
        "generate_request_id": False,
        "preserve_external_request_id": True,
        "always_set_request_id_in_response": False,
        # The origin's own, as it would be without a cache.
        "server_header_transformation": "PASS_THROUGH",
        "stream_idle_timeout": "0s",
    }


def _routes(retry: Json | None) -> list[Json]:
    # Who is not of the suite is asked by his own name; replicas of services have none.
    action: Json = {"cluster_header": ORIGIN_HEADER, "timeout": "0s", "auto_host_rewrite": True}
    whole: Json = {
        "match": {"prefix": "/"},
        "request_headers_to_remove": list(GATEWAY_ONLY),
        "route": action,
    }
    if retry is None:
        return [whole]
    method = {"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD|OPTIONS"}}}
    repeated = {
        **whole,
        "match": {"prefix": "/", "headers": [method]},
        "route": {**action, "retry_policy": retry},
    }
    return [repeated, whole]
