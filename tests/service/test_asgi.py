"""The kit around an application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from anyio import create_memory_object_stream, create_task_group
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from intertie.service import Service
from tests.service.collector import attributes, collector

pytestmark = pytest.mark.anyio

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def make(**environ: str) -> Service:
    """A service that leaves logging alone."""
    return Service("orders", logs=False, environ=environ)


def client(app: ASGIApp, *, raises: bool = True) -> AsyncClient:
    """One that asks it without a socket."""
    transport = ASGITransport(app, raise_app_exceptions=raises)
    return AsyncClient(transport=transport, base_url="http://service:80")


@asynccontextmanager
async def lifespan(app: ASGIApp) -> AsyncIterator[list[str]]:
    """Started and stopped as a server does it; what it said."""
    said: list[str] = []
    to_app, at_app = create_memory_object_stream[Message](2)
    to_us, at_us = create_memory_object_stream[Message](2)

    async def send(message: Message) -> None:
        said.append(message["type"])
        await to_us.send(message)

    with to_app, at_app, to_us, at_us:
        async with create_task_group() as group:

            async def run() -> None:
                await app({"type": "lifespan", "state": {}}, at_app.receive, send)

            group.start_soon(run)
            await to_app.send({"type": "lifespan.startup"})
            await at_us.receive()
            yield said
            await to_app.send({"type": "lifespan.shutdown"})
            await at_us.receive()


def shop(service: Service) -> Starlette:
    """A few routes."""

    async def item(request: Request) -> JSONResponse:
        return JSONResponse({"id": request.path_params["id"], **service.headers()})

    async def broken(_: Request) -> PlainTextResponse:
        raise ValueError("broken")

    return Starlette(routes=[Route("/items/{id}", item), Route("/broken", broken)])


async def metric(asked: AsyncClient, line: str) -> bool:
    """Whether `/metrics` has it."""
    return line in (await asked.get("/metrics")).text.splitlines()


async def test_requests_are_counted_by_route() -> None:
    """A thousand paths are one endpoint, and what no route knows is one more."""
    service = make()
    async with client(service.wrap(shop(service)), raises=False) as asked:
        for path in ("/items/1", "/items/2", "/wp-admin", "/x/y/z", "/broken"):
            await asked.get(path)
        await asked.request("BREW", "/items/1")

        text = (await asked.get("/metrics")).text

    counted = {line for line in text.splitlines() if line.startswith("http_requests_total{")}
    assert counted == {
        'http_requests_total{endpoint="/items/{id}",method="GET",status="200"} 2.0',
        'http_requests_total{endpoint="unmatched",method="GET",status="404"} 2.0',
        'http_requests_total{endpoint="/broken",method="GET",status="500"} 1.0',
        'http_requests_total{endpoint="/items/{id}",method="OTHER",status="405"} 1.0',
    }


async def test_fastapi_works_alike() -> None:
    """Two lines there, too."""
    app = FastAPI()

    @app.get("/items/{id}")
    async def item(id: int) -> int:
        return id

    async with client(make().wrap(app)) as asked:
        await asked.get("/items/7")
        await asked.get("/items/seven")

        for status in (200, 422):
            labels = f'endpoint="/items/{{id}}",method="GET",status="{status}"'
            assert await metric(asked, f"http_requests_total{{{labels}}} 1.0")


async def test_a_trace_goes_through() -> None:
    """From the caller's header to the call to the next service."""
    service = make()
    async with client(service.wrap(shop(service))) as asked:
        headers = {"traceparent": PARENT, "tracestate": "a=1"}
        answer = (await asked.get("/items/1", headers=headers)).json()

    assert answer["traceparent"][:36] == PARENT[:36]
    assert answer["traceparent"] != PARENT
    assert answer["tracestate"] == "a=1"


async def test_a_sampled_request_is_a_span() -> None:
    """With OpenTelemetry's names of today and those of before; a query is not shown."""
    with collector() as kept:
        service = make(OTEL_EXPORTER_OTLP_ENDPOINT=kept.url, INTERTIE_TRACE_SAMPLE="0")
        app = service.wrap(shop(service))
        async with lifespan(app), client(app, raises=False) as asked:
            answer = await asked.get("/items/1?token=hunter2", headers={"traceparent": PARENT})
            await asked.get("/items/2")
            await asked.get("/broken", headers={"traceparent": PARENT})

    good, bad = sorted(kept.spans, key=lambda span: span.name, reverse=True)
    found = attributes(good.attributes)
    assert good.name == "GET /items/{id}"
    assert good.trace_id.hex() == PARENT[3:35]
    assert good.parent_span_id.hex() == PARENT[36:52]
    assert good.span_id.hex() in answer.json()["traceparent"]
    assert found["http.request.method"] == found["http.method"] == "GET"
    assert found["http.route"] == "/items/{id}"
    assert found["http.response.status_code"] == "200"
    assert found["http.url"] == "http://service/items/1"
    assert found["url.path"] == "/items/1"
    assert found["service.name"] == "orders"
    assert (bad.name, bad.status.code, len(bad.events)) == ("GET /broken", 2, 1)


async def test_the_lifespan_of_the_application_is_kept() -> None:
    """Its start, its state and its end."""
    seen: list[str] = []

    @asynccontextmanager
    async def own(_: Starlette) -> AsyncIterator[dict[str, str]]:
        seen.append("up")
        yield {"database": "open"}
        seen.append("down")

    async with lifespan(make().wrap(Starlette(lifespan=own))) as said:
        assert (seen, said) == (["up"], ["lifespan.startup.complete"])

    assert (seen, said[1:]) == (["up", "down"], ["lifespan.shutdown.complete"])


async def test_an_application_without_lifespan_has_ours() -> None:
    """Whether it raises, as ASGI wants it, or just returns."""

    async def raises(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"

    async def returns(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()

    for app in (raises, returns):
        service = make()
        wrapped = service.wrap(app)
        async with lifespan(wrapped) as said, client(wrapped) as asked:
            assert (await asked.get("/health/ready")).status_code == 200

        assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_a_failed_start_is_told_to_the_server() -> None:
    """As the application says it."""

    @asynccontextmanager
    async def own(_: Starlette) -> AsyncIterator[None]:
        raise ValueError("no database")
        yield

    app, sent = make().wrap(Starlette(lifespan=own)), []

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None:
        sent.append(message["type"])

    with pytest.raises(ExceptionGroup):
        await app({"type": "lifespan", "state": {}}, receive, send)

    assert sent == ["lifespan.startup.failed"]
