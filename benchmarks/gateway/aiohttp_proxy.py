"""A proxy that does nothing: `python aiohttp_proxy.py PORT SERVICE_PORT`."""

import sys
from collections.abc import AsyncIterator

import uvloop
from aiohttp import ClientSession, DummyCookieJar, TCPConnector, web

_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade"})
_CONNECTIONS = 64


def application(service: int) -> web.Application:
    """Forwards all to the port."""
    app = web.Application()
    session: list[ClientSession] = []

    async def opened(_: web.Application) -> AsyncIterator[None]:
        connector = TCPConnector(limit=_CONNECTIONS)
        made = ClientSession(
            connector=connector, cookie_jar=DummyCookieJar(), auto_decompress=False
        )
        session.append(made)
        yield
        await made.close()

    async def forward(request: web.Request) -> web.Response:
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _HOP_BY_HOP}
        body = await request.read() if request.can_read_body else None
        url = f"http://127.0.0.1:{service}{request.raw_path}"
        async with session[0].request(
            request.method, url, headers=headers, data=body, allow_redirects=False
        ) as answer:
            told = {k: v for k, v in answer.headers.items() if k.lower() not in _HOP_BY_HOP}
            return web.Response(body=await answer.read(), status=answer.status, headers=told)

    app.cleanup_ctx.append(opened)
    app.router.add_route("*", "/{path:.*}", forward)
    return app


if __name__ == "__main__":
    port, service = map(int, sys.argv[1:3])
    uvloop.install()
    web.run_app(application(service), host="127.0.0.1", port=port, print=None, access_log=None)
