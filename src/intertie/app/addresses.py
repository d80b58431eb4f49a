"""Where a client on this machine finds the parts of a suite."""

import socket
from collections.abc import Mapping
from ipaddress import ip_address

from intertie.suite.model import Suite

_LOOPBACK_NAMES = ["localhost", "127.0.0.1", "[::1]"]


def addresses(suite: Suite, listener: socket.socket) -> Mapping[str, str]:
    """Of the gateway, if there is one, and of the management API on this socket."""
    host, port = listener.getsockname()[:2]
    api = {"api": f"http://{reachable(host)}:{port}"}
    if suite.gateway is None:
        return api
    scheme = "https" if suite.gateway.tls else "http"
    return {"gateway": f"{scheme}://{reachable(suite.gateway.host)}:{suite.gateway.port}", **api}


def host_names(host: str) -> list[str]:
    """Host headers the API answers; all when it listens beyond this machine, with a key."""
    return _LOOPBACK_NAMES if is_loopback(host) else ["*"]


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect there."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def reachable(host: str) -> str:
    """An address to connect to for an address to listen on."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not bound here
    return f"[{name}]" if ":" in name else name
