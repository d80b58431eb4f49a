"""Connections to the origin."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from intertie.gateway.cache.message import Answer
from intertie.gateway.cache.origin import Origin, OriginError
from tests.gateway.cache.stage import listening
from tests.waiting import eventually

pytestmark = pytest.mark.anyio
ASK = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


@asynccontextmanager
async def saying(*texts: bytes) -> AsyncIterator[tuple[Origin, list[int]]]:
    """An origin that says these, one a request, and ends after the last; how often it was met."""
    met: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.append(1)
        for text in texts:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(text)

    async with listening(serve) as port:
        origin = Origin(f"http://127.0.0.1:{port}", 2)
        yield origin, met
        origin.close()


async def ask(origin: Origin, early: Callable[[Answer], None] = lambda _: None) -> bytes:
    """One request; the content."""
    me = object()
    connection = await origin.take(me, 5)
    try:
        connection.begin(ASK, is_head_request=False)
        await connection.head(5, early)
        return b"".join([chunk async for chunk in connection.body(5)])
    finally:
        origin.give_back(me, connection)


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


async def test_a_connection_is_used_again() -> None:
    """When the answer was taken whole."""
    async with saying(OK, OK, OK) as (origin, met):
        got = [await ask(origin) for _ in range(3)]

    assert got == [b"ok"] * 3
    assert len(met) == 1


async def test_one_that_was_closed_is_not() -> None:
    """The next request gets a new one."""
    async with saying(OK) as (origin, met):
        me = object()
        connection = await origin.take(me, 5)
        connection.begin(ASK, is_head_request=False)
        await connection.head(5, lambda _: None)
        origin.give_back(me, connection)
        await eventually(lambda: not connection.is_open)
        await ask(origin)

    assert len(met) == 2


async def test_one_that_is_closed_while_it_is_used_again_tells_that_nobody_saw_it() -> None:
    """So that the request may be sent once more."""
    async with saying(OK, b"") as (origin, _):
        await ask(origin)
        with pytest.raises(OriginError) as told:
            await ask(origin)

    assert told.value.untouched


async def test_early_answers_are_told_before_the_final_one() -> None:
    """And are none themselves."""
    told: list[int] = []
    hints = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
    async with saying(hints + OK) as (origin, _):
        got = await ask(origin, lambda each: told.append(each.status))

    assert (told, got) == ([103], b"ok")


async def test_trailers_are_left_out() -> None:
    """They are no fields of the head."""
    text = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-late: 1\r\n\r\n"
    async with saying(text) as (origin, _):
        assert await ask(origin) == b"ok"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nok",
        b"not HTTP at all\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000 + b"\r\n\r\n",
    ],
)
async def test_what_is_no_whole_answer_is_none(text: bytes) -> None:
    """Cut off, ambiguous, endless, or not HTTP."""
    async with saying(text) as (origin, _):
        with pytest.raises(OriginError):
            await ask(origin)


async def test_nobody_there_is_told() -> None:
    """With the reason."""
    with pytest.raises(OriginError, match="cannot connect to the origin"):
        await Origin("http://127.0.0.1:1", 1).take(object(), 1)


async def test_connections_are_bounded() -> None:
    """Who waits too long is told so."""
    async with saying(OK) as (origin, _):
        held = [object(), object()]
        taken = [await origin.take(each, 5) for each in held]
        with pytest.raises(OriginError, match="too many"):
            await origin.take(object(), 0.05)
        for owner, connection in zip(held, taken, strict=True):
            origin.give_back(owner, connection)
