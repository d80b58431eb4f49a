"""Server-sent events (WHATWG HTML, section 9.2) about assets."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from anyio import EndOfStream, create_task_group, move_on_after
from anyio.streams.memory import MemoryObjectReceiveStream
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from intertie_media.documents import AssetId
from intertie_media.pipeline.event import Hub, Sent
from intertie_media.web import Identity

BEAT_S = 15.0
"""Something is sent at least so often: the way stays open, and a dead one is noticed."""

Present = Callable[[], Awaitable[str]]

_OPEN = ": open\n\n"
_BEAT = ": beat\n\n"


class EventStream(Response):
    """Sends the texts of `source` until they end or the client is gone."""

    media_type = "text/event-stream"

    def __init__(self, source: AbstractAsyncContextManager[AsyncIterator[str]]) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._source = source

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
        async with self._source as texts:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            async for text in texts:
                await send(_part(text))
        await send({"type": "http.response.body", "body": b"", "more_body": False})


@asynccontextmanager
async def follow(
    hub: Hub, who: Identity, *, asset: AssetId | None, after: str | None, present: Present
) -> AsyncIterator[AsyncIterator[str]]:
    """Frames of the events that `who` may see: of one asset, or of all of theirs.

    `present` is asked for a first frame once nothing can be missed any more.
    """
    async with hub.listen(after) as events:
        yield _frames(events, who, asset, await present())


def frame(kind: str, data: object, id: str | None = None) -> str:
    """One event; the data is JSON, so it never holds a bare line break."""
    lines = [f"id: {id}"] if id else []
    return "\n".join([*lines, f"event: {kind}", f"data: {json.dumps(data)}", "", ""])


async def _frames(
    events: MemoryObjectReceiveStream[Sent], who: Identity, asset: AssetId | None, first: str
) -> AsyncIterator[str]:
    yield _OPEN + first
    while True:
        sent: Sent | None = None
        with move_on_after(BEAT_S):
            try:
                sent = await events.receive()
            except EndOfStream:
                return
        if sent is None:
            yield _BEAT
        elif _may_see(sent, who, asset):
            yield frame(sent.kind, sent.event.model_dump(mode="json"), sent.id)


def _may_see(sent: Sent, who: Identity, asset: AssetId | None) -> bool:
    theirs = sent.event.user_id == who.user or (asset is not None and who.is_admin)
    return theirs and asset in {None, sent.event.asset_id}


def _part(text: str) -> Message:
    return {"type": "http.response.body", "body": text.encode(), "more_body": True}
