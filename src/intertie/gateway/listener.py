"""The constant part: Envoy's bootstrap and the hardened listener.

Envoy's defaults let `//secret`, `/x/%2e%2e/secret` and the like walk past a rule for `/secret`, and
trust identity headers sent by clients; each setting here closes one such hole.
"""

from http import HTTPStatus

from intertie.gateway.envoy import (
    FILTERS,
    IDENTITY_HEADER,
    JWT_FILTER,
    ORIGINAL_PATH_HEADER,
    ROUTE_CONFIG,
    SIZE_FILTER,
    Json,
    Resources,
    T,
    file_source,
)
from intertie.suite.model import Gateway

ACCESS_LOG = "access.log"
ADMIN_SOCKET = "admin.sock"
STAT_PREFIX = "gateway"

# Only its owner may use the admin interface, which can stop Envoy and read its configuration.
_OWNER_ONLY = 0o600
_MAX_CONNECTIONS = 20_000
# Only the gateway may say who somebody is, and which path was asked for.
_GATEWAY_ONLY = (IDENTITY_HEADER, ORIGINAL_PATH_HEADER)
_ACCESS_LOG_FIELDS = {
    "time": "%START_TIME%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "method": "%REQ(:METHOD)%",
    # Without the query, which may hold secrets.
    "path": "%PATH(NQ:ORIG_OR_PATH)%",
    "status": "%RESPONSE_CODE%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "duration_ms": "%DURATION%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "route": "%ROUTE_NAME%",
    "upstream": "%UPSTREAM_HOST%",
    "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "user": f"%REQ({IDENTITY_HEADER})%",
}

_WHY = "%LOCAL_REPLY_BODY%"
_REPLIES = {
    HTTPStatus.UNAUTHORIZED: f"cannot let you in without a valid token: {_WHY}",
    HTTPStatus.FORBIDDEN: f"cannot let you in with this token: {_WHY}",
    HTTPStatus.NOT_FOUND: "cannot find a route for this path",
    HTTPStatus.METHOD_NOT_ALLOWED: _WHY,
    HTTPStatus.REQUEST_TIMEOUT: "cannot wait longer for the rest of this request",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "cannot take this request: its body is larger than the"
    " route allows",
    HTTPStatus.SERVICE_UNAVAILABLE: f"cannot reach a ready replica of the service: {_WHY}",
    HTTPStatus.GATEWAY_TIMEOUT: "cannot wait longer: the service did not answer in the time the"
    " route allows",
}


def bootstrap(gateway: Gateway, port: int) -> Json:
    """What Envoy starts from; everything else is read from files beside it."""
    return {
        "admin": _admin(),
        "dynamic_resources": {"cds_config": file_source("cds")},
        "static_resources": {"listeners": [listener(gateway.host, port)]},
        "overload_manager": _overload(),
        # Nobody takes them but by asking: nothing to be gathered every 5 s.
        "stats_flush_on_admin": True,
    }


def flat(gateway: Gateway, port: int, resources: Resources) -> Json:
    """The same configuration with nothing dynamic, for `--mode validate`, which reads no files."""
    found = listener(gateway.host, port)
    manager = found["filter_chains"][0]["filters"][0]["typed_config"]
    del manager["rds"]
    manager["route_config"] = _bare(resources.routes[0])
    token_filter = resources.filters[0]
    manager["http_filters"] = [
        {"name": JWT_FILTER, "typed_config": token_filter["typed_config"]}
        if each["name"] == JWT_FILTER
        else each
        for each in manager["http_filters"]
    ]
    assignments = {each["cluster_name"]: each for each in resources.endpoints}
    clusters = [_static(each, assignments[each["name"]]) for each in resources.clusters]
    return {
        "static_resources": {"listeners": [found], "clusters": clusters},
        "overload_manager": _overload(),
    }


def listener(host: str, port: int) -> Json:
    """The one door."""
    return {
        "name": "gateway",
        "address": {"socket_address": {"address": host, "port_value": port}},
        # A second Envoy on the same port must be refused, not share the requests.
        "enable_reuse_port": False,
        "per_connection_buffer_limit_bytes": 1024 * 1024,
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": _connection_manager(),
                    }
                ]
            }
        ],
    }


