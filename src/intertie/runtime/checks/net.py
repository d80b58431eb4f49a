"""Connections to ports of this machine, and the check that asks for no more than that.

Plain sockets, because hundreds of services are asked every second: a fraction of the cost of a
general client, which would do nothing more for one exchange on the loopback.
"""

import asyncio
import errno
import os
import re
import socket
from types import TracebackType
from typing import Self

from anyio import wait_writable

MOST_READ = 64 * 1024
"""Of one part of an answer: a head, a line, a body."""


class PeerError(Exception):
    """What the other side did that it should not, for a person."""


class NoAnswer(PeerError):
    """It closed the connection without one byte of an answer."""


class Connection:
    """A connection that bytes are asked of. Closed when forgotten, so a check may keep one."""

    __slots__ = ("_received", "_silent", "_socket")

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._received = b""
        self._silent = True
        """Nothing came since the last `send`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Also when closed already."""
        self._socket.close()

    def is_quiet(self) -> bool:
        """Whether it is open, and the other side sent nothing that nobody asked for."""
        if self._received:
            return False
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False  # it was closed, or what came belongs to no question

    async def send(self, data: bytes) -> None:
        """All of it. Raises NoAnswer when the other side is gone."""
        self._silent = True
        while data:
            try:
                data = data[self._socket.send(data) :]
            except BlockingIOError:
                await wait_writable(self._socket)
            except OSError as exc:
                raise NoAnswer("no answer") from exc

    async def receive(self) -> bytes:
        """What is there, at least one byte; b"" at the end."""
        if not self._received and not await self._more():
            return b""
        return self._take(len(self._received))

    async def receive_exactly(self, count: int) -> bytes:
        """`count` bytes."""
        await self.await_bytes(count)
        return self._take(count)

    async def receive_through(self, end: re.Pattern[bytes], what: str) -> bytes:
        """All up to `end` and with it. Raises PeerError, that `what` is too long, at 64 KiB."""
        while (found := end.search(self._received)) is None:
            if len(self._received) >= MOST_READ:
                raise PeerError(f"{what} is longer than {MOST_READ // 1024} KiB")
            await self._must_have_more()
        return self._take(found.end())

    async def receive_rest(self, most: int) -> bytes:
        """All up to the end of the connection, or `most` bytes of it."""
        while len(self._received) < most and await self._more():
            pass
        return self._take(most)

    async def await_bytes(self, count: int) -> bytes:
        """The next `count` bytes, left in place."""
        while len(self._received) < count:
            await self._must_have_more()
        return self._received[:count]

    async def _must_have_more(self) -> None:
        if not await self._more():
            if self._silent:
                raise NoAnswer("no answer")
            raise PeerError("the answer broke off")

    async def _more(self) -> bool:
        """Wait for bytes; False when there will be none."""
        try:
            await self._readable()
            data = self._socket.recv(MOST_READ)
        except OSError:  # a reset ends it as well
            return False
        self._received += data
        self._silent = self._silent and not data
        return bool(data)

    async def _readable(self) -> None:
        """Like anyio's function for it, at a fraction of the cost."""
        loop = asyncio.get_running_loop()
        ready = loop.create_future()
        number = self._socket.fileno()  # of a socket, the selector would make a text each time
        loop.add_reader(number, _wake, ready)
        try:
            await ready
        finally:
            loop.remove_reader(number)

    def _take(self, count: int) -> bytes:
        data = self._received[:count]
        self._received = self._received[count:]
        return data


def _wake(waiting: "asyncio.Future[None]") -> None:
    if not waiting.done():
        waiting.set_result(None)


async def connect(port: int) -> Connection:
    """Raises OSError when nobody accepts."""
    stream = socket.socket()
    try:
        await _connect(stream, ("127.0.0.1", port))
    except BaseException:
        stream.close()
        raise
    return Connection(stream)


async def tcp(port: int) -> str | None:
    """Whether the port accepts connections."""
    try:
        (await connect(port)).close()
    except OSError as exc:
        return no_connection(port, exc)
    return None


def no_connection(port: int, failure: OSError) -> str:
    """The reason when `connect` failed."""
    return f"port {port}: {failure.strerror}"


async def _connect(stream: socket.socket, address: tuple[str, int]) -> None:
    stream.setblocking(False)
    failure = stream.connect_ex(address)
    if failure == errno.EINPROGRESS:
        # On the loopback it is done as the call returns: asking is cheaper than waiting.
        failure = stream.connect_ex(address)
    if failure == errno.EALREADY:
        await wait_writable(stream)
        failure = stream.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if failure not in {0, errno.EISCONN}:
        raise OSError(failure, os.strerror(failure))
    if stream.getsockname() == address:
        # The kernel gave us the very port that we asked for, and TCP connects us to ourselves.
        raise OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
