"""The constant part: Envoy's bootstrap and the hardened listener.

Envoy's defaults let `//secret`, `/x/%2e%2e/secret` and the like walk past a rule for `/secret`, and
trust identity headers sent by clients; each setting here closes one such hole.
"""

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

from intertie.gateway import policy, streams, tls
from intertie.gateway.cache import fragments
from intertie.gateway.cache.settings import ORIGIN_SOCKET
from intertie.gateway.clusters import web_cluster
from intertie.gateway.policy import authz, grpc, limits, revoked
from intertie.gateway.table import ANSWER
from intertie.gateway.xds import (
    ADMIN_SOCKET,
    CLIENT_HEADER,
    FILTERS,
    IDENTITY_HEADER,
    ROLES_HEADER,
    ROUTE_CONFIG,
    ROUTE_STATS,
    STAT_PREFIX,
    TENANT_HEADER,
    Json,
    Resources,
    T,
    file_source,
    percent,
)
from intertie.suite.gateway import Gateway

ACCESS_LOG = "access.log"

# Only its owner may use the admin interface, which can stop Envoy and read its configuration.
_OWNER_ONLY = 0o600
_MAX_CONNECTIONS = 20_000
_MOST_ROUTES = 2000
"""That are counted; services choose statuses, so the counters of a route have an end too."""
_COLLECTOR = "intertie.traces"
# Only the gateway may say who somebody is, and which path was asked for.
_GATEWAY_ONLY = (
    IDENTITY_HEADER,
    CLIENT_HEADER,
    TENANT_HEADER,
    ROLES_HEADER,
    tls.CERTIFICATE_HEADER,
)
_GATEWAY_ONLY_PREFIXES = ("x-envoy-", "x-intertie-")
# By these services of some kinds take another path or method than the one that was let in.
_OVERRIDES = (
    *(
        f"x-{kind}-{what}"
        for kind in ("original", "rewrite", "override")
        for what in ("url", "uri")
    ),
    *("x-forwarded-uri", "x-forwarded-path", "x-http-path-override"),
    *("x-http-method", "x-http-method-override", "x-method-override"),
)
# By these they take another client, host or scheme than those of the connection: nobody but a
# trusted proxy can know better.
_BEFORE_US = (
    *("forwarded", "forwarded-for", "x-forwarded", "x-forwarded-for", "front-end-https", "x-host"),
    *(f"x-forwarded-{what}" for what in ("host", "server", "port", "prefix", "scheme", "ssl")),
    *(f"x-{kind}-ip" for kind in ("real", "client", "cluster-client", "originating", "remote")),
    *("x-remote-addr", "true-client-ip", "cf-connecting-ip"),
)
_BY_PROXIES = ("x-forwarded-for", "x-forwarded-host", "x-forwarded-port")
"""What is left of these where there are proxies that are trusted."""
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
    "trace_id": "%TRACE_ID%",
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
        "static_resources": {
            "listeners": [listener(gateway, port), *_beside(gateway, port)],
            "clusters": _collector(gateway),
        },
        "overload_manager": _overload(),
        # Nobody takes them but by asking: nothing to be gathered every 5 s.
        "stats_flush_on_admin": True,
    }


def flat(gateway: Gateway, port: int, resources: Resources) -> Json:
    """The same configuration with nothing dynamic, for `--mode validate`, which reads no files."""
    found = listener(gateway, port)
    manager = found["filter_chains"][0]["filters"][0]["typed_config"]
    del manager["rds"]
    manager["route_config"] = _bare(resources.routes[0])
    files = {each["name"]: each for each in resources.filters}
    manager["http_filters"] = [_flat_filter(each, files) for each in manager["http_filters"]]
    assignments = {each["cluster_name"]: each for each in resources.endpoints}
    clusters = [
        _static(each, assignments[each["name"]]) if each["name"] in assignments else _bare(each)
        for each in resources.clusters
    ]
    return {
        # As the command line has it of the one that runs: certificates in files need to know.
        "node": {"id": "gateway", "cluster": "gateway"},
        "static_resources": {
            "listeners": [found, *_beside(gateway, port)],
            "clusters": [*clusters, *_collector(gateway)],
        },
        "overload_manager": _overload(),
    }


