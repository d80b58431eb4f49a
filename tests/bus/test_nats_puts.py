"""Publishes that wait for the server's word."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from anyio import create_task_group, fail_after
from nats.js.errors import APIError, NoStreamResponseError

from intertie.bus.nats_link import Link, connect
from intertie.bus.nats_puts import Puts
from tests.bus.peers.nats import nats

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
async def link(tmp_path: Path) -> AsyncIterator[Link]:
    """To a server without a stream."""
    async with nats(tmp_path) as broker:
        link = await connect(broker.config)
        yield link
        await link.aclose()


async def test_many_at_once_are_each_confirmed(link: Link) -> None:
    """Whatever the order of the answers."""
    puts = Puts(link.client, 5.0)
    await puts.start()
    await link.js.add_stream(name="s", subjects=["s.*"])
    async with create_task_group() as tasks:
        for n in range(100):
            tasks.start_soon(puts.put, f"s.{n}", b"x", {})

    assert (await link.js.stream_info("s")).state.messages == 100


async def test_a_subject_without_a_stream_is_told(link: Link) -> None:
    """At once."""
    puts = Puts(link.client, 5.0)
    await puts.start()
    with fail_after(30), pytest.raises(NoStreamResponseError):
        await puts.put("nobody", b"", {})


async def test_what_the_stream_refuses_is_told(link: Link) -> None:
    """With the server's reason."""
    puts = Puts(link.client, 5.0)
    await puts.start()
    await link.js.add_stream(name="s", subjects=["s"], max_msg_size=3)
    with pytest.raises(APIError) as caught:
        await puts.put("s", b"four", {})

    assert "exceeds maximum" in str(caught.value.description)


async def test_an_answer_that_never_comes_is_not_awaited(link: Link) -> None:
    """A listener that is no stream answers nothing; nor does a lost connection."""
    await link.client.subscribe("mute")
    puts = Puts(link.client, 0.1)
    await puts.start()
    with fail_after(30), pytest.raises(TimeoutError):
        await puts.put("mute", b"", {})

    async def fail() -> None:
        patient.fail(ConnectionResetError("lost"))

    patient = Puts(link.client, 60.0)
    await patient.start()

    async with create_task_group() as tasks:
        tasks.start_soon(fail)
        with fail_after(30), pytest.raises(ConnectionResetError):
            await patient.put("mute", b"", {})
