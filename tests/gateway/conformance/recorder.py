"""A service that keeps what was sent to it, byte by byte, and answers each request with 200."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from anyio import BrokenResourceError, EndOfStream, create_task_group, create_tcp_listener
from anyio.abc import SocketAttribute, SocketStream

_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)


@dataclass
class Recorder:
    """What came, connection by connection."""

    port: int = 0
    heads: list[bytes] = field(default_factory=list)
    """Of requests: the lines before their bodies."""
    raw: list[bytes] = field(default_factory=list)
    """All that came, part by part."""

    def clear(self) -> None:
        """Forget all."""
        self.heads.clear()
        self.raw.clear()

    async def serve(self, stream: SocketStream) -> None:
        """One connection."""
        held = b""
        async with stream:
            try:
                while True:
                    part = await stream.receive()
                    self.raw.append(part)
                    held = await self._answer(stream, held + part)
            except (EndOfStream, BrokenResourceError):
                return

    async def _answer(self, stream: SocketStream, held: bytes) -> bytes:
        """What is left behind all requests that are complete."""
        while (end := _end(held)) is not None:
            head_end, request_end = end
            self.heads.append(held[:head_end])
            held = held[request_end:]
            await stream.send(_ANSWER)
        return held


def _end(held: bytes) -> tuple[int, int] | None:
    """Where head and body of the first request end."""
    head_end = held.find(b"\r\n\r\n")
    if head_end < 0:
        return None
    head, body = held[:head_end], head_end + 4
    if _CHUNKED.search(head):
        last = held.find(b"0\r\n\r\n", body)
        return None if last < 0 else (head_end, last + 5)
    length = _LENGTH.search(head)
    end = body + (int(length[1]) if length else 0)
    return (head_end, end) if len(held) >= end else None


@asynccontextmanager
async def recorder() -> AsyncIterator[Recorder]:
    """A running one."""
    made = Recorder()
    listener = await create_tcp_listener(local_host="127.0.0.1")
    made.port = listener.extra(SocketAttribute.local_port)  # noqa: S610 - not Django's
    async with listener, create_task_group() as group:
        group.start_soon(listener.serve, made.serve)
        yield made
        group.cancel_scope.cancel()