def listener(gateway: Gateway, port: int) -> Json:
    """The one door. What it says of `gateway` is said to Envoy once: see `engines.standing`."""
    return {
        "name": "gateway",
        "address": {"socket_address": {"address": gateway.host, "port_value": port}},
        # A second Envoy on the same port must be refused, not share the requests.
        "enable_reuse_port": False,
        "per_connection_buffer_limit_bytes": 1024 * 1024,
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": _connection_manager(gateway),
                    }
                ],
                **(tls.filter_chain(gateway.tls) if gateway.tls else {}),
            }
        ],
    }


def _beside(gateway: Gateway, port: int) -> list[Json]:
    """Where unencrypted requests are sent on, and where the cache asks for what it has not."""
    plain_port = gateway.tls.redirect_http if gateway.tls else None
    redirect = [tls.redirect_listener(gateway.host, plain_port, port)] if plain_port else []
    inner = [fragments.listener(Path(ORIGIN_SOCKET))] if gateway.cache else []
    return [*redirect, *inner, *streams.listeners(gateway)]


def _connection_manager(gateway: Gateway) -> Json:
    return {
        "@type": f"{T}extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": STAT_PREFIX,
        "codec_type": "AUTO",
        "rds": {"route_config_name": ROUTE_CONFIG, "config_source": file_source("rds")},
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "UNESCAPE_AND_REDIRECT",
        **_client_address(gateway),
        **_tracing(gateway),
        **(tls.manager_settings(gateway.tls) if gateway.tls else {}),
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
        "early_header_mutation_extensions": [_drop_untrusted(gateway)],
        "http_filters": [
            *policy.chain(gateway),
            {
                "name": "envoy.filters.http.router",
                "typed_config": {
                    "@type": f"{FILTERS}router.v3.Router",
                    # Counters of each status of each service cost 5 % of each request's time,
                    # as those of routes do, and the access log has them.
                    "dynamic_stats": bool(gateway.count_statuses),
                    "suppress_envoy_headers": True,
                },
            },
        ],
        "local_reply_config": _local_replies(),
        "access_log": [
            *([_route_counters()] if gateway.count_statuses else []),
            {
                "name": "envoy.access_loggers.file",
                "typed_config": {
                    "@type": f"{T}extensions.access_loggers.file.v3.FileAccessLog",
                    "path": ACCESS_LOG,
                    "log_format": {"json_format": _ACCESS_LOG_FIELDS},
                },
            },
        ],
    }


def _route_counters() -> Json:
    """Each request is counted under its route when it ends, whoever answered or refused it.

    The router's own counters (`stat_prefix` of a route) miss all that no service ever sees.
    """
    of = {"name": "route", "value_format": "%ROUTE_NAME%"}
    status = {"name": "status", "value_format": "%RESPONSE_CODE%"}
    return {
        "name": "envoy.access_loggers.stats",
        "typed_config": {
            "@type": f"{T}extensions.access_loggers.stats.v3.Config",
            "stats_scope": {
                "prefix": ROUTE_STATS,
                "max_counters": 10 * _MOST_ROUTES,
                "max_histograms": _MOST_ROUTES,
            },
            "counters": [{"stat": {"name": "requests", "tags": [of, status]}, "value_fixed": 1}],
            "histograms": [
                {
                    "stat": {"name": "time", "tags": [of]},
                    "unit": "Milliseconds",
                    "value_format": "%DURATION%",
                }
            ],
        },
    }


def _client_address(gateway: Gateway) -> Json:
    """Who is believed about where a request comes from: the peer, or a proxy that is trusted."""
    trusted = gateway.security.trusted_proxies
    if not trusted:
        return {"use_remote_address": True}
    kind = f"{T}extensions.http.original_ip_detection.xff.v3.XffConfig"
    ranges = [network.partition("/") for network in trusted]
    cidrs = [{"address_prefix": a, "prefix_len": int(length)} for a, _, length in ranges]
    return {
        "use_remote_address": False,
        "original_ip_detection_extensions": [
            {
                "name": "envoy.http.original_ip_detection.xff",
                "typed_config": {
                    "@type": kind,
                    "xff_trusted_cidrs": {"cidrs": cidrs},
                    "skip_xff_append": False,
                },
            }
        ],
    }


