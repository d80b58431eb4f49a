"""One WebSocket connection: who may open it, and JSON messages in and out within limits."""

import json
from collections.abc import Awaitable, Callable
from typing import cast
from urllib.parse import urlsplit

from anyio import CancelScope, Lock, create_task_group, move_on_after
from anyio.abc import TaskGroup
from pydantic import JsonValue
from starlette.datastructures import Headers
from starlette.websockets import WebSocket, WebSocketDisconnect

Message = dict[str, JsonValue]

INVALID, UNAUTHORIZED, TOO_LATE, TOO_SLOW = 4400, 4401, 4408, 4410
TAKEN, TOO_MANY, TOO_BIG = 4409, 4429, 1009
MAX_BYTES = 64 * 1024
MAX_SUBSCRIPTIONS = 32
_SEND_S = 10.0
_CLOSE_S = 2.0
_REASON_BYTES = 120  # RFC 6455 section 5.5: 125 with the code


class Refused(Exception):
    """Ends the connection with a close code, and a reason for a person."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(reason)


class Gone(Exception):
    """The other side has closed."""


def same_origin(headers: Headers) -> bool:
    """Whether a browser's page came from this API itself; other programs send no Origin.

    The Host name was checked before: it is one that this API answers.
    """
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc.lower() == headers.get("host", "").lower()


class Link:
    """Messages in and out, and the subscriptions of one connection.

    A reader that takes none for `send_s` seconds is dropped: its streams would hold what they wait
    with, and the publisher's buffer for it.
    """

    def __init__(self, socket: WebSocket, group: TaskGroup, *, send_s: float = _SEND_S) -> None:
        self._socket = socket
        self._group = group
        self._send_s = send_s
        self._sending = Lock()
        self._open: dict[str, CancelScope] = {}

    @property
    def address(self) -> str:
        """Where the other side connects from, if that is known."""
        return self._socket.client.host if self._socket.client else ""

    async def receive(self) -> Message:
        """The next message. Raises Refused for what is none, and Gone."""
        event = await self._socket.receive()
        if event["type"] == "websocket.disconnect":
            raise Gone
        text = event.get("text")
        if text is None:
            raise Refused(INVALID, "cannot use a binary message: send JSON as text")
        if len(text.encode()) > MAX_BYTES:
            raise Refused(TOO_BIG, f"cannot take a message of more than {MAX_BYTES} bytes")
        try:
            found: object = json.loads(text)
        except (ValueError, RecursionError):
            raise Refused(INVALID, "cannot read this message: it is no JSON") from None
        if not isinstance(found, dict):
            raise Refused(INVALID, "cannot use this message: it is no JSON object")
        return cast("Message", found)

    async def send(self, message: Message) -> None:
        """Hand it to the connection. Raises Refused when the reader is too slow, and Gone."""
        text = json.dumps(message, separators=(",", ":"))
        with move_on_after(self._send_s) as waiting:
            async with self._sending:
                try:
                    await self._socket.send_text(text)
                except (WebSocketDisconnect, RuntimeError):  # RuntimeError: it is closed already
                    raise Gone from None
        if waiting.cancelled_caught:
            raise Refused(TOO_SLOW, f"no message was taken for {self._send_s:g} s")

    def open(self, id: str, work: Callable[[], Awaitable[None]]) -> None:
        """Start a subscription. Raises Refused when its id is taken or there are too many."""
        if id in self._open:
            raise Refused(TAKEN, f"cannot subscribe as {id!r}: there is such a subscription")
        if len(self._open) >= MAX_SUBSCRIPTIONS:
            raise Refused(TOO_MANY, f"cannot have more than {MAX_SUBSCRIPTIONS} subscriptions")
        scope = self._open[id] = CancelScope()

        async def run() -> None:
            with scope:
                await work()
            if self._open.get(id) is scope:
                del self._open[id]

        self._group.start_soon(run)

    def forget(self, id: str) -> None:
        """Its id is free again, though it has still something to say."""
        self._open.pop(id, None)

    def cancel(self, id: str) -> bool:
        """End a subscription; whether there was one."""
        scope = self._open.pop(id, None)
        if scope is not None:
            scope.cancel()
        return scope is not None


async def converse(
    socket: WebSocket,
    talk: Callable[[Link], Awaitable[None]],
    *,
    subprotocol: str | None = None,
    send_s: float = _SEND_S,
) -> None:
    """Accept the connection and hold it until `talk` refuses, or either side goes."""
    await socket.accept(subprotocol=subprotocol)
    refused: Refused | None = None
    try:
        async with create_task_group() as group:
            await talk(Link(socket, group, send_s=send_s))
            group.cancel_scope.cancel()
    except* Gone:
        pass
    except* Refused as several:
        refused = _first(several)
    if refused is not None:
        await _close(socket, refused)


def _first(several: BaseExceptionGroup[Refused]) -> Refused:
    inner = several.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner


async def _close(socket: WebSocket, refused: Refused) -> None:
    reason = refused.reason.encode()[:_REASON_BYTES].decode(errors="ignore")
    with move_on_after(_CLOSE_S):
        try:
            await socket.close(refused.code, reason)
        except (WebSocketDisconnect, RuntimeError):  # it went first
            return
