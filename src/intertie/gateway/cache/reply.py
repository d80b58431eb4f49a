"""Heads and bytes that go to a client."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Final, Protocol

from intertie.gateway.cache import matching, ranges
from intertie.gateway.cache.fields import Headers, http_date
from intertie.gateway.cache.message import NO_BODY, Answer, Request, block, end_to_end, status_line
from intertie.gateway.cache.message import without as leave_out
from intertie.gateway.cache.policy import CAPABILITY
from intertie.gateway.cache.store import Kept

_CONDITIONS: Final = frozenset({b"range", b"if-none-match", b"if-modified-since"})
Bytes = bytes | memoryview


class Framing(Enum):
    """How the client learns where an answer ends."""

    NONE = 0
    """It has no content."""
    LENGTH = 1
    """It says so."""
    CHUNKED = 2
    """It ends with a last chunk, or, for old clients, with the connection."""


class Client(Protocol):
    """The way back of one request. Heads come without their empty line."""

    @property
    def started(self) -> bool:
        """Whether a head was sent."""
        ...

    def early(self, answer: Answer) -> None:
        """Send a 1xx."""
        ...

    def send(self, head: bytes, body: Bytes) -> None:
        """Send all of an answer."""
        ...

    def start(self, head: bytes, framing: Framing) -> None:
        """Send a head; content follows."""
        ...

    def write(self, chunk: Bytes) -> None:
        """Send more content."""
        ...

    async def drain(self, timeout_s: float) -> None:
        """Wait until the client has taken most of it. Raises ConnectionError if it does not."""
        ...

    def finish(self) -> None:
        """That was all of it."""
        ...

    def abort(self) -> None:
        """Cut it off, so that it is seen to be a part only."""
        ...


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    head: bytes
    body: Bytes


def of_kept(request: Request, kept: Kept, note: bytes, now: float) -> Reply:
    """What is kept, or the part of it, or the 304, that the request asks for."""
    standing = kept.standing
    age = int(standing.age(now))
    tail = b"age: %d\r\ncache-status: %s; %s; ttl=%d\r\n" % (
        age,
        CAPABILITY,
        note,
        int(standing.lifetime) - age,
    )
    if request.table.keys().isdisjoint(_CONDITIONS):
        body = b"" if request.method == b"HEAD" else kept.body
        return Reply(kept.head + tail, body)
    return _conditional(request, kept, tail)


def _conditional(request: Request, kept: Kept, tail: bytes) -> Reply:
    headers = kept.headers
    if kept.status == HTTPStatus.OK:
        if matching.is_not_modified(request, headers):
            return Reply(status_line(304) + block(matching.of_304(headers)) + tail, b"")
        if request.method == b"GET" and matching.range_holds(request, headers):
            partial = _part(request, kept, headers, tail)
            if partial is not None:
                return partial
    return Reply(kept.head + tail, b"" if request.method == b"HEAD" else kept.body)


def _part(request: Request, kept: Kept, headers: Headers, tail: bytes) -> Reply | None:
    found = ranges.part(request.get(b"range"), len(kept.body))
    if found is None:
        return None
    others = leave_out(headers, {b"content-length", b"content-range"})
    if found is ranges.UNSATISFIABLE:
        told = [(b"content-range", b"bytes */%d" % len(kept.body)), (b"content-length", b"0")]
        return Reply(status_line(416) + block(told) + tail, b"")
    size = found.last + 1 - found.first
    told = [(b"content-range", found.content_range), (b"content-length", b"%d" % size)]
    body = memoryview(kept.body)[found.first : found.last + 1]
    return Reply(status_line(206) + block([*others, *told]) + tail, body)


def of_origin(request: Request, answer: Answer, note: bytes) -> tuple[bytes, Framing]:
    """The head of what comes from the origin, as it is passed on."""
    head = status_line(answer.status, answer.reason) + block(passed_on(answer))
    head += b"cache-status: %s; %s; fwd-status=%d\r\n" % (CAPABILITY, note, answer.status)
    if request.method == b"HEAD" or answer.status in NO_BODY:
        return head, Framing.NONE
    is_sized = answer.get(b"content-length") is not None and (
        answer.get(b"transfer-encoding") is None
    )
    return head, Framing.LENGTH if is_sized else Framing.CHUNKED


def not_modified(answer: Answer, note: bytes) -> Reply:
    """A 304 for what has just come from the origin."""
    headers = matching.of_304(passed_on(answer))
    tail = b"cache-status: %s; %s; fwd-status=%d\r\n" % (CAPABILITY, note, answer.status)
    return Reply(status_line(304) + block(headers) + tail, b"")


def passed_on(answer: Answer) -> Headers:
    """Its fields, without those of the hop."""
    headers = end_to_end(answer.headers)
    if answer.get(b"transfer-encoding") is not None:
        headers = leave_out(headers, {b"content-length"})
    return headers


def local(status: HTTPStatus, note: bytes, now: float) -> Reply:
    """Our own words."""
    body = b"cannot answer this from the cache alone\n"
    if status is not HTTPStatus.GATEWAY_TIMEOUT or b"request" not in note:
        body = b"cannot get an answer from the service\n"
    headers = [
        (b"date", http_date(now)),
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-status", CAPABILITY + b"; " + note),
    ]
    return Reply(status_line(status.value) + block(headers), body)


def pieces(body: Bytes, size: int) -> Iterator[memoryview]:
    """Of a large body, none of them copied."""
    whole = memoryview(body)
    for place in range(0, len(whole), size):
        yield whole[place : place + size]
