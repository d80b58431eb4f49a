"""Asking one service what it has: answers that real services seldom give."""

import httpx
import pytest

from intertie.gateway.openapi.probe import ANY, Endpoint, Found, Service

pytestmark = pytest.mark.anyio


async def found(
    method: str, options: httpx.Response, get: httpx.Response, *, path: str = "/a"
) -> Found:
    """What is found of a method, from a service that answers so."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/openapi.json":
            return httpx.Response(404)
        return options if request.method == "OPTIONS" else get

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        service = Service("http://shop", client)
        await service.describe()
        return await service.method(Endpoint(path, "shop", path, (method,), exact=True), method)


def allowing(status: int, allow: str) -> httpx.Response:
    """An answer to OPTIONS."""
    return httpx.Response(status, headers={"allow": allow})


@pytest.mark.parametrize(
    ("method", "options", "get", "verdict"),
    [
        ("POST", allowing(200, "GET, POST"), httpx.Response(200), "ok"),
        ("POST", allowing(200, "GET"), httpx.Response(200), "missing method"),
        ("POST", allowing(405, "GET"), httpx.Response(200), "undecidable"),
        ("POST", httpx.Response(404), httpx.Response(404), "missing path"),
        ("POST", httpx.Response(404), httpx.Response(405), "undecidable"),
        ("POST", allowing(200, "GET"), httpx.Response(404), "undecidable"),
        ("GET", httpx.Response(500), httpx.Response(401), "ok"),
        ("GET", httpx.Response(500), httpx.Response(302), "ok"),
        ("GET", httpx.Response(500), httpx.Response(410), "missing path"),
        ("GET", httpx.Response(500), httpx.Response(501), "missing method"),
        ("GET", httpx.Response(500), httpx.Response(503), "undecidable"),
        (ANY, httpx.Response(404), httpx.Response(405), "ok"),
        (ANY, allowing(204, "POST"), httpx.Response(404), "ok"),
        ("HEAD", httpx.Response(404), httpx.Response(200), "ok"),
    ],
)
async def test_a_verdict_follows_from_safe_answers(
    method: str, options: httpx.Response, get: httpx.Response, verdict: str
) -> None:
    """Nothing is called missing that may be there."""
    assert (await found(method, options, get)).verdict == verdict


async def test_a_resource_that_is_not_there_says_nothing_of_its_path() -> None:
    """A named segment may name nothing."""
    gone = httpx.Response(404)

    assert (await found("GET", gone, gone, path="/a/{id}")).verdict == "undecidable"


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b'{"openapi": "9"}', b"<html>", b'{"paths":' + b"[" * 90_000]
)
async def test_a_description_that_cannot_be_read_is_none(content: bytes) -> None:
    """The service is asked as one that says nothing."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/openapi.json":
            return httpx.Response(200, content=content)
        return httpx.Response(200)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        service = Service("http://shop", client)
        await service.describe()
        one = await service.method(Endpoint("/a", "shop", "/a", ("GET",), exact=True), "GET")

    assert one.verdict == "ok"


async def test_a_service_that_does_not_answer_is_not_called_missing() -> None:
    """It may be slow."""

    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("slow", request=request)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        service = Service("http://shop", client)
        await service.describe()
        one = await service.method(Endpoint("/a", "shop", "/a", ("GET",), exact=True), "GET")

    assert (one.verdict, one.answered) == ("undecidable", "no answer: ReadTimeout")
