"""One WebSocket connection, on a real server and a real socket."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest
from anyio import Event, create_task_group, fail_after, sleep_forever
from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.routing import WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from intertie.api.listen import bind
from intertie.api.live_socket_link import TOO_SLOW, Link, Refused, converse, same_origin
from intertie.api.server import ApiServer
from tests.api.live_client import live


class Talk:
    """A route that holds one conversation."""

    def __init__(self, talk: Callable[[Link], Awaitable[None]], send_s: float) -> None:
        self._talk = talk
        self._send_s = send_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        await converse(WebSocket(scope, receive, send), self._talk, send_s=self._send_s)


@asynccontextmanager
async def served(
    talk: Callable[[Link], Awaitable[None]], *, send_s: float = 10.0
) -> AsyncIterator[str]:
    """The address of a server that holds this conversation with whoever comes."""
    app = FastAPI()
    app.router.routes.append(WebSocketRoute("/", Talk(talk, send_s)))
    listener = bind("127.0.0.1", 0)
    server = ApiServer(app, listener)
    with fail_after(60):
        async with create_task_group() as group:
            port = listener.getsockname()[1]
            await group.start(server.run)
            yield f"ws://127.0.0.1:{port}/"
            group.cancel_scope.cancel()


@pytest.mark.slow
@pytest.mark.anyio
async def test_a_reader_that_does_not_read_is_dropped() -> None:
    """With a code of its own, once what the system buffers is full; nothing waits for it longer."""
    dropped = Event()

    async def flood(link: Link) -> None:
        try:
            while True:
                await link.send({"text": "x" * 60_000})
        except Refused:
            dropped.set()
            raise

    async with (
        served(flood, send_s=0.3) as address,
        live(address, max_queue=1, compression=None, ping_interval=None) as client,
    ):
        first = await client.hear()
        await dropped.wait()  # the client takes no more from its socket until it asks again
        code, reason = await client.end()

    assert first["text"].startswith("x")
    assert code == TOO_SLOW
    assert reason.startswith("no message was taken")


@pytest.mark.slow
@pytest.mark.anyio
async def test_what_ends_a_subscription_ends_the_connection_when_it_is_refused() -> None:
    """A refusal within a subscription reaches the client as the close code."""

    async def talk(link: Link) -> None:
        async def refuse() -> None:
            raise Refused(4999, "enough " + "é" * 200)

        link.open("1", refuse)
        while True:
            await link.receive()

    async with served(talk) as address, live(address) as client:
        code, reason = await client.end()

    assert code == 4999
    assert reason.startswith("enough é")
    assert len(reason.encode()) <= 123


@pytest.mark.slow
@pytest.mark.anyio
async def test_a_client_that_leaves_ends_its_subscriptions() -> None:
    """Nothing is left of a connection when it is closed."""
    ended = Event()

    async def talk(link: Link) -> None:
        async def wait() -> None:
            try:
                await sleep_forever()
            finally:
                ended.set()

        link.open("1", wait)
        await link.send({"type": "there"})
        while True:
            await link.receive()

    async with served(talk) as address:
        async with live(address) as client:
            await client.hear()
        await ended.wait()


@pytest.mark.slow
@pytest.mark.anyio
async def test_messages_of_several_subscriptions_come_whole() -> None:
    """Each is one JSON text, whoever sends at the same time."""

    async def talk(link: Link) -> None:
        async def count(name: str) -> None:
            for number in range(50):
                await link.send({"name": name, "number": number})

        for name in ("a", "b", "c"):
            link.open(name, partial(count, name))
        while True:
            await link.receive()

    heard: dict[str, list[int]] = {"a": [], "b": [], "c": []}
    async with served(talk) as address, live(address) as client:
        for _ in range(150):
            message = json.loads(await client.socket.recv())
            heard[message["name"]].append(message["number"])

    assert heard == {name: list(range(50)) for name in "abc"}


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),
        ("http://localhost:8080", True),
        ("https://LOCALHOST:8080", True),
        ("http://localhost:3000", False),
        ("http://localhost", False),
        ("http://evil.example", False),
        ("http://localhost:8080.evil.example", False),
        ("http://localhost:8080@evil.example", False),
        ("null", False),
        ("", False),
    ],
)
def test_only_pages_of_this_api_may_connect(origin: str | None, allowed: bool) -> None:
    """A browser names the page's origin; other programs name none."""
    headers = {"host": "localhost:8080"} | ({} if origin is None else {"origin": origin})

    assert same_origin(Headers(headers)) is allowed