def _connection_manager() -> Json:
    return {
        "@type": f"{T}extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": STAT_PREFIX,
        "codec_type": "AUTO",
        "rds": {"route_config_name": ROUTE_CONFIG, "config_source": file_source("rds")},
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "UNESCAPE_AND_REDIRECT",
        "use_remote_address": True,
        "always_set_request_id_in_response": True,
        "request_id_extension": {
            "typed_config": {
                "@type": f"{T}extensions.request_id.uuid.v3.UuidRequestIdConfig",
                # A plain UUID: nothing is traced by Envoy.
                "pack_trace_reason": False,
                "use_request_id_for_trace_sampling": False,
            }
        },
        "server_header_transformation": "PASS_THROUGH",
        "max_request_headers_kb": 16,
        "request_headers_timeout": "2s",
        "stream_idle_timeout": "300s",
        "common_http_protocol_options": {
            "headers_with_underscores_action": "REJECT_REQUEST",
            "max_headers_count": 100,
            "idle_timeout": "60s",
        },
        "http2_protocol_options": {
            "max_concurrent_streams": 100,
            "initial_stream_window_size": 64 * 1024,
            "initial_connection_window_size": 1024 * 1024,
        },
        "early_header_mutation_extensions": [_drop_gateway_only()],
        "http_filters": [
            {
                "name": JWT_FILTER,
                "config_discovery": {
                    "config_source": file_source("ecds"),
                    "type_urls": [f"{FILTERS}jwt_authn.v3.JwtAuthentication"],
                },
            },
            {
                "name": SIZE_FILTER,
                "disabled": True,
                "typed_config": {"@type": f"{FILTERS}filter_chain.v3.FilterChainConfig"},
            },
            {
                "name": "envoy.filters.http.router",
                "typed_config": {
                    "@type": f"{FILTERS}router.v3.Router",
                    # Counters of each status of each service would cost 5 % of each request's
                    # time, and the access log has them.
                    "dynamic_stats": False,
                    "suppress_envoy_headers": True,
                },
            },
        ],
        "local_reply_config": _local_replies(),
        "access_log": [
            {
                "name": "envoy.access_loggers.file",
                "typed_config": {
                    "@type": f"{T}extensions.access_loggers.file.v3.FileAccessLog",
                    "path": ACCESS_LOG,
                    "log_format": {"json_format": _ACCESS_LOG_FIELDS},
                },
            }
        ],
    }


def _drop_gateway_only() -> Json:
    """On every route, open ones included."""
    kind = f"{T}extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation"
    return {
        "name": "envoy.http.early_header_mutation.header_mutation",
        "typed_config": {
            "@type": kind,
            "mutations": [{"remove": header} for header in _GATEWAY_ONLY],
        },
    }


def _local_replies() -> Json:
    """What Envoy answers itself, as problem documents (RFC 9457)."""
    return {
        "mappers": [
            {
                "filter": {"status_code_filter": {"comparison": _equals(status)}},
                "body_format_override": _problem(status.phrase, detail),
            }
            for status, detail in _REPLIES.items()
        ],
        "body_format": _problem("cannot serve this request", _WHY),
    }


def _equals(status: HTTPStatus) -> Json:
    return {"op": "EQ", "value": {"default_value": status.value, "runtime_key": "unused"}}


def _problem(title: str, detail: str) -> Json:
    return {
        "content_type": "application/problem+json",
        "json_format": {
            "type": "about:blank",
            "title": title,
            "status": "%RESPONSE_CODE%",
            "detail": detail,
            "code": "%RESPONSE_CODE_DETAILS%",
            "request_id": "%REQ(X-REQUEST-ID)%",
        },
    }


def _admin() -> Json:
    return {
        "address": {"pipe": {"path": ADMIN_SOCKET, "mode": _OWNER_ONLY}},
        "ignore_global_conn_limit": True,
    }


def _overload() -> Json:
    kind = f"{T}extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
    return {
        "resource_monitors": [
            {
                "name": "envoy.resource_monitors.global_downstream_max_connections",
                "typed_config": {
                    "@type": kind,
                    "max_active_downstream_connections": _MAX_CONNECTIONS,
                },
            }
        ]
    }


def _static(cluster: Json, assignment: Json) -> Json:
    fixed = {**_bare(cluster), "type": "STATIC", "load_assignment": _bare(assignment)}
    del fixed["eds_cluster_config"]
    return fixed


def _bare(resource: Json) -> Json:
    return {key: value for key, value in resource.items() if key != "@type"}
