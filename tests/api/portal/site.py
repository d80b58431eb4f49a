"""The portal beside the login pages, for clients and browsers."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
from anyio.from_thread import start_blocking_portal
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from intertie.api.login.app import login_routes
from intertie.api.portal.desk import Usage
from intertie.api.portal.document import Json
from intertie.api.portal.routes import portal_routes
from intertie.identity.principal import Principal
from tests.api.login.site import Made, Site, made
from tests.api.login.site import _serving as serving

URL = "https://app.test"
EVIL = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>"
DOCUMENT: dict[str, Any] = {  # Any: JSON
    "openapi": "3.1.0",
    "paths": {
        "/orders/{id}": {
            "parameters": [{"$ref": "#/components/parameters/id"}],
            "put": {
                "operationId": "put/orders",
                "tags": ["orders"],
                "summary": "Change an order",
                "description": EVIL,
                "security": [{"apiKey": []}, {"session": []}],
                "parameters": [{"name": "x-trace", "in": "header", "schema": {"type": "string"}}],
                "requestBody": {
                    "content": {
                        "application/json": {
                            "schema": {"$ref": "#/components/schemas/Order"},
                            "example": {"note": EVIL},
                        }
                    }
                },
                "responses": {
                    "200": {"description": "Changed"},
                    "404": {"$ref": "#/components/responses/Gone"},
                },
            },
        },
        "/hello": {"get": {"operationId": "hello", "responses": {"200": {"description": "Hi"}}}},
    },
    "components": {
        "parameters": {"id": {"name": "id", "in": "path", "schema": {"type": "string"}}},
        "responses": {"Gone": {"description": "There is no such order"}},
        "schemas": {
            "Order": {
                "properties": {
                    "note": {"type": "string"},
                    "parent": {"$ref": "#/components/schemas/Order"},
                }
            }
        },
    },
}


def portal_app(world: Made, document: Json = DOCUMENT, *, usage: Usage | None = None) -> Starlette:
    """Both in one application."""
    pages = portal_routes(world.desk, world.identities, document=lambda: document, usage=usage)
    return Starlette(routes=[*login_routes(world.desk), *pages])


@asynccontextmanager
async def asking(world: Made, **more: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client with cookies, which follows no redirects. Any: see `portal_app`."""
    transport = httpx.ASGITransport(portal_app(world, **more))
    async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
        yield client


async def _orders(request: Request) -> Response:
    """What a gateway does: the key or the login decides, and the service sees who it is."""
    world: Made = request.app.state.made
    text = request.headers.get("x-api-key")
    if text is None:
        who = await world.desk.sessions.lookup(request.headers.get("cookie"))
    else:
        table = await world.identities.key_table()
        found = table.check(text, address="127.0.0.1", now=world.clock().timestamp())
        who = found if isinstance(found, Principal) else None
    if who is None:
        return JSONResponse({"title": "Unauthorized"}, 401)
    body = (await request.body()).decode()
    told = {"kind": who.kind, "path": request.url.path, "body": body}
    return JSONResponse(told, headers={"x-seen": request.headers.get("x-trace", "")})


@contextmanager
def site(folder: Path, *, port: int) -> Iterator[Site]:
    """Login, portal and a service, as browsers see them through a gateway."""
    url = f"http://localhost:{port}"

    @asynccontextmanager
    async def running() -> AsyncIterator[Made]:
        async with made(folder, {}, url=url) as all_of_it:
            app = portal_app(all_of_it)
            app.state.made = all_of_it
            app.router.routes.append(Route("/orders/{id:path}", _orders, methods=["PUT"]))
            async with serving(app, port):
                yield all_of_it

    with start_blocking_portal() as loop, loop.wrap_async_context_manager(running()) as ready:
        yield Site(url, ready, loop)
