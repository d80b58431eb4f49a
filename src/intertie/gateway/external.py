"""Services of others to Envoy: where they are, how they prove it, and what they are not told."""

from collections.abc import Iterator
from ipaddress import ip_address

import certifi

from intertie.gateway.xds import (
    CLIENT_HEADER,
    IDENTITY_HEADER,
    KEY_HEADER,
    ROLES_HEADER,
    TENANT_HEADER,
    Json,
    T,
)
from intertie.suite.external import External

PRIVATE = (
    *("authorization", "cookie", KEY_HEADER),
    *(IDENTITY_HEADER, CLIENT_HEADER, TENANT_HEADER, ROLES_HEADER),
)
"""Headers that say who asks, or by which anybody could ask in his name."""


def located(name: str, wanted: External, *, protocol: str) -> Json:
    """What a cluster says of it in place of what one with replicas says."""
    return {
        "type": "STATIC" if wanted.addresses else "STRICT_DNS",
        # Most names have both, and few machines reach both.
        "dns_lookup_family": "V4_PREFERRED",
        "respect_dns_ttl": True,
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [_host(each, wanted) for each in _places(wanted)]}],
        },
        **(_encrypted(wanted, protocol) if wanted.is_encrypted else {}),
    }


def secrets(wanted: External | None) -> list[str]:
    """Headers that it does not get."""
    return [*PRIVATE] if wanted is not None and not wanted.forward_identity else []


def verified(host: str, ca_file: str | None = None) -> Json:
    """TLS to a foreign host, which must show a certificate of its name."""
    matched = {"san_type": _kind(host), "matcher": {"exact": host}}
    context = {
        "match_typed_subject_alt_names": [matched],
        "trusted_ca": {"filename": ca_file or certifi.where()},
    }
    return {
        "@type": f"{T}extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        # Addresses are not asked for by name (RFC 6066, section 3).
        **({"sni": host} if _kind(host) == "DNS" else {}),
        "common_tls_context": {"validation_context": context},
    }


def _encrypted(wanted: External, protocol: str) -> Json:
    made = verified(wanted.host, wanted.ca_file)
    made["common_tls_context"]["alpn_protocols"] = ["h2" if protocol == "http2" else "http/1.1"]
    return {"transport_socket": {"name": "tls", "typed_config": made}}


def _places(wanted: External) -> Iterator[tuple[str, int]]:
    for each in wanted.addresses:
        address, _, port = each.rpartition(":")
        yield address.strip("[]"), int(port)
    if not wanted.addresses:
        yield wanted.host, wanted.port


def _host(place: tuple[str, int], wanted: External) -> Json:
    address = {"address": place[0], "port_value": place[1]}
    # The name that routes tell it, in place of the one that the client asked for.
    host = {"address": {"socket_address": address}, "hostname": wanted.authority}
    return {"endpoint": host}


def _kind(host: str) -> str:
    try:
        ip_address(host)
    except ValueError:
        return "DNS"
    return "IP_ADDRESS"
