"""What RFC 9113 and RFC 7541 want of a server, by their sections, in the manner of h2spec."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.gateway.conformance.http2_talk import (
    PREFACE,
    USUAL,
    Field,
    Seen,
    block,
    headers,
    raw,
    request,
    settings,
)

DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
_MAX_FRAME = 16_384

Judge = Callable[[Seen], bool]


@dataclass(frozen=True, slots=True)
class Case:
    """What is sent, and what the answer must be."""

    section: str
    name: str
    parts: tuple[bytes, ...]
    judge: Judge
    start: bytes | None = None
    """In place of the usual beginning."""


def connection_error(*codes: str) -> Judge:
    """GOAWAY with one of these, or the connection just ends."""
    return lambda seen: seen.goaway in codes or (seen.closed and not seen.goaway)


def stream_error(*codes: str) -> Judge:
    """A reset with one of these, or the same for the whole connection."""
    whole = connection_error(*codes)
    return lambda seen: any(code in codes for code in seen.resets) or whole(seen)


def refused(*codes: str) -> Judge:
    """The same, or an answer that is an error: RFC 9113, 8.1.1 lets a server send one."""
    wrong = stream_error(*codes)
    return lambda seen: wrong(seen) or bool(seen.answered)


def answered(stream: int = 1) -> Judge:
    """An answer on this stream, and the connection goes on."""
    return lambda seen: stream in seen.answered and not seen.goaway


def _goes_on(seen: Seen) -> bool:
    return bool(seen.pings) and not seen.goaway


_PING = raw(PING, 0, 0, b"are you?")
_FRAME_SIZE, _PROTOCOL, _CLOSED = "FRAME_SIZE_ERROR", "PROTOCOL_ERROR", "STREAM_CLOSED"
_FLOW, _COMPRESSION = "FLOW_CONTROL_ERROR", "COMPRESSION_ERROR"
_protocol = connection_error(_PROTOCOL)
_size = connection_error(_FRAME_SIZE)


def cases() -> list[Case]:
    """All of them."""
    every = (_start, _frames, _sizes, _streams, _closed, _data, _headers_frames, _priority)
    more = (_rst, _settings, _push, _ping, _goaway, _window, _continuation, _messages, _hpack)
    return [case for group in (*every, *more) for case in group()]


def _start() -> Iterator[Case]:
    yield Case("3.4", "preface, then settings", (_PING,), _goes_on)
    bad = b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + settings()
    yield Case("3.4", "broken preface", (), connection_error(_PROTOCOL), start=bad)
    first = PREFACE + headers(1)
    yield Case("3.4", "no settings after the preface", (), _protocol, start=first)


def _frames() -> Iterator[Case]:
    unknown = raw(0x16, 0, 0, b"\0" * 8)
    yield Case("4.1", "frame of an unknown type is ignored", (unknown, _PING), _goes_on)
    flags = raw(PING, 0x16, 0, b"are you?")
    yield Case("4.1", "unknown flags are ignored", (flags, _PING), _goes_on)
    reserved = raw(PING, 0, 0x8000_0000, b"are you?")
    yield Case("4.1", "reserved bit is ignored", (reserved, _PING), _goes_on)
    yield Case("5.5", "unknown frame before headers", (unknown, headers(1)), answered())
    inside = (headers(1, flags=0x01), raw(0x16, 0, 0, b"\0" * 8))
    yield Case("5.5", "unknown frame within a header block", inside, _protocol)


def _sizes() -> Iterator[Case]:
    full = (request(1), raw(DATA, 1, 1, b"x" * _MAX_FRAME))
    yield Case("4.2", "largest frame is taken", full, answered())
    large = (request(1), raw(DATA, 1, 1, b"x" * (_MAX_FRAME + 1)))
    yield Case("4.2", "larger DATA", large, stream_error(_FRAME_SIZE))
    block_ = raw(HEADERS, 5, 1, block(USUAL) + b"\0" * (_MAX_FRAME + 1))
    yield Case("4.2", "larger HEADERS", (block_,), _size)
    yield Case("4.2", "larger SETTINGS", (settings(*[(3, 1)] * 3000),), _size)


def _streams() -> Iterator[Case]:
    for kind, payload in ((DATA, b"x"), (RST, b"\0" * 4), (WINDOW, b"\0\0\0\1")):
        name = f"frame {kind} on an idle stream"
        yield Case("5.1", name, (raw(kind, 0, 1, payload),), _protocol)
    continuation = raw(CONTINUATION, 4, 1, block(USUAL))
    yield Case("5.1", "CONTINUATION on an idle stream", (continuation,), _protocol)
    yield Case("5.1.1", "even stream", (headers(2),), _protocol)
    yield Case("5.1.1", "lower stream than the last", (headers(5), headers(3)), _protocol)
    many = tuple(request(number) for number in range(1, 2 * 250, 2))
    most = stream_error(_PROTOCOL, "REFUSED_STREAM")
    yield Case("5.1.2", "more streams than allowed", many, most)


def _closed() -> Iterator[Case]:
    """Half closed and closed streams: a connection or stream error STREAM_CLOSED."""
    wrong = stream_error(_CLOSED)
    body, again = raw(DATA, 1, 1, b"x"), headers(1)
    continued = raw(CONTINUATION, 4, 1, block(USUAL))
    yield Case("5.1", "DATA after END_STREAM", (headers(1), body), wrong)
    yield Case("5.1", "HEADERS after END_STREAM", (headers(1), again), wrong)
    both = stream_error(_CLOSED, _PROTOCOL)
    yield Case("5.1", "CONTINUATION after END_STREAM", (headers(1), continued), both)
    gone = (request(1), raw(RST, 0, 1, b"\0\0\0\x08"))
    yield Case("5.1", "DATA after a reset", (*gone, body), wrong)
    yield Case("5.1", "HEADERS after a reset", (*gone, again), wrong)
    yield Case("5.1", "CONTINUATION after a reset", (*gone, continued), both)
    late = (*gone, raw(WINDOW, 0, 1, b"\0\0\0\1"), _PING)
    yield Case("5.1", "WINDOW_UPDATE after a reset is ignored", late, _goes_on)
    yield Case(
        "5.1", "PRIORITY after a reset is ignored", (*gone, _priority_of(1), _PING), _goes_on
    )


def _data() -> Iterator[Case]:
    yield Case("6.1", "DATA on stream 0", (raw(DATA, 0, 0, b"x"),), _protocol)
    padded = (request(1), raw(DATA, 9, 1, b"\x06Body"))
    yield Case("6.1", "DATA with more padding than frame", padded, _protocol)
    good = (request(1), raw(DATA, 9, 1, b"\x02ok\0\0"))
    yield Case("6.1", "DATA with padding", good, answered())
    none = (request(1), raw(DATA, 8, 1, b""))
    yield Case("6.1", "DATA padded with no length", none, stream_error(_FRAME_SIZE, _PROTOCOL))
    unsure = (request(1, extra=(("content-length", "5"),)), raw(DATA, 1, 1, b"x"))
    yield Case("8.1.1", "body shorter than its length", unsure, refused(_PROTOCOL))
    more = (request(1, extra=(("content-length", "1"),)), raw(DATA, 1, 1, b"xxxx"))
    yield Case("8.1.1", "body longer than its length", more, stream_error(_PROTOCOL))
    two = (request(1, extra=(("content-length", "4"),)), *(raw(DATA, f, 1, b"xxx") for f in (0, 1)))
    yield Case("8.1.1", "bodies together longer", two, stream_error(_PROTOCOL))


def _headers_frames() -> Iterator[Case]:
    yield Case("6.2", "HEADERS on stream 0", (headers(0),), _protocol)
    short = raw(HEADERS, 0x0D, 1, b"\xff" + block(USUAL))
    yield Case("6.2", "HEADERS with more padding than frame", (short,), _protocol)
    good = raw(HEADERS, 0x0D, 1, b"\x02" + block(USUAL) + b"\0\0")
    yield Case("6.2", "HEADERS with padding", (good,), answered())
    within = (headers(1, flags=0x01), headers(3))
    yield Case("6.2", "HEADERS within a header block", within, _protocol)
    split = (headers(1, flags=0x01), _PING)
    yield Case("6.2", "PING within a header block", split, _protocol)
    weighed = raw(HEADERS, 0x25, 1, b"\0\0\0\0\x10" + block(USUAL))
    yield Case("6.2", "HEADERS with priority", (weighed,), answered())
    itself = raw(HEADERS, 0x25, 1, b"\0\0\0\1\x10" + block(USUAL))
    yield Case("5.3.1", "HEADERS that depend on themselves", (itself,), _ignored_or_refused)


def _ignored_or_refused(seen: Seen) -> bool:
    """RFC 9113 took priorities away: both are right."""
    return stream_error(_PROTOCOL)(seen) or bool(seen.answered)


def _priority_of(stream: int, parent: int = 0) -> bytes:
    return raw(PRIORITY, 0, stream, parent.to_bytes(4, "big") + b"\x10")


def _priority() -> Iterator[Case]:
    yield Case("6.3", "PRIORITY on stream 0", (_priority_of(0),), _protocol)
    short = (headers(1), raw(PRIORITY, 0, 1, b"\0\0\0\0"))
    yield Case("6.3", "PRIORITY of a wrong size", short, stream_error(_FRAME_SIZE))
    yield Case("6.3", "PRIORITY on an idle stream", (_priority_of(1), headers(1)), answered())


def _rst() -> Iterator[Case]:
    code = b"\0\0\0\x08"
    yield Case("6.4", "RST_STREAM on stream 0", (raw(RST, 0, 0, code),), _protocol)
    yield Case("6.4", "RST_STREAM of a wrong size", (request(1), raw(RST, 0, 1, b"\0\0\0")), _size)
    unknown = (request(1), raw(RST, 0, 1, b"\0\0\0\xff"), _PING)
    yield Case("7", "RST_STREAM with an unknown code", unknown, _goes_on)


def _settings() -> Iterator[Case]:
    yield Case(
        "6.5", "SETTINGS is acknowledged", (settings((3, 100)),), lambda s: s.acknowledged > 1
    )
    yield Case("6.5", "acknowledgement with a payload", (raw(SETTINGS, 1, 0, b"\0" * 6),), _size)
    yield Case("6.5", "SETTINGS on a stream", (raw(SETTINGS, 0, 1, b"\0\3\0\0\0\x64"),), _protocol)
    yield Case("6.5", "SETTINGS of a wrong size", (raw(SETTINGS, 0, 0, b"\0\3\0"),), _size)
    yield Case("6.5.2", "ENABLE_PUSH of 2", (settings((2, 2)),), _protocol)
    window = settings((4, 2**31))
    yield Case("6.5.2", "window above its most", (window,), connection_error(_FLOW))
    yield Case("6.5.2", "frame size below its least", (settings((5, 16_383)),), _protocol)
    yield Case("6.5.2", "frame size above its most", (settings((5, 2**24)),), _protocol)
    yield Case("6.5.2", "unknown setting is ignored", (settings((0xFF, 1)), _PING), _goes_on)
    twice = (settings((4, 1), (4, 100_000)), headers(1))
    yield Case("6.5.3", "the last of two values holds", twice, answered())


def _push() -> Iterator[Case]:
    promise = raw(PUSH, 4, 1, b"\0\0\0\2" + block(USUAL))
    yield Case("8.4", "PUSH_PROMISE of a client", (request(1), promise), _protocol)


def _ping() -> Iterator[Case]:
    yield Case("6.7", "PING is answered", (_PING,), lambda s: s.pings == (b"are you?",))
    ack = (raw(PING, 1, 0, b"not mine"), _PING)
    yield Case("6.7", "acknowledgement is not answered", ack, lambda s: s.pings == (b"are you?",))
    yield Case("6.7", "PING on a stream", (raw(PING, 0, 1, b"\0" * 8),), _protocol)
    yield Case("6.7", "PING of a wrong size", (raw(PING, 0, 0, b"\0" * 6),), _size)


def _goaway() -> Iterator[Case]:
    yield Case("6.8", "GOAWAY on a stream", (raw(GOAWAY, 0, 1, b"\0" * 8),), _protocol)
    unknown = (raw(GOAWAY, 0, 0, b"\0\0\0\0\0\0\0\xff"), _PING)
    # It may end the connection, but must not take the code for a fault.
    calm: Judge = lambda seen: seen.goaway in {"", "NO_ERROR"}  # noqa: E731
    yield Case("7", "GOAWAY with an unknown code", unknown, calm)


def _window() -> Iterator[Case]:
    zero = b"\0\0\0\0"
    yield Case("6.9", "increment of 0 for all", (raw(WINDOW, 0, 0, zero),), _protocol)
    one = (request(1), raw(WINDOW, 0, 1, zero))
    yield Case("6.9", "increment of 0 for a stream", one, stream_error(_PROTOCOL))
    yield Case("6.9", "WINDOW_UPDATE of a wrong size", (raw(WINDOW, 0, 0, b"\0\0\1"),), _size)
    most = b"\x7f\xff\xff\xff"
    flow = connection_error(_FLOW)
    yield Case("6.9.1", "window for all above its most", (raw(WINDOW, 0, 0, most),) * 2, flow)
    over = (request(1), raw(WINDOW, 0, 1, most), raw(WINDOW, 0, 1, most))
    yield Case("6.9.1", "window of a stream above its most", over, stream_error(_FLOW))
    changed = (settings((4, 100)), request(1), raw(WINDOW, 0, 1, most), settings((4, 2**31 - 1)))
    yield Case("6.9.2", "window above its most by a setting", changed, stream_error(_FLOW))
    small = (settings((4, 1)), headers(1))
    yield Case("6.9.2", "window of 1", small, answered())
    much = (request(1), *(raw(DATA, 0, 1, b"x" * _MAX_FRAME) for _ in range(80)))
    yield Case("6.9.1", "more than the window", much, _held_or(stream_error(_FLOW)))


def _held_or(judge: Judge) -> Judge:
    """The service may have read fast enough that no window was ever too small."""
    return lambda seen: judge(seen) or not seen.goaway


def _continuation() -> Iterator[Case]:
    whole = block(USUAL)
    first, rest = whole[:4], whole[4:]
    begun = raw(HEADERS, 1, 1, first)
    good = (begun, raw(CONTINUATION, 4, 1, rest))
    yield Case("6.10", "header block in two", good, answered())
    several = (begun, *(raw(CONTINUATION, 0, 1, bytes([b])) for b in rest), raw(CONTINUATION, 4, 1))
    yield Case("6.10", "header block in many", several[:20] + several[20:], answered())
    other = (begun, raw(DATA, 1, 1, b"x"))
    yield Case("6.10", "DATA within a header block", other, _protocol)
    yield Case(
        "6.10", "CONTINUATION on stream 0", (begun, raw(CONTINUATION, 4, 0, rest)), _protocol
    )
    strange = (begun, raw(CONTINUATION, 4, 3, rest))
    yield Case("6.10", "CONTINUATION on another stream", strange, _protocol)
    after = (headers(1, flags=0x04), raw(CONTINUATION, 4, 1, whole))
    yield Case("6.10", "CONTINUATION after END_HEADERS", after, _protocol)
    body = (request(1), raw(DATA, 0, 1, b"x"), raw(CONTINUATION, 4, 1, whole))
    yield Case("6.10", "CONTINUATION after DATA", body, _protocol)


def _messages() -> Iterator[Case]:
    wrong = refused(_PROTOCOL)
    for name, fields in _malformed().items():
        yield Case("8.2, 8.3", name, (headers(1, fields),), wrong)
    trailers = (request(1), raw(DATA, 0, 1, b"x"), headers(1, ((":method", "GET"),)))
    yield Case("8.1", "pseudo field in trailers", trailers, stream_error(_PROTOCOL))
    unended = (request(1), headers(1, (("x", "y"),), flags=0x04))
    yield Case("8.1", "second HEADERS without END_STREAM", unended, stream_error(_PROTOCOL))
    good = (request(1), raw(DATA, 0, 1, b"x"), headers(1, (("x-trailer", "y"),)))
    yield Case("8.1", "trailers are taken", good, answered())
    for method in ("GET", "HEAD", "POST"):
        fields = ((":method", method), *USUAL[1:])
        yield Case("8.1", f"{method} is answered", (headers(1, fields),), answered())


def _malformed() -> dict[str, tuple[Field, ...]]:
    rest = USUAL[1:]
    connection = ("connection", "keep-alive")
    return {
        "upper case in a name": (*USUAL, ("X-Test", "a")),
        "unknown pseudo field": (*USUAL, (":test", "a")),
        "pseudo field of an answer": (*USUAL, (":status", "200")),
        "pseudo field after others": (*USUAL[:-1], ("x", "a"), USUAL[-1]),
        "connection": (*USUAL, connection),
        "keep-alive": (*USUAL, ("keep-alive", "1")),
        "proxy-connection": (*USUAL, ("proxy-connection", "keep-alive")),
        "transfer-encoding": (*USUAL, ("transfer-encoding", "chunked")),
        "upgrade": (*USUAL, ("upgrade", "h2c")),
        "te other than trailers": (*USUAL, ("te", "gzip")),
        "no method": rest,
        "no scheme": (USUAL[0], *USUAL[2:]),
        "no path": (*USUAL[:2], USUAL[3]),
        "empty path": (*USUAL[:2], (":path", ""), USUAL[3]),
        "two methods": (USUAL[0], *USUAL),
        "two schemes": (USUAL[1], *USUAL),
        "two paths": (USUAL[2], *USUAL),
        "two authorities": (USUAL[3], *USUAL),
        "line feed in a value": (*USUAL, ("x", "a\nb: c")),
        "return in a value": (*USUAL, ("x", "a\rb")),
        "null in a value": (*USUAL, ("x", "a\0b")),
        "space in a name": (*USUAL, ("x y", "a")),
        "colon in a name": (*USUAL, ("x:y", "a")),
        "empty name": (*USUAL, ("", "a")),
        "line feed in the path": (*USUAL[:2], (":path", "/a HTTP/1.1\r\nx: y"), USUAL[3]),
        "space in the method": ((":method", "GET /secret"), *rest),
        "line feed in the authority": (*USUAL[:3], (":authority", "a\r\nx: y")),
        "two lengths": (*USUAL, ("content-length", "1"), ("content-length", "2")),
    }


def _hpack() -> Iterator[Case]:
    wrong = connection_error(_COMPRESSION)
    for name, payload in {
        "index 0": b"\x80",
        "index beyond the table": b"\xff\xff\x7f",
        "literal with an index beyond the table": b"\x7f\xff\x7f\x01a",
        "table size after a field": block(USUAL) + b"\x20",
        "table larger than allowed": b"\x3f\xe2\xff\x7f" + block(USUAL),
        "padding of Huffman text of 8 bits": block(USUAL)
        + b"\x00\x85\xf2\xb2\x4a\x84\xff\x84\x49\x50\x9f\xff",
        "Huffman text with an end": block(USUAL) + b"\x00\x84\xff\xff\xff\xff\x01a",
        "text longer than the block": block(USUAL) + b"\x00\x7f",
        "number that never ends": b"\xff" + b"\xff" * 20,
    }.items():
        yield Case("RFC 7541", name, (raw(HEADERS, 5, 1, payload),), wrong)
    yield Case(
        "RFC 7541", "indexed fields", (raw(HEADERS, 5, 1, b"\x82\x86\x84\x01\x04test"),), answered()
    )
