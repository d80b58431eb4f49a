"""One connection that speaks RESP: any number of commands under way, answered in order.

Commands of one turn of the event loop leave in one write. This, and not the protocol (which is
hiredis' work), is why it is here: the common client sends one command at a time.
"""

import asyncio
import re
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self, cast

import hiredis
from anyio import fail_after

from intertie.errors import BusError, BusUnavailableError
from intertie.suite.bus import QueueConfig

Reply = Any  # a wire edge: bytes, int, None or lists of them, as the command's description says
Word = bytes | str | int | float

_TICK_S = 1.0
# What the server says when it will answer later, or somebody else will.
_LATER = (
    *("LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY", "MISCONF", "OOM"),
    *("NOREPLICAS", "UNBLOCKED"),
)
_FULL = "ERR max number of clients reached"
# How Redis 6.2 wraps what a command in a script was told.
_IN_SCRIPT = re.compile(
    r"ERR Error running script .*?@user_script: ?\d+: -?(?=[A-Z]{2,} )", re.DOTALL
)


class ReplyError(BusError):
    """The server refused a command."""


class Wire(asyncio.Protocol):
    """Made by `open`. Once lost it stays lost, and all that waits is told."""

    def __init__(self, place: str, patience_s: float) -> None:
        self._place = place
        self._patience_s = patience_s
        self._reader = hiredis.Reader(replyError=_error)
        self._waiting: deque[asyncio.Future[Reply]] = deque()
        self._unsent: list[bytes] = []
        self._paused = False
        self._writable = asyncio.Event()
        self._writable.set()
        self._closed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._heard = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self.lost: str | None = None
        """Why it is of no use any more."""
        self.on_push: Callable[[Reply], None] | None = None
        """Gets each message of a pattern subscribed to."""

    @classmethod
    async def open(cls, config: QueueConfig, *, patience_s: float) -> Self:
        """Connect and log in. Raises BusUnavailableError, or BusError for a refused login.

        The connection is given up when an answer takes longer than `patience_s`.
        """
        host, port = config.address
        place = f"redis://{host}:{port}"
        loop = asyncio.get_running_loop()
        try:
            with fail_after(config.connect_timeout):
                _, wire = await loop.create_connection(
                    lambda: cls(place, patience_s), host, port, ssl=_tls(config)
                )
                try:
                    await wire._log_in(config)
                except BaseException:
                    wire.abort()
                    raise
        except TimeoutError as exc:
            took = f"no answer within {config.connect_timeout:g} s"
            raise BusUnavailableError(f"cannot reach the bus at {place}: {took}") from exc
        except OSError as exc:
            raise BusUnavailableError(
                f"cannot reach the bus at {place}: {exc.strerror or exc}"
            ) from exc
        return wire

    async def call(self, *words: Word) -> Reply:
        """Send a command; its answer. Raises ReplyError, BusUnavailableError."""
        if not self._writable.is_set():
            await self._writable.wait()
        return await self.send(*words)

    def send(self, *words: Word) -> asyncio.Future[Reply]:
        """Send a command without waiting; a future nobody awaits must be given to `forget`."""
        future: asyncio.Future[Reply] = self._loop.create_future()
        if self.lost is not None:
            future.set_exception(BusUnavailableError(self.lost))
            return future
        if not self._unsent:
            self._loop.call_soon(self._flush)
        if not self._waiting:
            self._heard = self._loop.time()
        packed = hiredis.pack_command(words)  # type: ignore[arg-type] # its stub knows one word
        self._unsent.append(packed)
        self._waiting.append(future)
        return future

    def pause(self) -> None:
        """Take no more from the server for now."""
        if self._transport is not None and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """Go on after `pause`."""
        if self._paused and self._transport is not None and not self._transport.is_closing():
            self._paused = False
            self._heard = self._loop.time()
            self._transport.resume_reading()

    def abort(self) -> None:
        """Close at once; `closed` tells when that is done."""
        self._lose("the connection was closed")
        if self._transport is not None:
            self._transport.abort()

    async def aclose(self) -> None:
        """Close, and wait until the socket is gone."""
        self.abort()
        if self._transport is not None:
            await self._closed.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        self._timer = self._loop.call_later(_TICK_S, self._tick)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._heard = self._loop.time()
        self._reader.feed(data)
        try:
            while (reply := self._reader.gets()) is not False:
                if self.on_push and isinstance(reply, list) and reply[0] == b"pmessage":
                    self.on_push(reply)
                else:
                    _settle(self._waiting.popleft(), reply)
        except (hiredis.HiredisError, IndexError):
            self._lose("the answer is not RESP")
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._lose(f"the connection was lost{f': {exc}' if exc else ''}")
        self._closed.set()

    def pause_writing(self) -> None:
        """See asyncio.Protocol."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        self._writable.set()

    async def _log_in(self, config: QueueConfig) -> None:
        if config.password is not None:
            user = [config.username] if config.username else []
            await self._must("log in", "AUTH", *user, config.password)
        if config.database:
            await self._must("choose the database", "SELECT", config.database)
        await self._must("use it", "PING")

    async def _must(self, what: str, *words: Word) -> None:
        try:
            await self.call(*words)
        except ReplyError as exc:
            raise BusError(f"cannot {what} at the bus at {self._place}: {exc}") from exc

    def _flush(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(self._unsent))
        self._unsent.clear()

    def _tick(self) -> None:
        """Give a silent server up: one that is listened to."""
        if self._paused:
            self._heard = self._loop.time()
        if self._waiting and self._loop.time() - self._heard > self._patience_s:
            self._lose(f"no answer within {self._patience_s:g} s")
            self.abort()
        elif self.lost is None:
            self._timer = self._loop.call_later(_TICK_S, self._tick)

    def _lose(self, why: str) -> None:
        if self.lost is not None:
            return
        self.lost = f"cannot reach the bus at {self._place}: {why}"
        self._writable.set()
        if self._timer is not None:
            self._timer.cancel()
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_exception(BusUnavailableError(self.lost))


def _settle(future: asyncio.Future[Reply], reply: Reply) -> None:
    if future.done():
        return  # its caller was cancelled
    if isinstance(reply, BusError):
        future.set_exception(reply)
    else:
        future.set_result(reply)


def forget(future: asyncio.Future[Reply]) -> None:
    """Let its failure be nobody's concern."""

    def retrieve(done: asyncio.Future[Reply]) -> None:
        with suppress(asyncio.CancelledError):
            done.exception()

    future.add_done_callback(retrieve)


def _error(text: str) -> BusError:
    text = _IN_SCRIPT.sub("", text)
    if text.partition(" ")[0] in _LATER or text == _FULL:
        return BusUnavailableError(f"cannot use the bus now: {text}")
    return ReplyError(text)


def _tls(config: QueueConfig) -> ssl.SSLContext | None:
    return ssl.create_default_context(cafile=config.ca_file) if config.tls else None
