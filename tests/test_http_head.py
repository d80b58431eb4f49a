"""Requests whose head is too long, or none at all."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import httpx
import pytest
from anyio import create_task_group, fail_after
from anyio.abc import SocketStream
from fastapi import FastAPI, Request

from intertie.api.listen import bind
from intertie.api.server import ApiServer
from intertie.http_head import MOST_HEAD_BYTES, MOST_TARGET_BYTES

pytestmark = pytest.mark.anyio
CHUNKED = b"POST /it HTTP/1.1\r\nhost: here\r\ntransfer-encoding: chunked\r\n\r\n0\r\n"
END = b" HTTP/1.1\r\nhost: here\r\nconnection: close\r\n"


@asynccontextmanager
async def connected() -> AsyncGenerator[SocketStream]:
    """To an application that answers with the length of what it is asked."""
    app = FastAPI()

    @app.get("/it")
    async def it(q: str = "") -> int:
        return len(q)

    @app.post("/it")
    async def put(request: Request) -> int:
        return len(await request.body())

    listener = bind("127.0.0.1", 0)
    address = listener.getsockname()
    async with create_task_group() as group:
        await group.start(ApiServer(app, listener).run)
        with fail_after(20):
            async with await anyio.connect_tcp(address[0], address[1]) as stream:
                yield stream
        group.cancel_scope.cancel()


async def answer(stream: SocketStream) -> httpx.Response:
    """All of it, until the server hangs up."""
    got = b"".join([part async for part in stream])
    head, _, body = got.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return httpx.Response(int(first.split()[1]), headers=headers, content=body)


@pytest.mark.parametrize(
    ("request_", "status", "word"),
    [
        (b"GET /it?q=" + b"a" * MOST_TARGET_BYTES + END + b"\r\n", 414, "target"),
        (b"GET /it" + END + b"x: " + b"a" * MOST_HEAD_BYTES + b"\r\n\r\n", 431, "headers"),
        (b"GET /it" + END + b"x: a\r\n" * 30_000 + b"\r\n", 431, "headers"),
        (b"nonsense\r\n\r\n", 400, "HTTP"),
    ],
)
async def test_it_is_refused_in_words(request_: bytes, status: int, word: str) -> None:
    """As every other error is, and the connection is closed."""
    async with connected() as stream:
        await stream.send(request_)
        found = await answer(stream)

    assert found.status_code == status
    assert found.headers["content-type"] == "application/problem+json"
    assert found.headers["connection"] == "close"
    assert found.json()["status"] == status
    assert word in found.json()["detail"]


@pytest.mark.parametrize(
    "begun",
    [b"GET /it", b"GET /it" + END + b"x: ", b"GET /it" + END + b"x", CHUNKED, CHUNKED + b"x: "],
)
async def test_what_does_not_end_is_not_kept(begun: bytes) -> None:
    """A target, a value and a name that go on and on, also after a body."""
    async with connected() as stream:
        await stream.send(begun)
        async with create_task_group() as group:

            async def go_on() -> None:
                while True:
                    await stream.send(b"a" * 4096)

            group.start_soon(go_on)
            found = await answer(stream)
            group.cancel_scope.cancel()

    assert found.status_code in {414, 431}


async def test_the_longest_are_taken() -> None:
    """To the byte."""
    target = b"/it?q=" + b"a" * (MOST_TARGET_BYTES - 6)
    headers = b"host: here\r\nconnection: close\r\nx: \r\n"
    rest = MOST_HEAD_BYTES - MOST_TARGET_BYTES - len(headers)
    async with connected() as stream:
        await stream.send(b"GET " + target + END + b"x: " + b"a" * rest + b"\r\n\r\n")
        found = await answer(stream)

    assert found.status_code == 200
    assert found.json() == MOST_TARGET_BYTES - 6


async def test_each_request_of_a_connection_counts_alone() -> None:
    """Many that are nearly too long."""
    one = b"GET /it HTTP/1.1\r\nhost: here\r\nx: " + b"a" * (MOST_HEAD_BYTES // 2) + b"\r\n\r\n"
    got = b""
    async with connected() as stream:
        for _ in range(5):
            await stream.send(one[:5000])
            await stream.send(one[5000:])
            got = b""
            while not got.endswith(b"\r\n\r\n0"):
                got += await stream.receive()
    assert got.startswith(b"HTTP/1.1 200")


async def test_a_body_is_no_head() -> None:
    """However much of it comes at once, or how slowly."""
    size = 4 * MOST_HEAD_BYTES
    head = f"POST /it HTTP/1.1\r\nhost: here\r\nconnection: close\r\ncontent-length: {size}\r\n\r\n"
    async with connected() as stream:
        await stream.send(head.encode() + b"a" * (size - 1))
        await stream.send(b"a")
        found = await answer(stream)

    assert found.json() == size
