"""Requests that hold a second one, for who reads their length in another way."""

from collections.abc import Iterator
from dataclasses import dataclass

MARK = "000"
"""Where the number of a try goes, without changing any length."""
_SECOND = f"GET /secret?n={MARK} HTTP/1.1\r\nhost: test\r\nx: "
_CHUNKED = (
    "chunked",
    " chunked",
    "chunked ",
    "\tchunked",
    "\x0bchunked",
    "Chunked",
    "CHUNKED",
    "xchunked",
    "chunked, identity",
    "identity, chunked",
    "chunked, chunked",
    "identity",
    "gzip, chunked",
    '"chunked"',
    "chunked\x00",
    "chunked;q=1",
    ",chunked",
    "chunked,",
    "\r\n chunked",
    "cow",
)
_LENGTHS = (
    *("+{n}", "-1", "0x{n}", "{n},{n}", "{n}, {n}", "0{n}", " {n}", "{n} ", "{n}\x0b", "1e1"),
    *("", "{n}.0", "{n}a", "99999999999999999999", "{n}\t", "0,{n}", "{n};"),
)


@dataclass(frozen=True, slots=True)
class Smuggled:
    """Bytes, and what they try. A service must see one request at most."""

    kind: str
    name: str
    raw: bytes


def smuggled() -> list[Smuggled]:
    """All of them."""
    return [*_both(), *_te(), *_lengths(), *_chunks(), *_lines(), *_heads()]


def _request(headers: list[str], body: str, *, line: str = "POST /open HTTP/1.1") -> bytes:
    return "\r\n".join([line, "host: test", *headers, "", body]).encode("latin-1")


def _both() -> Iterator[Smuggled]:
    """A length and chunks: CL.TE and TE.CL, in both orders, with each way to write chunked."""
    for text in _CHUNKED:
        body = f"0\r\n\r\n{_SECOND}"
        pair = [f"content-length: {len(body)}", f"transfer-encoding: {text}"]
        yield Smuggled("CL.TE", text, _request(pair, body))
        yield Smuggled("CL.TE, other order", text, _request(pair[::-1], body))
        inner = f"{_SECOND}\r\n"
        chunks = f"{len(inner):x}\r\n{inner}\r\n0\r\n\r\n"
        pair = ["content-length: 4", f"transfer-encoding: {text}"]
        yield Smuggled("TE.CL", text, _request(pair, chunks))


def _te() -> Iterator[Smuggled]:
    """Two codings, or one with a name that only some know."""
    body = f"0\r\n\r\n{_SECOND}"
    length = f"content-length: {len(body)}"
    for name in (
        *("transfer-encoding ", "transfer-encoding\t", " transfer-encoding", "transfer_encoding"),
        *("x\r\ntransfer-encoding", "transfer-encoding\x0b", "transfer\x00-encoding"),
        *("Transfer-Encoding", "TRANSFER-ENCODING", "transfer-encoding\x00", "te"),
    ):
        yield Smuggled("TE.TE", repr(name), _request([length, f"{name}: chunked"], body))
    for first, second in (("chunked", "cow"), ("cow", "chunked"), ("chunked", "identity")):
        lines = [f"transfer-encoding: {first}", f"transfer-encoding: {second}"]
        yield Smuggled("TE.TE", f"{first} and {second}", _request([length, *lines], body))
        yield Smuggled("TE.TE without length", f"{first} and {second}", _request(lines, body))
    old = _request(["transfer-encoding: chunked"], body, line="POST /open HTTP/1.0")
    yield Smuggled("TE in 1.0", "chunked", old)


def _lengths() -> Iterator[Smuggled]:
    count = len(_SECOND)
    for text in _LENGTHS:
        value = text.format(n=count)
        yield Smuggled("CL", text, _request([f"content-length: {value}"], _SECOND))
        pair = ["content-length: 0", f"content-length: {value}"]
        yield Smuggled("CL.CL", text, _request(pair, _SECOND))
        yield Smuggled("CL.CL, other order", text, _request(pair[::-1], _SECOND))
    for name in ("content-length ", " content-length", "content_length", "content-length\x00"):
        yield Smuggled("CL name", repr(name), _request([f"{name}: {count}"], _SECOND))
    get = "GET /open HTTP/1.1"
    yield Smuggled("CL.0", "GET", _request([f"content-length: {count}"], _SECOND, line=get))


def _chunks() -> Iterator[Smuggled]:
    """Sizes, extensions and ends of chunks."""
    te = ["transfer-encoding: chunked"]
    second = f"{_SECOND}\r\n\r\n"
    for size in (
        *("0x0", "+0", "-0", "00", "0 ", " 0", "0\t", "0;", "0;a", "0;a=b", '0;a="\r\n"', "0,", ""),
        *("0\n", "0\r", "ffffffffffffffff1", "10000000000000000", "0;\x00", "0;a\nb", "0;a\rb"),
    ):
        yield Smuggled("chunk size", repr(size), _request(te, f"{size}\r\n\r\n{second}"))
    for end in ("\n", "\r", "\n\n", "XX", "\r\r\n", ""):
        body = f"1\r\na{end}0\r\n\r\n{second}"
        yield Smuggled("chunk end", repr(end), _request(te, body))
        yield Smuggled("last chunk", repr(end), _request(te, f"0{end}{end}{second}"))
    for trailer in ("content-length: 5", "transfer-encoding: chunked", "host: other", "x"):
        yield Smuggled("trailer", trailer, _request(te, f"0\r\n{trailer}\r\n\r\n{second}"))


def _lines() -> Iterator[Smuggled]:
    """Lines that end in other ways."""
    for end in ("\n", "\r", "\n\r", "\r\r\n", "\x0b", "\x0c", "\x85", "\x00\r\n"):
        text = end.join(["GET /open HTTP/1.1", "host: test", "x: y", "", _SECOND])
        yield Smuggled("line end", repr(end), text.encode("latin-1"))
        line = f"x: y{end}content-length: {len(_SECOND)}"
        yield Smuggled("line end in header", repr(end), _request([line], _SECOND))
        split = f"x: y{end}{end}{_SECOND}"
        yield Smuggled("split by header", repr(end), _request([split], ""))


def _heads() -> Iterator[Smuggled]:
    """Request lines with more in them."""
    for line in (
        *("GET /open HTTP/1.1 HTTP/1.1", "GET /open\tHTTP/1.1", "GET  /open  HTTP/1.1"),
        *(
            "GET /open HTTP/1.1\tx",
            "GET /open HTTP/2.0",
            "GET /open HTTP/1.2",
            "GET /open HTTP/0.9",
        ),
        *("GET /open\x0bHTTP/1.1", "GET /open\x00 HTTP/1.1", "GET /open", "GET /open http/1.1"),
        *(
            " GET /open HTTP/1.1",
            "\r\nGET /open HTTP/1.1",
            "GET /a\nHTTP/1.1",
            "GET /a\rb HTTP/1.1",
        ),
        *("GET /open HTTP/1.1\x00", "GET /open HTTP/11", "GET /open HTTP/1.", "GET /open TTP/1.1"),
    ):
        body = f"{_SECOND}\r\n\r\n"
        yield Smuggled("request line", repr(line), _request(["content-length: 0"], "", line=line))
        headers = [f"content-length: {len(body)}"]
        yield Smuggled("request line, body", repr(line), _request(headers, body, line=line))
    for extra in ("upgrade: h2c", "upgrade: websocket", "expect: 100-continue", "expect: x"):
        headers = [extra, "connection: upgrade", f"content-length: {len(_SECOND)}"]
        yield Smuggled("upgrade", extra, _request(headers, _SECOND))
