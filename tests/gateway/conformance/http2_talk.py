"""A client that speaks HTTP/2 frame by frame, right or wrong, and tells what came back."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from anyio import BrokenResourceError, EndOfStream, connect_tcp, move_on_after
from anyio.abc import SocketStream
from hpack import Encoder
from hyperframe.exceptions import HyperframeError
from hyperframe.frame import (
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
CODES = (
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
)
_HEAD_SIZE = 9
# Envoy gives the other side a second to read why, and only then ends the connection.
_SILENCE_S = 1.5
_LAST_S = 4.0

Field = tuple[str, str]
USUAL: tuple[Field, ...] = (
    (":method", "GET"),
    (":scheme", "http"),
    (":path", "/open"),
    (":authority", "test"),
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the other side did."""

    goaway: str = ""
    resets: tuple[str, ...] = ()
    answered: tuple[int, ...] = ()
    """Streams that got headers."""
    pings: tuple[bytes, ...] = ()
    """Those that were sent back."""
    acknowledged: int = 0
    """Settings."""
    closed: bool = False

    def __str__(self) -> str:
        parts = [f"GOAWAY {self.goaway}" if self.goaway else ""]
        parts += [f"RST_STREAM {each}" for each in self.resets[:1]]
        parts += ["answer"] if self.answered else []
        parts += ["PING ack"] if self.pings else []
        parts += ["closed"] if self.closed and not self.goaway else []
        return ", ".join(filter(None, parts)) or "silence"


def raw(
    kind: int, flags: int, stream: int, payload: bytes = b"", *, length: int | None = None
) -> bytes:
    """A frame of any kind, also one that no library would write."""
    size = len(payload) if length is None else length
    head = size.to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big")
    return head + payload


def settings(*pairs: tuple[int, int], ack: bool = False) -> bytes:
    """A frame of settings."""
    payload = b"".join(key.to_bytes(2, "big") + value.to_bytes(4, "big") for key, value in pairs)
    return raw(4, int(ack), 0, payload)


def block(fields: Iterable[Field]) -> bytes:
    """Header fields, compressed by nothing that the other side has to remember."""
    return Encoder().encode([(name, value, True) for name, value in fields])


def headers(stream: int, fields: Iterable[Field] = USUAL, *, flags: int = 0x05) -> bytes:
    """A frame of headers; its flags are END_STREAM and END_HEADERS unless said."""
    return raw(1, flags, stream, block(fields))


def request(stream: int, *, method: str = "POST", extra: Sequence[Field] = ()) -> bytes:
    """The beginning of a request whose body comes later."""
    fields = ((":method", method), *USUAL[1:], *extra)
    return headers(stream, fields, flags=0x04)


async def talk(port: int, *parts: bytes, start: bytes | None = None) -> Seen:
    """Say hello, then all parts one after the other; what came until silence or the end."""
    hello = PREFACE + settings() if start is None else start
    held = b""
    closed = False
    async with await connect_tcp("127.0.0.1", port) as stream:
        try:
            await stream.send(hello)
            if start is None:
                await stream.send(settings(ack=True))
            for part in parts:
                await stream.send(part)
        except (BrokenResourceError, EndOfStream):
            closed = True
        held, ended = await _all(stream)
    return _seen(held, closed=closed or ended)


async def _all(stream: SocketStream) -> tuple[bytes, bool]:
    held = b""
    with move_on_after(_LAST_S):
        while True:
            part = b""
            with move_on_after(_SILENCE_S):
                try:
                    part = await stream.receive()
                except (EndOfStream, BrokenResourceError):
                    return held, True
            if not part:
                break
            held += part
    return held, False


def _seen(held: bytes, *, closed: bool) -> Seen:
    goaway, resets, answered = "", [], []
    pings: list[bytes] = []
    acknowledged = 0
    for frame in _frames(held):
        match frame:
            case GoAwayFrame():
                # A first one may only say that the connection will end.
                goaway = _code(frame.error_code)
            case RstStreamFrame():
                resets.append(_code(frame.error_code))
            case HeadersFrame():
                answered.append(frame.stream_id)
            case PingFrame() if "ACK" in frame.flags:
                pings.append(frame.opaque_data)
            case SettingsFrame() if "ACK" in frame.flags:
                acknowledged += 1
            case DataFrame() | _:
                pass
    return Seen(goaway, tuple(resets), tuple(answered), tuple(pings), acknowledged, closed)


def _frames(held: bytes) -> list[Frame]:
    found: list[Frame] = []
    while len(held) >= _HEAD_SIZE:
        try:
            frame, length = Frame.parse_frame_header(memoryview(held[:_HEAD_SIZE]))
            frame.parse_body(memoryview(held[_HEAD_SIZE : _HEAD_SIZE + length]))
        except HyperframeError:
            break
        found.append(frame)
        held = held[_HEAD_SIZE + length :]
    return found


def _code(number: int) -> str:
    return CODES[number] if number < len(CODES) else f"code {number}"
