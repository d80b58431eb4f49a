"""Listeners for what is not HTTP: TCP and UDP as it is, TLS by the name that a client asks for.

They are constant, as the door is: which replicas there are comes by the files of endpoints.
"""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TypeVar

from intertie.gateway.xds import Json, T, seconds
from intertie.suite.gateway import Gateway
from intertie.suite.streams import Stream

Network = IPv4Network | IPv6Network
_N = TypeVar("_N", IPv4Network, IPv6Network)
EVERYWHERE = ("0.0.0.0/0", "::/0")
_BUFFER_BYTES = 1024 * 1024
_INSPECTOR_S = 5.0


def listeners(gateway: Gateway) -> list[Json]:
    """One for each port, and of UDP another one."""
    of_udp = [_udp(each, gateway) for each in gateway.streams if each.protocol == "udp"]
    return [*(_tcp(group, gateway) for group in _by_port(gateway.streams)), *of_udp]


def _by_port(streams: Sequence[Stream]) -> Iterator[list[Stream]]:
    groups: dict[int, list[Stream]] = {}
    for stream in streams:
        if stream.protocol != "udp":
            groups.setdefault(stream.port, []).append(stream)
    yield from groups.values()


def _tcp(group: Sequence[Stream], gateway: Gateway) -> Json:
    port = group[0].port
    made: Json = {
        "name": f"stream.{port}",
        "address": {"socket_address": {"address": gateway.host, "port_value": port}},
        "enable_reuse_port": False,
        "per_connection_buffer_limit_bytes": _BUFFER_BYTES,
        "filter_chains": [_chain(each, gateway) for each in group],
    }
    if group[0].protocol == "tls":
        # Who says nothing is not held for ever, nor passed on unread.
        made["listener_filters_timeout"] = seconds(_INSPECTOR_S)
        made["listener_filters"] = [_inspector()]
    return made


def _chain(stream: Stream, gateway: Gateway) -> Json:
    match: Json = {"source_prefix_ranges": [_range(each) for each in _sources(gateway) or ()]}
    if stream.protocol == "tls":
        match |= {"transport_protocol": "tls", "server_names": list(stream.hosts)}
    # A chain without filters closes what comes: for where nobody is left who may.
    may_any = _sources(gateway) != ()
    return {
        "filter_chain_match": {key: value for key, value in match.items() if value},
        "filters": [_proxy(stream)] if may_any else [],
    }


def _sources(gateway: Gateway) -> tuple[Network, ...] | None:
    """From where connections may come; None is from everywhere.

    Envoy prefers the narrowest network that fits. So these are the allowed less the denied ones.
    The network filter that guards would let the service speak until the client does.
    """
    wanted = gateway.security.addresses
    if not (wanted.allow or wanted.deny):
        return None
    left = [ip_network(each) for each in wanted.allow or EVERYWHERE]
    for denied in map(ip_network, wanted.deny):
        left = [part for each in left for part in _less(each, denied)]
    return tuple(left)


def _less(network: Network, denied: Network) -> Iterator[Network]:
    # Of two versions, none is part of the other.
    if isinstance(network, IPv4Network) and isinstance(denied, IPv4Network):  # noqa: SIM114
        yield from _left(network, denied)
    elif isinstance(network, IPv6Network) and isinstance(denied, IPv6Network):
        yield from _left(network, denied)
    else:
        yield network


def _left(network: _N, denied: _N) -> Iterator[_N]:
    if not network.overlaps(denied):
        yield network
    elif not network.subnet_of(denied):
        yield from network.address_exclude(denied)


def _range(network: Network) -> Json:
    return {"address_prefix": str(network.network_address), "prefix_len": network.prefixlen}


def _inspector() -> Json:
    kind = f"{T}extensions.filters.listener.tls_inspector.v3.TlsInspector"
    return {"name": "envoy.filters.listener.tls_inspector", "typed_config": {"@type": kind}}


def _proxy(stream: Stream) -> Json:
    return {
        "name": "envoy.filters.network.tcp_proxy",
        "typed_config": {
            "@type": f"{T}extensions.filters.network.tcp_proxy.v3.TcpProxy",
            "stat_prefix": f"stream.{stream.port}",
            "cluster": stream.service,
            "idle_timeout": seconds(stream.idle_s),
        },
    }


def _udp(stream: Stream, gateway: Gateway) -> Json:
    address = {"address": gateway.host, "port_value": stream.port, "protocol": "UDP"}
    return {
        "name": f"stream.{stream.port}.udp",
        "address": {"socket_address": address},
        # On Linux UDP is read by each worker from a socket of its own.
        "enable_reuse_port": True,
        "udp_listener_config": {"downstream_socket_config": {"max_rx_datagram_size": 9000}},
        "listener_filters": [
            {
                "name": "envoy.filters.udp_listener.udp_proxy",
                "typed_config": {
                    "@type": f"{T}extensions.filters.udp.udp_proxy.v3.UdpProxyConfig",
                    "stat_prefix": f"stream.{stream.port}.udp",
                    "matcher": _udp_matcher(stream, _sources(gateway)),
                    "idle_timeout": seconds(stream.idle_s),
                    "upstream_socket_config": {"max_rx_datagram_size": 9000},
                },
            }
        ],
    }


def _udp_matcher(stream: Stream, sources: Sequence[Network] | None) -> Json:
    """What no matcher wants is dropped."""
    kind = f"{T}extensions.filters.udp.udp_proxy.v3.Route"
    route = {"name": "route", "typed_config": {"@type": kind, "cluster": stream.service}}
    if sources is None:
        return {"on_no_match": {"action": route}}
    if not sources:
        return {}
    source = f"{T}extensions.matching.common_inputs.network.v3.SourceIPInput"
    networks = {
        "@type": f"{T}extensions.matching.input_matchers.ip.v3.Ip",
        "cidr_ranges": [_range(each) for each in sources],
        "stat_prefix": "streams",
    }
    predicate = {
        "input": {"name": "source", "typed_config": {"@type": source}},
        "custom_match": {"name": "networks", "typed_config": networks},
    }
    matcher = {"predicate": {"single_predicate": predicate}, "on_match": {"action": route}}
    return {"matcher_list": {"matchers": [matcher]}}
