"""Answers that go on: server-sent events (WHATWG HTML, section 9.2), and plain bytes."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Generic, TypeVar

from anyio import create_task_group
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

T = TypeVar("T")


def frame(data: object, *, event: str | None = None, id: str | None = None) -> bytes:
    """One event; the data is JSON, so it never holds a bare line break."""
    lines = [f"id: {id}"] if id else []
    lines += [f"event: {event}"] if event else []
    return "\n".join([*lines, f"data: {json.dumps(data, separators=(',', ':'))}", "", ""]).encode()


class Stream(Response, Generic[T]):
    """Sends the items of `source` until they end or the client is gone, and closes it then.

    No proxy may buffer or store it.
    """

    first = b""
    """Sent at once, so that the client knows it is connected."""

    def __init__(
        self,
        source: AbstractAsyncContextManager[AsyncIterator[T]],
        to_frame: Callable[[T], bytes],
    ) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._source = source
        self._to_frame = to_frame

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        async with create_task_group() as group:

            async def serve() -> None:
                await self._send_all(send)
                group.cancel_scope.cancel()

            group.start_soon(serve)
            while (await receive())["type"] != "http.disconnect":
                pass
            group.cancel_scope.cancel()

    async def _send_all(self, send: Send) -> None:
        async with self._source as items:
            start: Message = {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
            await send(start)
            await send(_body(self.first))
            async for item in items:
                await send(_body(self._to_frame(item)))
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class ByteStream(Stream[T]):
    """Bytes as they come."""

    media_type = "application/octet-stream"


class EventStream(Stream[T]):
    """Server-sent events."""

    media_type = "text/event-stream"
    first = b": open\n\n"


def _body(data: bytes) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": True}
