"""One exchange with a vendor, and the port that carries it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


@dataclass(slots=True)
class Request:
    """What is sent. Its headers hold secrets: `repr` shows none of them."""

    method: str
    url: str = field(repr=False)
    """Some vendors want secrets in the query."""
    headers: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    """Names in lower case."""
    body: bytes | None = field(default=None, repr=False)
    timeout_s: float = 30.0


@dataclass(slots=True)
class Response:
    """What came back, whole."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case; of several of one name, the last."""
    body: bytes = field(default=b"", repr=False)
    told: object = field(default=None, repr=False)
    """What the body says, where a library has read it already."""


class Transport(Protocol):
    """Carries requests. It follows no redirect, and connects to nothing but what it is asked."""

    async def send(self, request: Request) -> Response:
        """The answer, whatever its status.

        Raises VendorDownError, VendorTimeoutError, EgressError.
        """
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


def origin(url: str) -> str:
    """Scheme, host and port, so that equal ones compare equal; empty for what is none of HTTP."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    host = parts.hostname
    if parts.scheme not in _PORTS or not host or "@" in parts.netloc:
        return ""
    host = f"[{host}]" if ":" in host else host
    usual = port is None or port == _PORTS[parts.scheme]
    return f"{parts.scheme}://{host}" if usual else f"{parts.scheme}://{host}:{port}"
