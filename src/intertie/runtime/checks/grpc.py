"""The grpc check: `grpc.health.v1.Health/Check`, over HTTP/2 without TLS.

Source: https://github.com/grpc/grpc/blob/master/doc/health-checking.md and PROTOCOL-HTTP2.md.
"""

import struct
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import unquote

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import H2Error

from intertie.runtime.checks.http import KEPT_S
from intertie.runtime.checks.net import (
    MOST_READ,
    Connection,
    NoAnswer,
    PeerError,
    connect,
    no_connection,
)

_HEALTH = {0: "UNKNOWN", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}
_SERVING = 1
_SETTINGS = 4
_NOT_FOUND = "5"
_UNIMPLEMENTED = "12"
_SHOWN = 200


class GrpcCheck:
    """Whether the server on the port says SERVING for `service`; "" is the server as a whole."""

    def __init__(self, port: int, service: str, *, interval_s: float) -> None:
        self._port = port
        self._service = service
        self._keeps = interval_s <= KEPT_S
        self._kept: _Session | None = None

    async def __call__(self) -> str | None:
        """None when healthy, else the reason."""
        try:
            reply = await self._ask()
            return self._judge(reply)
        except OSError as exc:
            return no_connection(self._port, exc)
        except PeerError as exc:
            return f"gRPC on port {self._port}: {exc}"

    async def _ask(self) -> "_Reply":
        kept, self._kept = self._kept, None
        if kept is not None and kept.is_open():
            try:
                return await self._exchange(kept)
            except (NoAnswer, _Leaving):
                pass  # closed in the moment we asked, which is a server's right
        return await self._exchange(await _Session.open(self._port))

    async def _exchange(self, session: "_Session") -> "_Reply":
        keeps = False
        try:
            reply = await session.ask(self._service)
            keeps = self._keeps
        finally:
            if keeps:
                self._kept = session
            else:
                session.close()
        return reply

    def _judge(self, reply: "_Reply") -> str | None:
        if reply.http_status != "200":
            raise PeerError(f"answered with HTTP status {reply.http_status}")
        if reply.status == _NOT_FOUND:
            raise PeerError(f"does not know the service {self._service!r}")
        if reply.status == _UNIMPLEMENTED:
            raise PeerError("the server has no health service")
        if reply.status != "0":
            raise PeerError(f"answered with status {reply.status or '(none)'}: {reply.message}")
        health = _health(reply.body)
        if health != _SERVING:
            raise PeerError(f"says {_HEALTH.get(health, health)}")
        return None


class _Leaving(PeerError):
    """The server takes no more requests on this connection."""


@dataclass(slots=True)
class _Reply:
    http_status: str = ""
    status: str = ""
    message: str = ""
    body: bytes = b""
    ended: bool = False

    def read(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        for name, value in headers:
            text = value.decode(errors="replace")
            match name:
                case b":status":
                    self.http_status = text
                case b"grpc-status":
                    self.status = text
                case b"grpc-message":
                    self.message = unquote(text)[:_SHOWN]
                case _:
                    pass


@dataclass(slots=True)
class _Session:
    """One HTTP/2 connection; a question at a time."""

    port: int
    connection: Connection
    http2: H2Connection = field(
        default_factory=lambda: H2Connection(H2Configuration(client_side=True))
    )
    greeted: bool = False
    """The server has begun as an HTTP/2 server does."""
    leaving: bool = False

    @classmethod
    async def open(cls, port: int) -> Self:
        session = cls(port, await connect(port))
        session.http2.initiate_connection()
        return session

    def close(self) -> None:
        self.connection.close()

    def is_open(self) -> bool:
        return not self.leaving

    async def ask(self, service: str) -> _Reply:
        try:
            return await self._ask(service)
        except H2Error as exc:
            if self.greeted:  # h2 takes hardly anything after a GOAWAY, which may have come
                raise _Leaving("the HTTP/2 connection broke down") from exc
            raise PeerError("the answer is not HTTP/2") from exc

    async def _ask(self, service: str) -> _Reply:
        stream = self.http2.get_next_available_stream_id()
        self.http2.send_headers(stream, self._headers())
        self.http2.send_data(stream, _question(service), end_stream=True)
        await self.connection.send(self.http2.data_to_send())
        await self._greet()
        reply, count = _Reply(), 0
        while not reply.ended:
            data = await self.connection.receive()
            count += len(data)
            if not data:
                raise NoAnswer("no answer")
            if count > MOST_READ:
                raise PeerError("the answer is longer than 64 KiB")
            for event in self.http2.receive_data(data):
                self._take(event, stream, reply)
            with suppress(NoAnswer):  # the server may have answered and left: `receive` tells
                await self.connection.send(self.http2.data_to_send())
        return reply

    async def _greet(self) -> None:
        """The first frame is SETTINGS (RFC 9113, 3.4); h2 would wait for any other to be whole."""
        if self.greeted:
            return
        head = await self.connection.await_bytes(9)
        if head[0] != 0 or head[3] != _SETTINGS:
            raise PeerError("the answer is not HTTP/2")
        self.greeted = True

    def _headers(self) -> list[tuple[str, str]]:
        return [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", "/grpc.health.v1.Health/Check"),
            (":authority", f"127.0.0.1:{self.port}"),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("user-agent", "intertie-check"),
        ]

    def _take(self, event: Event, stream: int, reply: _Reply) -> None:
        match event:
            case ResponseReceived(headers=headers) | TrailersReceived(headers=headers):
                reply.read(headers or [])
            case DataReceived(data=data, flow_controlled_length=length):
                reply.body += data or b""
                self.http2.acknowledge_received_data(length or 0, stream)
            case StreamEnded():
                reply.ended = True
            case StreamReset(error_code=code):
                self._reset(code)
            case ConnectionTerminated(last_stream_id=last):
                self.leaving = True
                if (last or 0) < stream:
                    raise _Leaving("the server takes no more requests")
            case _:
                pass

    def _reset(self, code: ErrorCodes | int | None) -> None:
        if code == ErrorCodes.REFUSED_STREAM:
            raise _Leaving("the server takes no more requests")
        name = code.name if isinstance(code, ErrorCodes) else code
        raise PeerError(f"broke off with {name}")


def _question(service: str) -> bytes:
    """HealthCheckRequest{service} as one gRPC message, not compressed."""
    name = service.encode()
    message = b"\x0a" + _varint(len(name)) + name if name else b""
    return struct.pack("!BI", 0, len(message)) + message


def _varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes((low | 0x80,)) + _varint(rest) if rest else bytes((low,))


def _health(body: bytes) -> int:
    """`status` of a HealthCheckResponse; 0 is not sent."""
    if body[:5] == b"\0\0\0\0\0":
        return 0
    if len(body) < 7 or body[0] != 0 or body[5] != 0x08:  # noqa: PLR2004 — field 1, a number
        raise PeerError("the answer is not a HealthCheckResponse")
    return body[6]
