"""Server-sent events."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from anyio import Event, create_task_group, fail_after, sleep_forever

from intertie.api.live import EventStream, frame

pytestmark = pytest.mark.anyio


class Client:
    """The other side of an ASGI application."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.got_body = Event()
        self.leave = Event()

    async def receive(self) -> dict[str, Any]:
        """The disconnect, once the test lets it happen."""
        await self.leave.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        """Keep what was sent."""
        self.sent.append(message)
        if b"data:" in message.get("body", b""):
            self.got_body.set()

    @property
    def text(self) -> str:
        """The whole body."""
        return b"".join(message.get("body", b"") for message in self.sent).decode()


def test_a_frame_is_one_event_whatever_its_data_holds() -> None:
    """Line breaks in the data are escaped: they cannot end the event or forge a field."""
    text = frame({"line": "a\nid: 7\n\ndata: b"}, event="log", id="3")

    assert text == b'id: 3\nevent: log\ndata: {"line":"a\\nid: 7\\n\\ndata: b"}\n\n'


async def test_a_stream_ends_with_its_source() -> None:
    """Every item is a frame; afterwards the answer is complete and the source is closed."""
    closed = Event()

    @asynccontextmanager
    async def source() -> AsyncIterator[AsyncIterator[int]]:
        async def numbers() -> AsyncIterator[int]:
            yield 1
            yield 2

        yield numbers()
        closed.set()

    client = Client()
    with fail_after(5):
        await EventStream(source(), frame)({"type": "http"}, client.receive, client.send)

    assert client.text == ": open\n\ndata: 1\n\ndata: 2\n\n"
    assert client.sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
    assert closed.is_set()


async def test_a_client_that_leaves_closes_the_source() -> None:
    """An endless source is not read on for nobody."""
    closed = Event()

    @asynccontextmanager
    async def source() -> AsyncIterator[AsyncIterator[int]]:
        async def endless() -> AsyncIterator[int]:
            yield 1
            await sleep_forever()

        try:
            yield endless()
        finally:
            closed.set()

    client = Client()
    stream = EventStream(source(), frame)
    with fail_after(5):
        async with create_task_group() as group:
            group.start_soon(stream, {"type": "http"}, client.receive, client.send)
            await client.got_body.wait()
            client.leave.set()

    assert closed.is_set()


async def test_nobody_may_buffer_or_store_a_stream() -> None:
    """The headers say so, and no length is promised."""

    @asynccontextmanager
    async def source() -> AsyncIterator[AsyncIterator[int]]:
        async def none() -> AsyncIterator[int]:
            for number in list[int]():
                yield number

        yield none()

    headers = EventStream(source(), frame).headers

    assert headers["content-type"].startswith("text/event-stream")
    assert headers["cache-control"] == "no-store"
    assert "content-length" not in headers
