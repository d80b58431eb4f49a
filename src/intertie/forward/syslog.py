"""Syslog: RFC 5424, over UDP (RFC 5426), TCP with octet counting (RFC 6587), or a unix socket.

Nothing answers in syslog. What TCP had accepted when a connection broke is sent again; what a
server loses after that, and what UDP loses, nobody can know.
"""

import errno
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from socket import gethostname
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

import anyio
from anyio import fail_after
from anyio.abc import ConnectedUDPSocket as UDP
from anyio.abc import ConnectedUNIXDatagramSocket as UNIX
from anyio.abc import SocketStream

from intertie.forward.record import Record
from intertie.forward.sender import BusyError
from intertie.runtime.log_record import Level

_TIMEOUT_S = 10.0
_UDP_PORT = 514
_TCP_PORT = 601
_DAEMON = 3
_SEVERITY: Mapping[Level, int] = {
    "trace": 7,
    "debug": 7,
    "info": 6,
    "warning": 4,
    "error": 3,
    "critical": 2,
}
_PIECE_BYTES = 7 * 1024
"""Longer lines go in pieces: servers cut what is longer than 8 KiB, unless told otherwise."""
_CONTINUED = range(0x80, 0xC0)
"""Bytes that UTF-8 has within a character."""
_GLANCE_S = 0.001
_BROKEN = (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream)
_NAME_LIMIT, _HOST_LIMIT = 48, 255
_NOT_PRINTED = re.compile(r"[^!-~]")
_ELEMENT = "intertie@32473"
"""32473 is the number that RFC 5612 leaves to those who have none of their own."""


class _Line(Protocol):
    """A connection that carries messages."""

    async def send(self, messages: Sequence[bytes], /) -> None: ...

    async def aclose(self) -> None: ...


class _Datagrams:
    """One message a datagram."""

    def __init__(self, socket: UDP | UNIX) -> None:
        self._socket = socket

    async def send(self, messages: Sequence[bytes], /) -> None:
        for message in messages:
            await self._socket.send(message)

    async def aclose(self) -> None:
        await self._socket.aclose()


class _Counted:
    """Messages one after the other, each with its length before it."""

    def __init__(self, stream: SocketStream) -> None:
        self._stream = stream

    async def send(self, messages: Sequence[bytes], /) -> None:
        # Writing to a connection that the server has closed seems to work, once: look first.
        with anyio.move_on_after(_GLANCE_S):
            while True:
                await self._stream.receive()
        await self._stream.send(b"".join(b"%d %b" % (len(each), each) for each in messages))

    async def aclose(self) -> None:
        await self._stream.aclose()


class SyslogSender:
    """Connects when first used, and again after a failure."""

    def __init__(self, url: str, labels: Mapping[str, str], host: str) -> None:
        self._url = url
        self._parts = urlsplit(url)
        self._labels = labels
        self._host = host
        self._line: _Line | None = None
        self._unsure: list[bytes] = []

    async def send(self, records: Sequence[Record]) -> int:
        """As `Sender`."""
        messages = [each for record in records for each in encode(record, self._labels, self._host)]
        try:
            with fail_after(_TIMEOUT_S):
                if self._line is None:
                    self._line = await _connect(self._parts)
                    if self._unsure:
                        await self._line.send(self._unsure)
                await self._line.send(messages)
        except (OSError, *_BROKEN) as exc:
            await self.aclose()
            why = str(exc) or type(exc).__name__
            raise BusyError(f"cannot reach {self._url}: {why}") from exc
        self._unsure = messages if self._parts.scheme == "tcp" else []
        return 0

    async def aclose(self) -> None:
        """Running it again changes nothing."""
        line, self._line = self._line, None
        if line is not None:
            await line.aclose()


@asynccontextmanager
async def sender(url: str, *, labels: Mapping[str, str]) -> AsyncIterator[SyslogSender]:
    """To the server at `url`."""
    made = SyslogSender(url, labels, gethostname())
    try:
        yield made
    finally:
        with anyio.CancelScope(shield=True), anyio.move_on_after(_TIMEOUT_S):
            await made.aclose()


def encode(record: Record, labels: Mapping[str, str], host: str) -> list[bytes]:
    """The messages for a line: several for a very long one."""
    line = record.line
    said = record.said.level if record.said else None
    severity = _SEVERITY[said or ("error" if line.stream == "err" else "info")]
    seconds, rest_ns = divmod(record.at_ns, 1_000_000_000)
    at = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest_ns // 1000)
    head = " ".join(
        (
            f"<{_DAEMON * 8 + severity}>1",
            at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            _name(host, _HOST_LIMIT),
            _name(line.service, _NAME_LIMIT),
            str(line.replica),
            line.stream,
            _data({**labels, "replica": str(line.replica), "stream": line.stream}),
        )
    ).encode()
    return [head + b" " + piece for piece in _pieces(line.text)]


def _pieces(text: str) -> list[bytes]:
    whole = text.encode("utf-8", "replace")
    found: list[bytes] = []
    start = 0
    while start < len(whole):
        end = min(start + _PIECE_BYTES, len(whole))
        while end < len(whole) and whole[end] in _CONTINUED:
            end -= 1
        found.append(whole[start:end])
        start = end
    return found or [b""]


def _name(text: str, limit: int) -> str:
    return _NOT_PRINTED.sub("_", text)[:limit] or "-"


def _data(values: Mapping[str, str]) -> str:
    r"""RFC 5424, 6.3: in a value, `"`, `\` and `]` are escaped."""
    escaped = {key: re.sub(r'(["\\\]])', r"\\\1", value) for key, value in values.items()}
    return " ".join((f"[{_ELEMENT}", *(f'{key}="{value}"' for key, value in escaped.items()))) + "]"


async def _connect(parts: SplitResult) -> _Line:
    if parts.scheme == "unix":
        return await _connect_unix(parts.path)
    host = parts.hostname or ""
    if parts.scheme == "udp":
        port = parts.port or _UDP_PORT
        return _Datagrams(await anyio.create_connected_udp_socket(host, port))
    return _Counted(await anyio.connect_tcp(host, parts.port or _TCP_PORT))


async def _connect_unix(path: str) -> _Line:
    try:
        return _Datagrams(await anyio.create_connected_unix_datagram_socket(path))
    except OSError as exc:
        if exc.errno != errno.EPROTOTYPE:
            raise
    return _Counted(await anyio.connect_unix(path))
