"""Answers of HTTP/1.1: as much of RFC 9112 as a client needs that sends no body."""

import re
from dataclasses import dataclass

from intertie.runtime.checks.net import MOST_READ, Connection, PeerError

_BEGIN = b"HTTP/"
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_LINE_END = re.compile(rb"\r?\n")
_STATUS = re.compile(rb"HTTP/1\.([01]) (\d{3})(?: [^\r\n]*)?\r?\n")
_FIELD = re.compile(
    rb"\n(content-length|transfer-encoding|connection):[ \t]*([^\r\n]*)", re.IGNORECASE
)
_LENGTH = re.compile(rb"\d{1,18}")
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;.*)?\r?\n")
_INFORMATIONAL = range(102, 200)
_BODILESS = {204, 304}
_MOST_TRAILERS = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes
    """64 KiB of it at most."""
    keeps: bool
    """Whether the connection can take another request."""


@dataclass(frozen=True, slots=True)
class _Head:
    status: int
    length: int | None
    chunked: bool
    keeps: bool


async def read_answer(connection: Connection, method: str) -> Answer:
    """The answer to a request of this method. Raises PeerError when it is no HTTP/1.1.

    Read to its end where that is near, because a server that is cut off would log an error.
    """
    head = await _read_head(connection)
    while head.status == 100 or head.status in _INFORMATIONAL:  # noqa: PLR2004 — not 101
        head = await _read_head(connection)
    if method == "HEAD" or head.status in _BODILESS:
        return Answer(head.status, b"", head.keeps)
    if head.chunked:
        body, complete = await _read_chunks(connection)
    elif head.length is not None:
        body = await connection.receive_exactly(min(head.length, MOST_READ))
        complete = head.length <= MOST_READ
    else:
        body, complete = await connection.receive_rest(MOST_READ), False
    return Answer(head.status, body, head.keeps and complete)


async def _read_head(connection: Connection) -> _Head:
    if await connection.await_bytes(len(_BEGIN)) != _BEGIN:
        raise PeerError("the answer is not HTTP/1.1")
    head = await connection.receive_through(_HEAD_END, "the answer's head")
    status = _STATUS.match(head)
    if status is None:
        raise PeerError("the answer is not HTTP/1.1")
    fields = _fields(head)
    chunked = fields.get(b"transfer-encoding", b"").endswith(b"chunked")
    connection_field = fields.get(b"connection", b"")
    return _Head(
        status=int(status[2]),
        length=None if b"transfer-encoding" in fields else _length(fields),
        chunked=chunked,
        keeps=b"close" not in connection_field
        and (status[1] == b"1" or b"keep-alive" in connection_field),
    )


def _fields(head: bytes) -> dict[bytes, bytes]:
    """Those that say where the answer ends; several of one name are joined, as RFC 9110 has it."""
    found: dict[bytes, bytes] = {}
    for name, value in _FIELD.findall(head):
        key = name.lower()
        text = value.strip().lower()
        found[key] = found[key] + b"," + text if key in found else text
    return found


def _length(fields: dict[bytes, bytes]) -> int | None:
    text = fields.get(b"content-length")
    if text is None:
        return None
    values = {part.strip() for part in text.split(b",")}
    value = values.pop()
    if values or not _LENGTH.fullmatch(value):
        raise PeerError("the answer's Content-Length is not a number")
    return int(value)


async def _read_chunks(connection: Connection) -> tuple[bytes, bool]:
    """The body, and whether it is complete."""
    body = b""
    while True:
        line = _CHUNK_SIZE.fullmatch(await connection.receive_through(_LINE_END, "a chunk's size"))
        if line is None:
            raise PeerError("the answer's chunks are broken")
        size = int(line[1], 16)
        if size == 0:
            await _skip_trailers(connection)
            return body, True
        room = MOST_READ - len(body)
        if size > room:
            return body + await connection.receive_exactly(room), False
        body += await connection.receive_exactly(size)
        if await connection.receive_through(_LINE_END, "a chunk") not in {b"\r\n", b"\n"}:
            raise PeerError("the answer's chunks are broken")


async def _skip_trailers(connection: Connection) -> None:
    for _ in range(_MOST_TRAILERS):
        if await connection.receive_through(_LINE_END, "a trailer") in {b"\r\n", b"\n"}:
            return
    raise PeerError(f"the answer has more than {_MOST_TRAILERS} trailers")
