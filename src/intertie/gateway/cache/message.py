"""Heads of requests and answers, and what is never passed on from one hop to the next."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from intertie.gateway.cache.fields import Headers, names, values

SAFE: Final = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE"})
HOP_BY_HOP: Final = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"proxy-authenticate",
        b"proxy-authentication-info",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"http2-settings",
    }
)
_PHRASES: Final = {status.value: status.phrase.encode() for status in HTTPStatus}
NO_BODY: Final = frozenset({204, 304})


@dataclass(slots=True)
class Request:
    """The head of one, as it came."""

    method: bytes
    target: bytes
    headers: Headers
    http_11: bool = True
    keep_alive: bool = True
    table: dict[bytes, bytes] = field(default_factory=dict)
    """By name in lower case, lines joined: for looking up."""

    def __post_init__(self) -> None:
        table = self.table
        for key, value in self.headers:
            name = key.lower()
            table[name] = table[name] + b", " + value if name in table else value

    def get(self, name: bytes) -> bytes | None:
        """All lines of a field as one."""
        return self.table.get(name)

    @property
    def has_body(self) -> bool:
        """Whether one was announced."""
        return b"transfer-encoding" in self.table or self.table.get(b"content-length", b"0") != b"0"


@dataclass(slots=True)
class Answer:
    """The head of one, as it came from the origin."""

    status: int
    headers: Headers
    reason: bytes = b""
    received: float = 0.0
    """Seconds since 1970."""

    def get(self, name: bytes) -> bytes | None:
        """The first line of a field."""
        for key, value in self.headers:
            if key.lower() == name:
                return value
        return None

    def all(self, name: bytes) -> bytes | None:
        """All lines of a field as one; None where there is none."""
        found = values(self.headers, name)
        return b", ".join(found) if found else None


def end_to_end(headers: Headers) -> Headers:
    """Without what is for this hop only, the names that Connection lists included."""
    listed = {name for line in values(headers, b"connection") for name in names(line)}
    dropped = HOP_BY_HOP | listed if listed else HOP_BY_HOP
    return [(key, value) for key, value in headers if key.lower() not in dropped]


def without(headers: Headers, dropped: frozenset[bytes] | set[bytes]) -> Headers:
    """Names in lower case."""
    return [(key, value) for key, value in headers if key.lower() not in dropped]


def status_line(status: int, reason: bytes = b"") -> bytes:
    """The first line of an answer."""
    return b"HTTP/1.1 %d %s\r\n" % (status, reason or _PHRASES.get(status, b""))


def block(headers: Headers) -> bytes:
    """Lines of a head, without the empty one at its end."""
    return b"".join([b"%s: %s\r\n" % each for each in headers])


def parse_block(text: bytes) -> Headers:
    """What `block` made, back again."""
    lines = text.split(b"\r\n")[:-1]
    return [(key, value) for key, _, value in (line.partition(b": ") for line in lines)]
