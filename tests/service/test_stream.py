"""Server-sent events."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from anyio import Event, create_task_group, fail_after, sleep_forever
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message, Scope

from intertie.service.stream import STOPPING, EventStream, ServerEvent

pytestmark = pytest.mark.anyio


class Client:
    """The other end: what it got, and when it goes."""

    def __init__(self) -> None:
        self.body = b""
        self.ended = False
        self.gone = Event()
        self.got = Event()

    async def receive(self) -> Message:
        """See ASGI."""
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """See ASGI."""
        self.body += message.get("body", b"")
        self.ended = message["type"] == "http.response.body" and not message.get("more_body")
        self.got.set()

    async def until(self, part: bytes) -> None:
        """Return once it got that."""
        with fail_after(5):
            while part not in self.body:
                self.got = Event()
                await self.got.wait()


class Source:
    """Gives what it was made with, then ends or goes on for ever."""

    def __init__(self, *events: ServerEvent, ends: bool = True) -> None:
        self._events = events
        self._ends = ends
        self.open = False

    @asynccontextmanager
    async def entered(self) -> AsyncIterator[AsyncIterator[ServerEvent]]:
        """As the stream wants it."""
        self.open = True
        try:
            yield self._all()
        finally:
            self.open = False

    async def _all(self) -> AsyncIterator[ServerEvent]:
        for event in self._events:
            yield event
        if not self._ends:
            await sleep_forever()


SCOPE: Scope = {"type": "http"}


async def test_events_are_sent_as_the_standard_says() -> None:
    """And the answer ends with its source."""
    client, source = Client(), Source(ServerEvent({"a": "x\ny"}, event="sold", id="7", retry_ms=9))

    with fail_after(5):
        await EventStream(source.entered())(SCOPE, client.receive, client.send)

    assert client.body == b': open\n\nid: 7\nevent: sold\nretry: 9\ndata: {"a":"x\\ny"}\n\n'
    assert client.ended
    assert not source.open


async def test_silence_is_broken_by_comments() -> None:
    """So that the way stays open."""
    client, source = Client(), Source(ends=False)
    stream = EventStream(source.entered(), heartbeat_s=0.01)

    async with create_task_group() as group:
        group.start_soon(stream, SCOPE, client.receive, client.send)
        await client.until(b": open\n\n: beat\n\n: beat\n\n")
        client.gone.set()

    assert not source.open


async def test_the_source_is_left_when_the_client_goes() -> None:
    """Nothing is sent to nobody."""
    client, source = Client(), Source(ServerEvent(1), ends=False)

    async with create_task_group() as group:
        group.start_soon(EventStream(source.entered()), SCOPE, client.receive, client.send)
        await client.until(b"data: 1")
        assert source.open
        client.gone.set()

    assert not source.open
    assert not client.ended


async def test_an_endless_answer_ends_when_the_service_stops() -> None:
    """It would hold the stop up otherwise; the client sees a proper end, and comes back."""
    client, source, stopping = Client(), Source(ServerEvent(1), ends=False), Event()
    scope = {**SCOPE, "state": {STOPPING: stopping}}

    async with create_task_group() as group:
        group.start_soon(EventStream(source.entered()), scope, client.receive, client.send)
        await client.until(b"data: 1")
        stopping.set()

    assert client.ended
    assert not source.open


@given(st.text(), st.text(), st.text())
def test_no_text_breaks_out_of_its_event(data: str, event: str, id: str) -> None:
    """Whatever it holds: three lines and an empty one."""
    text = ServerEvent(data, event=event, id=id).encode().decode()

    assert text.count("\n") == 4
    assert "\r" not in text
