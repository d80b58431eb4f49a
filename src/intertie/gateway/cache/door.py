"""Connections from clients: HTTP/1.1 in, and answers in the order of the requests."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Final, Protocol, cast

import httptools
from anyio import CancelScope, fail_after
from anyio.abc import TaskGroup

from intertie.gateway.cache.fetch import Body
from intertie.gateway.cache.fields import Headers
from intertie.gateway.cache.message import Answer, Request, block, end_to_end, status_line
from intertie.gateway.cache.reply import Bytes, Client, Framing, Reply

_MAX_HEAD: Final = 64 * 1024
_MAX_WAITING: Final = 16
"""Requests sent before the answer to the one before; more are not read."""
_HIGH_WATER: Final = 256 * 1024
_IDLE_S: Final = 75.0
_HEAD_S: Final = 10.0
_NEW_LINE: Final = b"\r\n"
_CLOSE: Final = b"connection: close\r\n\r\n"
_BAD: Final = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\ncache-control: no-store\r\n"
    b"connection: close\r\n\r\n"
)
_TOO_LONG: Final = _BAD.replace(b"400 Bad Request", b"431 Request Header Fields Too Large")


class Handler(Protocol):
    """Who answers."""

    def quick(self, request: Request) -> Reply | None:
        """At once, or None."""
        ...

    async def answer(self, request: Request, client: Client, body: Body | None) -> None:
        """In its own time."""
        ...


class Gone(ConnectionError):
    """The client is not there any more, or does not take its answer."""


class Incoming:
    """The body of a request."""

    def __init__(self, door: "Door") -> None:
        self._door = door
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._changed = asyncio.Event()
        self.done = False

    def feed(self, chunk: bytes) -> None:
        """More of it."""
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size > _HIGH_WATER:
            self._door.hold_reading()
        self._changed.set()

    def end(self) -> None:
        """That was all."""
        self.done = True
        self._changed.set()

    def cut(self) -> None:
        """The client has gone."""
        self._changed.set()

    async def chunks(self) -> AsyncIterator[bytes]:
        """As they come. Raises Gone."""
        while True:
            while self._chunks:
                chunk = self._chunks.popleft()
                self._size -= len(chunk)
                yield chunk
            if self.done:
                return
            if not self._door.is_open:
                raise Gone("the client went away in the middle of its request")
            self._door.resume_reading()
            self._changed.clear()
            await self._changed.wait()


class Way:
    """Back to the client, for one request."""

    def __init__(self, door: "Door", request: Request) -> None:
        self._door = door
        self._request = request
        self._framing = Framing.NONE
        self._head = b""
        """Of an answer whose content has not begun."""
        self.started = False

    def early(self, answer: Answer) -> None:
        """Send a 1xx, which old clients do not know."""
        if self._request.http_11 and not self.started and answer.status > 100:  # noqa: PLR2004
            head = status_line(answer.status, answer.reason) + block(end_to_end(answer.headers))
            self._door.write(head + _NEW_LINE)

    def send(self, head: bytes, body: Bytes) -> None:
        """Send all of an answer."""
        self.started = True
        end = _NEW_LINE if self._request.keep_alive else _CLOSE
        self._door.write(b"".join((head, end, body)))

    def start(self, head: bytes, framing: Framing) -> None:
        """Send a head; content follows.

        Where its length is known it goes with the first of it: a client that has seen nothing of
        an answer when this process dies can ask again, one that has seen a head cannot.
        """
        self._framing = framing
        if framing is Framing.CHUNKED and self._request.http_11:
            head += b"transfer-encoding: chunked\r\n"
        elif framing is Framing.CHUNKED:
            self._request.keep_alive = False
            self._framing = Framing.LENGTH
        head += _NEW_LINE if self._request.keep_alive else _CLOSE
        if framing is Framing.LENGTH:
            self._head = head
        else:
            self.started = True
            self._door.write(head)

    def write(self, chunk: Bytes) -> None:
        """Send more content."""
        if self._framing is Framing.CHUNKED:
            if len(chunk):
                self._door.write(b"".join((b"%x\r\n" % len(chunk), chunk, _NEW_LINE)))
        elif self._head:
            self.started = True
            self._door.write(b"".join((self._head, chunk)))
            self._head = b""
        else:
            self._door.write(chunk)

    async def drain(self, timeout_s: float) -> None:
        """Wait until the client has taken most of it. Raises Gone."""
        await self._door.drain(timeout_s)

    def finish(self) -> None:
        """That was all of it."""
        if self._framing is Framing.CHUNKED:
            self._door.write(b"0\r\n\r\n")
        elif self._head:
            self.write(b"")

    def abort(self) -> None:
        """Cut it off, so that it is seen to be a part only."""
        self._door.abort()


class Door(asyncio.Protocol):
    """One connection."""

    def __init__(self, handler: Handler, group: TaskGroup, doors: set["Door"]) -> None:
        self._handler = handler
        self._group = group
        self._doors = doors
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._target = b""
        self._headers: Headers = []
        self._head_bytes = 0
        self._in_head = False
        self._incoming: Incoming | None = None
        self._bare: Request | None = None
        self._waiting: deque[tuple[Request, Incoming | None]] = deque()
        self._scope: CancelScope | None = None
        self._is_held = False
        self._since = 0.0
        self.is_open = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Of asyncio.Protocol."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._since = asyncio.get_running_loop().time()
        self._doors.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Of asyncio.Protocol. Nobody waits for what is being done for it."""
        self.is_open = False
        self._doors.discard(self)
        self._writable.set()
        if self._incoming is not None:
            self._incoming.cut()
        if self._scope is not None:
            self._scope.cancel()

    def pause_writing(self) -> None:
        """Of asyncio.Protocol."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Of asyncio.Protocol."""
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        """Of asyncio.Protocol."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # No route with upgrades is cached: what follows is not HTTP.
            self.abort()
        except httptools.HttpParserError:
            self._refuse(_BAD)
        else:
            self._count_head(len(data))

    def _count_head(self, size: int) -> None:
        if not self._in_head:
            return
        self._head_bytes += size
        if self._head_bytes > _MAX_HEAD:
            self._refuse(_TOO_LONG)

    def on_message_begin(self) -> None:
        """Of httptools."""
        self._target = b""
        self._headers = []
        self._in_head, self._head_bytes = True, 0
        self._since = asyncio.get_running_loop().time()

    def on_url(self, url: bytes) -> None:
        """Of httptools."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Of httptools. Trailers come here too and are left out."""
        if self._incoming is None:
            self._headers.append((name, value.strip()))

    def on_headers_complete(self) -> None:
        """Of httptools. Who sends a body is attended to at once: it is not gathered first."""
        parser = self._parser
        request = Request(
            parser.get_method(),
            self._target,
            self._headers,
            parser.get_http_version() == "1.1",
            parser.should_keep_alive(),
        )
        _normalise(request)
        self._in_head, self._head_bytes = False, 0
        if request.has_body:
            self._incoming = Incoming(self)
            if b"expect" in request.table and self._scope is None:
                self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._take(request, self._incoming)
        else:
            self._bare = request

    def on_body(self, data: bytes) -> None:
        """Of httptools."""
        if self._incoming is not None:
            self._incoming.feed(data)

    def on_message_complete(self) -> None:
        """Of httptools."""
        if self._incoming is not None:
            self._incoming.end()
            self._incoming = None
        elif self._bare is not None:
            request, self._bare = self._bare, None
            self._take(request, None)

    def _take(self, request: Request, incoming: Incoming | None) -> None:
        if self._scope is not None:
            self._waiting.append((request, incoming))
            if len(self._waiting) >= _MAX_WAITING:
                self.hold_reading()
            return
        reply = self._handler.quick(request) if incoming is None else None
        if reply is None:
            self._scope = CancelScope()
            self._group.start_soon(self._serve, request, incoming, self._scope)
            return
        Way(self, request).send(reply.head, reply.body)
        if not request.keep_alive:
            self.close()

    async def _serve(self, request: Request, incoming: Incoming | None, scope: CancelScope) -> None:
        way = Way(self, request)
        try:
            with scope:
                await self._handler.answer(request, way, incoming)
        except ConnectionError:
            self.abort()
        finally:
            self._scope = None
        # What is left of a body that nobody read cannot be told from the next request.
        unread = incoming is not None and not incoming.done
        if not request.keep_alive or unread or not way.started:
            self.close()
            return
        self._since = asyncio.get_running_loop().time()
        self._next()

    def _next(self) -> None:
        while self._waiting and self._scope is None and self.is_open:
            self._take(*self._waiting.popleft())
        self.resume_reading()

    def _refuse(self, text: bytes) -> None:
        if self._scope is None:
            self.write(text)
            self.close()
        else:
            self.abort()

    def hold_reading(self) -> None:
        """Until `resume_reading`."""
        if not self._is_held and self._transport is not None and self.is_open:
            self._is_held = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """After `hold_reading`."""
        if self._is_held and self._transport is not None and self.is_open:
            self._is_held = False
            self._transport.resume_reading()

    def write(self, data: Bytes) -> None:
        """To the client, if it is there."""
        if self._transport is not None and self.is_open:
            self._transport.write(data)

    async def drain(self, timeout_s: float) -> None:
        """Wait until the client has taken most of it. Raises Gone."""
        if not self._writable.is_set():
            try:
                with fail_after(timeout_s):
                    await self._writable.wait()
            except TimeoutError as exc:
                raise Gone("the client does not take its answer") from exc
        if not self.is_open:
            raise Gone("the client went away")

    def sweep(self, now: float) -> None:
        """Close it if nothing happens on it, or a head comes too slowly."""
        if self._scope is not None or self._incoming is not None:
            return
        if now - self._since > (_HEAD_S if self._head_bytes else _IDLE_S):
            self.close()

    def close(self) -> None:
        """After what was written."""
        self.is_open = False
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """At once."""
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()


def _normalise(request: Request) -> None:
    """A target with scheme and host is the same as one without (RFC 9112 §3.2.2)."""
    scheme, separator, rest = request.target.partition(b"://")
    if not separator or scheme.lower() not in {b"http", b"https"} or request.target[:1] == b"/":
        return
    host, slash, path = rest.partition(b"/")
    request.target = slash + path or b"/"
    request.table[b"host"] = host
    request.headers[:] = [each for each in request.headers if each[0].lower() != b"host"]
    request.headers.insert(0, (b"host", host))
