"""The template of the route that answered."""

import pytest
from fastapi import APIRouter, FastAPI
from httpx import ASGITransport, AsyncClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from intertie.service.route import template_of

pytestmark = pytest.mark.anyio


async def answer(_: Request) -> PlainTextResponse:
    """The same to all."""
    return PlainTextResponse("fine")


async def raw(scope: Scope, receive: Receive, send: Send) -> None:
    """An application without routes."""
    await PlainTextResponse("raw")(scope, receive, send)


def starlette() -> Starlette:
    """Plain routes, mounts within mounts, one with a parameter."""
    inner: list[BaseRoute] = [
        Route("/{page}", answer),
        Mount("/deep", routes=[Route("/x", answer)]),
    ]
    return Starlette(
        routes=[
            Route("/", answer),
            Route("/items/{id:int}", answer, methods=["GET"]),
            Mount("/shops/{shop}", routes=inner),
            Mount("/raw", app=raw),
        ]
    )


def fastapi() -> FastAPI:
    """Included routers, one of them twice, and a mount."""
    app, router = FastAPI(), APIRouter()

    @router.get("/{id}")
    async def get(id: int) -> int:
        return id

    app.include_router(router, prefix="/books")
    app.include_router(router, prefix="/films")
    app.mount("/sub", Starlette(routes=[Route("/{page}", answer)]))
    return app


async def template(app: Starlette, path: str) -> str:
    """What is found for a request."""
    found: list[str] = []

    async def outer(scope: Scope, receive: Receive, send: Send) -> None:
        root = scope.get("root_path", "")
        await app(scope, receive, send)
        mounted = scope.get("root_path", "") != root
        found.append(template_of(scope, app.routes, mounted=mounted))

    wrapped: ASGIApp = outer
    async with AsyncClient(transport=ASGITransport(wrapped), base_url="http://service") as client:
        await client.get(path)
    return found[0]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "/"),
        ("/items/7", "/items/{id}"),
        ("/shops/kiel/offers", "/shops/{shop}/{page}"),
        ("/shops/kiel/deep/x", "/shops/{shop}/deep/x"),
        ("/shops/kiel/deep/none", "/shops/{shop}/deep/{path}"),
        ("/raw/anything/at/all", "/raw/{path}"),
        ("/nowhere", "unmatched"),
        ("/items/seven", "unmatched"),
    ],
)
async def test_starlette_routes_are_told_by_their_template(path: str, expected: str) -> None:
    """Whatever stands in the path."""
    assert await template(starlette(), path) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/books/1", "/books/{id}"),
        ("/films/2", "/films/{id}"),
        ("/films/two", "/films/{id}"),
        ("/sub/page", "/sub/{page}"),
        ("/openapi.json", "/openapi.json"),
        ("/nowhere", "unmatched"),
    ],
)
async def test_fastapi_routes_are_told_by_their_template(path: str, expected: str) -> None:
    """Also those of routers that are included more than once."""
    assert await template(fastapi(), path) == expected
