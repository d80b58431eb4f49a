"""Server-sent events (WHATWG HTML, section 9.2) as a Starlette response."""

import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from anyio import Event, Lock, create_task_group, current_time, sleep
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

HEARTBEAT_S = 15.0
STOPPING = "intertie.stopping"
"""In a request's state: the event that is set once the service was asked to stop."""

_OPEN = b": open\n\n"
_BEAT = b": beat\n\n"


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event. The data is anything JSON can say."""

    data: object
    event: str | None = None
    id: str | None = None
    """What a client that comes back sends as Last-Event-ID."""
    retry_ms: int | None = None
    """How long the client is to wait before it connects anew."""

    def encode(self) -> bytes:
        """As sent. JSON holds no bare line break, and the others may not either."""
        given = {"id": self.id, "event": self.event, "retry": self.retry_ms}
        lines = [f"{name}: {_line(value)}" for name, value in given.items() if value is not None]
        lines.append(f"data: {json.dumps(self.data, separators=(',', ':'), ensure_ascii=False)}")
        return "\n".join([*lines, "", ""]).encode()


class EventStream(Response):
    """Sends the events of `source` until they end, the client is gone or the service stops.

    The source is entered when the answer begins and left when it ends, however it does. A comment
    is sent at once and after each `heartbeat_s` of silence: the way stays open, and a client that
    went without a word is noticed. To go on after the Last-Event-ID of a request is the source's.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        source: AbstractAsyncContextManager[AsyncIterator[ServerEvent]],
        *,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._source = source
        self._heartbeat_s = heartbeat_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        stopping: Event | None = scope.get("state", {}).get(STOPPING)
        await send(
            {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        )
        wire = _Wire(send)
        async with create_task_group() as group:

            async def serve() -> None:
                await self._serve(wire)
                group.cancel_scope.cancel()

            async def stop(event: Event) -> None:
                await event.wait()
                group.cancel_scope.cancel()

            group.start_soon(serve)
            group.start_soon(wire.beat, self._heartbeat_s)
            if stopping is not None:
                group.start_soon(stop, stopping)
            while (await receive())["type"] != "http.disconnect":
                pass
            wire.open = False
            group.cancel_scope.cancel()
        if wire.open:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _serve(self, wire: "_Wire") -> None:
        async with self._source as events:
            await wire.write(_OPEN)
            async for event in events:
                await wire.write(event.encode())


class _Wire:
    """The way to the client, with one writer at a time."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._lock = Lock()
        self._last = current_time()
        self.open = True

    async def write(self, data: bytes) -> None:
        async with self._lock:
            await self._send({"type": "http.response.body", "body": data, "more_body": True})
            self._last = current_time()

    async def beat(self, every_s: float) -> None:
        while True:
            await sleep(self._last + every_s - current_time())
            if current_time() - self._last >= every_s:
                await self.write(_BEAT)


def _line(value: object) -> str:
    return str(value).replace("\r", " ").replace("\n", " ")