def _tracing(gateway: Gateway) -> Json:
    if gateway.tracing is None:
        return {}
    samplers = f"{T}extensions.tracers.opentelemetry.samplers.v3"
    ratio = {
        "name": "envoy.tracers.opentelemetry.samplers.trace_id_ratio_based",
        "typed_config": {
            "@type": f"{samplers}.TraceIdRatioBasedSamplerConfig",
            "sampling_percentage": percent(gateway.tracing.sampling),
        },
    }
    # Those of traced callers all, and of others a part: Envoy's own sampling would cut both.
    parents = {
        "name": "envoy.tracers.opentelemetry.samplers.parent_based",
        "typed_config": {
            "@type": f"{samplers}.ParentBasedSamplerConfig",
            "wrapped_sampler": ratio,
        },
    }
    uri = {"uri": gateway.tracing.endpoint, "cluster": _COLLECTOR, "timeout": "2s"}
    service: Json = {"http_uri": uri}
    if gateway.tracing.authorization is not None:
        header = {"key": "authorization", "value": gateway.tracing.authorization}
        service["request_headers_to_add"] = [{"header": header}]
    return {
        "tracing": {
            "random_sampling": {"value": 100},
            "operation": "%REQ(:METHOD)% %ROUTE_NAME%",
            "custom_tags": [{"tag": "http.route", "value": "%ROUTE_NAME%"}],
            "provider": {
                "name": "envoy.tracers.opentelemetry",
                "typed_config": {
                    "@type": f"{T}config.trace.v3.OpenTelemetryConfig",
                    "http_service": service,
                    "service_name": "gateway",
                    "sampler": parents,
                },
            },
        }
    }


def _collector(gateway: Gateway) -> list[Json]:
    if gateway.tracing is None:
        return []
    return [_bare(web_cluster(_COLLECTOR, gateway.tracing.endpoint))]


def _drop_untrusted(gateway: Gateway) -> Json:
    """On every route, open ones included; by name, which is quicker than one pattern for all."""
    kind = f"{T}extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation"
    told = _BY_PROXIES if gateway.security.trusted_proxies else ()
    before_us = (name for name in _BEFORE_US if name not in told)
    return {
        "name": "envoy.http.early_header_mutation.header_mutation",
        "typed_config": {
            "@type": kind,
            "mutations": [
                *({"remove": name} for name in (*_GATEWAY_ONLY, *_OVERRIDES, *before_us)),
                *(
                    {"remove_on_match": {"key_matcher": {"prefix": prefix, "ignore_case": True}}}
                    for prefix in _GATEWAY_ONLY_PREFIXES
                ),
            ],
        },
    }


def _local_replies() -> Json:
    """What Envoy answers itself, as problem documents (RFC 9457)."""
    return {
        "mappers": [
            _as_it_is(),
            *grpc.grpc_replies(),
            authz.authz_reply(),
            limits.limits_reply(),
            revoked.revoked_reply(),
            *(_told(status, detail) for status, detail in _REPLIES.items()),
        ],
        "body_format": _problem("cannot serve this request", _WHY),
    }


def _as_it_is() -> Json:
    """Answers that the suite has in full."""
    kind = f"{T}extensions.access_loggers.filters.cel.v3.ExpressionFilter"
    marked = f"'{ANSWER}' in xds.route_metadata.filter_metadata"
    return {
        "filter": {
            "extension_filter": {
                "name": "cel",
                "typed_config": {"@type": kind, "expression": marked},
            }
        },
        "body_format_override": {"text_format_source": {"inline_string": _WHY}},
    }


def _told(status: HTTPStatus, detail: str) -> Json:
    return {
        "filter": {"status_code_filter": {"comparison": _equals(status)}},
        "body_format_override": _problem(status.phrase, detail),
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


def _flat_filter(wanted: Json, files: Mapping[str, Json]) -> Json:
    found = files.get(wanted["name"])
    if found is None:
        return wanted
    made = {key: value for key, value in wanted.items() if key != "config_discovery"}
    return made | {"typed_config": found["typed_config"]}


def _static(cluster: Json, assignment: Json) -> Json:
    fixed = {**_bare(cluster), "type": "STATIC", "load_assignment": _bare(assignment)}
    del fixed["eds_cluster_config"]
    return fixed


def _bare(resource: Json) -> Json:
    return {key: value for key, value in resource.items() if key != "@type"}
