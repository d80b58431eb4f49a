"""Each request of the management API in a trace: its caller's, or one of its own."""

import re
from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from intertie.trace_context import (
    Piece,
    TraceContext,
    Tracer,
    Value,
    current,
    received,
    request_fields,
    use,
)

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._~+/=:@-]{1,128}")
_ASKED_ALL_THE_TIME = ("/api/health", "/metrics", "/v1/traces", "/v1/metrics")
"""By those who watch us, and those who send what they measured: no spans, or there is no end."""
_FAILED = 500

Header = tuple[bytes, bytes]


class Traced:
    """ASGI middleware. An answer tells the trace in `traceparent` and `x-request-id`.

    A traceparent that is none, or given twice, begins a new trace (W3C Trace Context §4.3). A
    request id that the caller chose is given back to it.
    """

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        context = self._tracer.follow(*received(scope["headers"]))
        if scope["type"] == "websocket":
            with use(context):
                await self._app(scope, receive, send)
            return
        told = _told(context, scope["headers"])
        status = _FAILED

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message["headers"], *told]}
            await send(message)

        fields = _fields(scope) if context.sampled else {}
        try:
            with self._tracer.within(context, scope["method"], "server", fields) as piece:
                piece.is_wanted = not scope["path"].startswith(_ASKED_ALL_THE_TIME)
                try:
                    await self._app(scope, receive, answer)
                finally:
                    _note(piece, scope, status)
        except Exception:
            # Whoever logs it further out is to be in the trace, too; no other request is in it, as
            # the server gives each a context of its own.
            current.set(context)
            raise


def _told(context: TraceContext, headers: Iterable[Header]) -> list[Header]:
    given = [value for name, value in headers if name == b"x-request-id"]
    own = given[0] if len(given) == 1 and _REQUEST_ID.fullmatch(given[0]) else None
    return [
        (b"traceparent", context.traceparent.encode()),
        (b"x-request-id", own or context.trace_text.encode()),
    ]


def _note(piece: Piece, scope: Scope, status: int) -> None:
    route = getattr(scope.get("route"), "path", "")
    piece.route = route
    piece.name = f"{scope['method']} {route}" if route else scope["method"]
    piece.fields["http.route"] = route
    piece.fields["http.response.status_code"] = piece.fields["http.status_code"] = status
    if status >= _FAILED and piece.failed is None:
        piece.failed = f"it answers {status}"


def _fields(scope: Scope) -> dict[str, Value]:
    headers: dict[bytes, bytes] = dict(scope["headers"])
    host = headers.get(b"host", b"").decode("latin-1")
    return request_fields(scope["method"], scope.get("scheme", "http"), host, scope["path"])
