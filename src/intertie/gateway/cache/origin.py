"""Connections to the origin: kept alive, bounded in number, read no faster than their answers go.

An answer is complete only when its framing says so: one that ends with its connection may have
been cut off, and is passed on but never kept.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final, cast

import httptools
from anyio import CapacityLimiter, fail_after

from intertie.errors import IntertieError
from intertie.gateway.cache.fields import Headers
from intertie.gateway.cache.message import NO_BODY, Answer

CONNECT_S: Final = 5.0
_IDLE_S: Final = 1.5
"""Less than any server we know: a request must not meet a connection that is being closed."""
_HIGH_WATER: Final = 256 * 1024
_LOW_WATER: Final = 64 * 1024
_MAX_HEAD: Final = 64 * 1024
_SWITCHING: Final = 101
_FIRST_FINAL: Final = 200


class OriginError(IntertieError):
    """No answer, or only a part of it."""

    def __init__(self, message: str, *, untouched: bool = False) -> None:
        self.untouched = untouched
        """The origin closed an idle connection and has not seen the request."""
        super().__init__(message)


class Connection(asyncio.Protocol):
    """One, and the answer that comes in on it."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._changed = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._chunks: deque[bytes] = deque()
        self._buffered = 0
        self._is_head_request = False
        self._status_text = b""
        self._headers: Headers = []
        self._head_bytes = 0
        self._fault = ""
        self._touched = False
        self.uses = 0
        self.idle_since = 0.0
        self.answer: Answer | None = None
        self.early: list[Answer] = []
        self.done = False
        self.keep_alive = False
        self.framed = False
        """The answer says where it ends."""
        self.is_open = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Of asyncio.Protocol."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def connection_lost(self, exc: Exception | None) -> None:
        """Of asyncio.Protocol. An answer without length ends here, if it was not cut off."""
        self.is_open = False
        if self.answer is not None and not self.framed and exc is None:
            self.done = True
        elif not self.done:
            self._fault = self._fault or "the origin closed the connection"
        self._changed.set()
        self._writable.set()

    def pause_writing(self) -> None:
        """Of asyncio.Protocol."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Of asyncio.Protocol."""
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        """Of asyncio.Protocol."""
        self._touched = True
        if self._parser is None:
            self._fail("the origin sent more than it was asked for")
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as exc:
            if not self.done:
                self._fail(f"the origin sent what is not HTTP: {exc}")
        if self.answer is None:
            self._head_bytes += len(data)
            if self._head_bytes > _MAX_HEAD:
                self._fail("the head of the origin's answer is too long")
        self._changed.set()

    def _fail(self, why: str) -> None:
        self._fault = why
        self.is_open = False
        self._changed.set()
        if self._transport is not None:
            self._transport.abort()

    def on_status(self, text: bytes) -> None:
        """Of httptools."""
        self._status_text += text

    def on_header(self, name: bytes, value: bytes) -> None:
        """Of httptools. Trailers come here too and are left out."""
        if self.answer is None:
            self._headers.append((name, value.strip()))

    def on_headers_complete(self) -> None:
        """Of httptools."""
        status = 0 if self._parser is None else self._parser.get_status_code()
        answer = Answer(status, self._headers, self._status_text, received=self._now())
        self._headers, self._status_text = [], b""
        if status == _SWITCHING:
            self._fail("the origin switched protocols, which nobody asked for")
        elif status < _FIRST_FINAL:
            self.early.append(answer)
        else:
            self._final(answer)

    def _final(self, answer: Answer) -> None:
        self.answer = answer
        self.keep_alive = self._parser is not None and self._parser.should_keep_alive()
        no_body = self._is_head_request or answer.status in NO_BODY
        chunked = b"chunked" in (answer.all(b"transfer-encoding") or b"").lower()
        self.framed = no_body or chunked or answer.get(b"content-length") is not None
        if no_body:
            self.done = True

    def on_body(self, data: bytes) -> None:
        """Of httptools."""
        if self.done:
            return
        self._chunks.append(data)
        self._buffered += len(data)
        if self._buffered > _HIGH_WATER and self._transport is not None and self.is_open:
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        """Of httptools; early answers end here too."""
        if self.answer is not None:
            self.done = True

    def begin(self, head: bytes, *, is_head_request: bool) -> None:
        """Send the head of the next request."""
        self._parser = httptools.HttpResponseParser(self)
        self._is_head_request = is_head_request
        self._chunks.clear()
        self._buffered = self._head_bytes = 0
        self._headers, self._status_text = [], b""
        self._fault = ""
        self._touched = False
        self.answer, self.early = None, []
        self.done = self.framed = self.keep_alive = False
        self.uses += 1
        self.write(head)

    def write(self, data: bytes) -> None:
        """Send more of the request."""
        if self._transport is not None and self.is_open:
            self._transport.write(data)

    async def drain(self, timeout_s: float) -> None:
        """Wait until what was written is nearly gone."""
        if not self._writable.is_set():
            with fail_after(timeout_s):
                await self._writable.wait()

    async def head(self, timeout_s: float, early: Callable[[Answer], None]) -> Answer:
        """The final head; `early` is told of those before it. Raises OriginError."""
        while True:
            while self.early:
                early(self.early.pop(0))
            if self.answer is not None:
                return self.answer
            self._raise_fault()
            await self._wait(timeout_s, "the origin did not answer in time")

    async def body(self, timeout_s: float) -> AsyncIterator[bytes]:
        """What comes, as it comes. Raises OriginError when the rest does not come."""
        while True:
            while self._chunks:
                chunk = self._chunks.popleft()
                self._buffered -= len(chunk)
                if self._buffered < _LOW_WATER and self._transport is not None and self.is_open:
                    self._transport.resume_reading()
                yield chunk
            if self.done:
                return
            self._raise_fault()
            await self._wait(timeout_s, "the origin stopped in the middle of its answer")

    def _raise_fault(self) -> None:
        if self._fault:
            raise OriginError(self._fault, untouched=self.uses > 1 and not self._touched)

    async def _wait(self, timeout_s: float, why: str) -> None:
        self._changed.clear()
        try:
            with fail_after(timeout_s):
                await self._changed.wait()
        except TimeoutError as exc:
            raise OriginError(why) from exc

    def close(self) -> None:
        """At once."""
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()


