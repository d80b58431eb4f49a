"""Services to ask: real ones, served by uvicorn on a free port."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from anyio import CancelScope, create_task_group, fail_after, sleep
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

Asked = list[tuple[str, str]]


def fast(*, describes: bool) -> FastAPI:
    """A FastAPI application that does or does not describe itself."""
    app = FastAPI(openapi_url="/openapi.json" if describes else None)

    @app.get("/users")
    def listed() -> list[str]:
        return []

    @app.post("/users")
    def added() -> str:
        return "added"

    @app.get("/users/{user_id}")
    def one(user_id: int) -> int:
        return user_id

    return app


async def _answer(request: Request) -> Response:
    return PlainTextResponse(request.method)


async def _options(request: Request) -> Response:
    if request.method == "OPTIONS":
        return Response(status_code=204, headers={"allow": "OPTIONS, POST"})
    return PlainTextResponse("added")


async def _broken(_: Request) -> Response:
    return Response(status_code=500)


def plain() -> Starlette:
    """A Starlette application, which says nothing of itself."""
    return Starlette(
        routes=[
            Route("/users", _answer, methods=["GET", "POST"]),
            Route("/orders", _options, methods=["OPTIONS", "POST"]),
            Route("/broken", _broken),
        ]
    )


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[tuple[str, Asked]]:
    """Its address, and a list that gets every request. Any: an ASGI application."""
    asked: Asked = []
    server = uvicorn.Server(
        uvicorn.Config(_noting(app, asked), port=0, log_config=None, lifespan="off", ws="none")
    )
    async with create_task_group() as group:
        group.start_soon(_serve, server)
        try:
            with fail_after(60):
                while not server.started:  # noqa: ASYNC110 - it gives no event
                    await sleep(0.005)
            [listener] = server.servers
            port = listener.sockets[0].getsockname()[1]
            yield f"http://127.0.0.1:{port}", asked
        finally:
            server.should_exit = True


async def _serve(server: uvicorn.Server) -> None:
    with CancelScope(shield=True):  # it closes its socket when told to exit, not when cancelled
        await server.serve()


def _noting(app: Any, asked: Asked) -> Callable[[Any, Any, Any], Awaitable[None]]:
    async def noted(scope: Any, receive: Any, send: Any) -> None:
        asked.append((scope["method"], scope["path"]))
        await app(scope, receive, send)

    return noted
