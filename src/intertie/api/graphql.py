"""`/api/graphql`. Light: its library is loaded with the first request, and need not be there."""

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from intertie.api.live_socket import foreign
from intertie.api.live_socket_link import same_origin
from intertie.api.problem import Problem, problem_response

PATH = "/api/graphql"
_MISSING = "cannot answer GraphQL: its library is not there; install intertie[graphql]"


def routes() -> list[BaseRoute]:
    """What to put into the application: requests, and subscriptions over WebSocket."""
    here = _GraphQL()
    return [Route(PATH, here), WebSocketRoute(PATH, here)]


class _GraphQL:
    """The route, as an ASGI application."""

    def __init__(self) -> None:
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] == "websocket" and not same_origin(Headers(scope=scope)):
            await foreign(scope, receive, send)
            return
        if self._app is None:
            self._app = await to_thread.run_sync(_load)
        await self._app(scope, receive, send)


def _load() -> ASGIApp:
    try:
        from intertie.api.graphql_http import app  # noqa: PLC0415 - a large library
    except ModuleNotFoundError as exc:
        if exc.name is None or not exc.name.startswith("intertie"):
            return problem_response(Problem(title="Not Implemented", status=501, detail=_MISSING))
        raise
    return app
