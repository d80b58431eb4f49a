"""A small database of countries, in MaxMind's format.

https://maxmind.github.io/MaxMind-DB/
"""

from collections.abc import Mapping
from ipaddress import IPv4Network
from pathlib import Path

_MARK = b"\xab\xcd\xefMaxMind.com"
_MAP, _TEXT, _LIST = 7, 2, 4
_NUMBERS = {2: (5, 2), 4: (6, 4), 8: (2, 8)}
"""By size: the number of the type, of which those above 7 are an extension of it, and its bytes."""


def write(file: Path, networks: Mapping[str, str]) -> None:
    """Which country each of these IPv4 networks is in."""
    data, places = b"", dict[str, int]()
    for country in sorted({*networks.values()}):
        places[country] = len(data)
        data += _map({"country": _map({"iso_code": _text(country)})})
    nodes: list[list[int | None]] = [[None, None]]
    leaves: dict[tuple[int, int], str] = {}
    for network, country in networks.items():
        _add(nodes, leaves, IPv4Network(network), country)
    count = len(nodes)
    tree = b""
    for index, node in enumerate(nodes):
        for side in (0, 1):
            below = node[side]
            country = leaves.get((index, side), "")
            value = count + 16 + places[country] if country else count if below is None else below
            tree += value.to_bytes(3, "big")
    file.write_bytes(tree + bytes(16) + data + _MARK + _about(count))


def _add(
    nodes: list[list[int | None]],
    leaves: dict[tuple[int, int], str],
    network: IPv4Network,
    country: str,
) -> None:
    bits = f"{int(network.network_address):032b}"[: network.prefixlen]
    at = 0
    for bit in map(int, bits[:-1]):
        below = nodes[at][bit]
        if below is None:
            nodes.append([None, None])
            below = nodes[at][bit] = len(nodes) - 1
        at = below
    leaves[at, int(bits[-1])] = country


def _about(count: int) -> bytes:
    return _map(
        {
            "binary_format_major_version": _number(2, 2),
            "binary_format_minor_version": _number(0, 2),
            "build_epoch": _number(1_700_000_000, 8),
            "database_type": _text("GeoLite2-Country"),
            "description": _map({"en": _text("test")}),
            "ip_version": _number(4, 2),
            "languages": bytes([1, _LIST]) + _text("en"),
            "node_count": _number(count, 4),
            "record_size": _number(24, 2),
        }
    )


def _map(items: Mapping[str, bytes]) -> bytes:
    pairs = b"".join(_text(key) + value for key, value in items.items())
    return bytes([_MAP << 5 | len(items)]) + pairs


def _text(text: str) -> bytes:
    size = len(text)
    head = [_TEXT << 5 | size] if size < 29 else [_TEXT << 5 | 29, size - 29]
    return bytes(head) + text.encode()


def _number(value: int, size: int) -> bytes:
    kind, _ = _NUMBERS[size]
    head = [size, kind] if size == 8 else [kind << 5 | size]
    return bytes(head) + value.to_bytes(size, "big")
