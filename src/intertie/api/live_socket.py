"""`/api/live`, a WebSocket. Light: what it needs is loaded with its first connection."""

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from intertie.api.live_socket_link import same_origin

PATH = "/api/live"


def routes() -> list[BaseRoute]:
    """What to put into the application."""
    return [WebSocketRoute(PATH, _Live())]


class _Live:
    """The route, as an ASGI application."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if not same_origin(Headers(scope=scope)):
            await foreign(scope, receive, send)
            return
        serve = await to_thread.run_sync(_load)
        await serve(scope, receive, send)


def _load() -> ASGIApp:
    from intertie.api.live_socket_talk import serve  # noqa: PLC0415 - not needed to start

    return serve


async def foreign(scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse a page of another site, which a browser lets connect to any address."""
    why = "cannot connect from a page of another site: its Origin is not this API's own\n"
    await PlainTextResponse(why, 403)(scope, receive, send)
