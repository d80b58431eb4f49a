"""Both ends of an encrypted call between services."""

from intertie.gateway.mesh.secrets import AUTHORITIES, IDENTITY, reference
from intertie.gateway.xds import Json, T

_TLS = f"{T}extensions.transport_sockets.tls.v3."
# Both ends are ours.
_PARAMETERS = {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"}


def inbound(domain: str) -> Json:
    """Lets in who shows an identity of the suite `domain`, and nobody else."""
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{_TLS}DownstreamTlsContext",
            "common_tls_context": _common(f"spiffe://{domain}/", "prefix", ["h2", "http/1.1"]),
            "require_client_certificate": True,
            # A session that is taken up again would outlive the certificate it began with.
            "disable_stateless_session_resumption": True,
            "disable_stateful_session_resumption": True,
        },
    }


def outbound(identity: str) -> Json:
    """Talks to nobody but `identity`; what protocol is spoken inside, the connection pool says."""
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{_TLS}UpstreamTlsContext",
            "common_tls_context": _common(identity, "exact", []),
            "max_session_keys": 0,
        },
    }


def _common(identity: str, kind: str, protocols: list[str]) -> Json:
    return {
        "tls_params": _PARAMETERS,
        "alpn_protocols": protocols,
        "tls_certificate_sds_secret_configs": [reference(IDENTITY)],
        "combined_validation_context": {
            "default_validation_context": {
                "match_typed_subject_alt_names": [{"san_type": "URI", "matcher": {kind: identity}}]
            },
            "validation_context_sds_secret_config": reference(AUTHORITIES),
        },
    }