class Origin:
    """Where answers come from."""

    def __init__(
        self, address: str, max_connections: int, now: Callable[[], float] = time.time
    ) -> None:
        self._address = address
        self._now = now
        self._room = CapacityLimiter(max_connections)
        self._idle: list[Connection] = []

    @property
    def host(self) -> bytes:
        """For a request that names none."""
        return self._address.rpartition("/")[2].encode()

    async def take(self, borrower: object, timeout_s: float, *, fresh: bool = False) -> Connection:
        """A connection for one request; `fresh` is one that was never used. Raises OriginError."""
        try:
            with fail_after(timeout_s):
                await self._room.acquire_on_behalf_of(borrower)
        except TimeoutError as exc:
            raise OriginError("too many requests wait for the origin") from exc
        try:
            found = None if fresh else self._reuse()
            return found or await self._connect()
        except BaseException:
            self._room.release_on_behalf_of(borrower)
            raise

    def _reuse(self) -> Connection | None:
        loop = asyncio.get_running_loop()
        while self._idle:
            found = self._idle.pop()
            if found.is_open and loop.time() - found.idle_since < _IDLE_S:
                return found
            found.close()
        return None

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            with fail_after(CONNECT_S):
                if self._address.startswith("unix:"):
                    path = self._address.removeprefix("unix:")
                    _, made = await loop.create_unix_connection(self._protocol, path)
                else:
                    host, _, port = self._address.rpartition("/")[2].rpartition(":")
                    _, made = await loop.create_connection(self._protocol, host, int(port))
        except (OSError, TimeoutError) as exc:
            why = str(exc) or "it does not answer"
            raise OriginError(f"cannot connect to the origin: {why}") from exc
        return made

    def _protocol(self) -> Connection:
        return Connection(self._now)

    def give_back(self, borrower: object, connection: Connection) -> None:
        """After one request: for the next one, if the answer was taken whole."""
        self._room.release_on_behalf_of(borrower)
        whole = connection.done and connection.framed and connection.keep_alive
        if whole and connection.is_open:
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.append(connection)
            self._close_old()
        else:
            connection.close()

    def _close_old(self) -> None:
        limit = asyncio.get_running_loop().time() - _IDLE_S
        while self._idle and self._idle[0].idle_since < limit:
            self._idle.pop(0).close()

    def close(self) -> None:
        """All that are idle."""
        for each in self._idle:
            each.close()
        self._idle.clear()
