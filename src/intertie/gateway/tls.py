"""The gateway's encrypted door: what its listener is made of when the suite says `tls`."""

from collections.abc import Mapping

from intertie.gateway.mesh.secrets import reference
from intertie.gateway.xds import Json, T, overwrite
from intertie.suite.tls import Tls

CLIENTS = "clients"
"""The secret by which certificates of clients are checked."""
CERTIFICATE_HEADER = "x-client-certificate"
"""The name in a client's certificate: a URI, or else a host name. To be dropped at the door."""
_TLS = f"{T}extensions.transport_sockets.tls.v3."
_VERSIONS = {"1.2": "TLSv1_2", "1.3": "TLSv1_3"}
# Of TLS 1.2, only what has forward secrecy and authenticated encryption (RFC 9325, section 4.2).
_CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
_HANDSHAKE_S = 10
_HTTPS_PORT = 443


def server_secret(index: int) -> str:
    """The secret of one of the gateway's own certificates."""
    return f"server-{index}"


def server_secrets(tls: Tls) -> tuple[str, ...]:
    """In the order of the suite file; the first is for names that none of them has."""
    return tuple(server_secret(index) for index in range(max(1, len(tls.certificates))))


def filter_chain(tls: Tls) -> Json:
    """What the listener's one filter chain has beside its filters."""
    return {
        "transport_socket": transport_socket(tls),
        "transport_socket_connect_timeout": f"{_HANDSHAKE_S}s",
    }


def transport_socket(tls: Tls) -> Json:
    """Envoy chooses among several certificates by the name that a client asks for (SNI)."""
    common: Json = {
        "tls_params": {
            "tls_minimum_protocol_version": _VERSIONS[tls.min_version],
            "tls_maximum_protocol_version": "TLSv1_3",
            "cipher_suites": list(_CIPHERS),
        },
        "alpn_protocols": ["h2", "http/1.1"],
        "tls_certificate_sds_secret_configs": [reference(name) for name in server_secrets(tls)],
    }
    context: Json = {
        "@type": f"{_TLS}DownstreamTlsContext",
        "common_tls_context": common,
        "require_client_certificate": tls.require_client_certificate,
    }
    if tls.client_ca_file is not None:
        common["validation_context_sds_secret_config"] = reference(CLIENTS)
        # A session that is taken up again would outlive a certificate that was taken back.
        context["disable_stateless_session_resumption"] = True
        context["disable_stateful_session_resumption"] = True
    return {"name": "envoy.transport_sockets.tls", "typed_config": context}


def manager_settings(tls: Tls) -> Json:
    """For the connection manager: who the client is, by its certificate and nothing else."""
    if tls.client_ca_file is None:
        return {}
    return {
        "forward_client_cert_details": "SANITIZE_SET",
        "set_current_client_cert_details": {"uri": True, "dns": True, "subject": True},
    }


def request_headers(tls: Tls) -> list[Json]:
    """For the route configuration: a later one replaces an earlier one, if it is not empty."""
    if tls.client_ca_file is None:
        return []
    values = ("%DOWNSTREAM_PEER_DNS_SAN%", "%DOWNSTREAM_PEER_URI_SAN%")
    return [header for value in values for header in overwrite({CERTIFICATE_HEADER: value})]


def response_headers(tls: Tls) -> list[Json]:
    """For the route configuration (RFC 6797)."""
    return overwrite(hsts(tls))


def hsts(tls: Tls) -> Mapping[str, str]:
    """The header that keeps browsers from coming unencrypted; empty for none."""
    if tls.hsts_s == 0:
        return {}
    return {"strict-transport-security": f"max-age={tls.hsts_s:.0f}; includeSubDomains"}


def redirect_listener(host: str, port: int, https_port: int) -> Json:
    """A second listener, which sends unencrypted requests on and answers none."""
    action: Json = {"https_redirect": True, "response_code": "PERMANENT_REDIRECT"}
    if https_port != _HTTPS_PORT:
        action["port_redirect"] = https_port
    manager = {
        "@type": f"{T}extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "redirect",
        "request_headers_timeout": "2s",
        "max_request_headers_kb": 16,
        "common_http_protocol_options": {"idle_timeout": "5s", "max_headers_count": 100},
        "route_config": {
            "name": "redirect",
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "redirect": action}],
                }
            ],
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{T}extensions.filters.http.router.v3.Router"},
            }
        ],
    }
    return {
        "name": "redirect",
        "address": {"socket_address": {"address": host, "port_value": port}},
        "enable_reuse_port": False,
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": manager,
                    }
                ]
            }
        ],
    }
