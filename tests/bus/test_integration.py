"""The bus in four calls."""

import threading

import pytest

from intertie.bus import MessageQueueIntegration, QueueConfig, QueueType
from intertie.errors import BusError
from intertie.event import Event
from tests.waiting import eventually

pytestmark = pytest.mark.anyio

MEMORY = QueueConfig(QueueType.MEMORY)


async def test_what_is_published_reaches_subscribers() -> None:
    """Coroutine functions, plain functions and methods, with one parameter or two."""
    got: list[object] = []
    threads: list[str] = []

    async def with_event(data: dict[str, object], event: Event) -> None:
        got.append((data, event.type))

    def plain(data: dict[str, object]) -> None:
        threads.append(threading.current_thread().name)
        got.append(data)

    class Callee:
        async def __call__(self, data: dict[str, object], *, other: int = 1) -> None:
            got.append(other)

    async with MessageQueueIntegration(MEMORY) as queue:
        await queue.subscribe("a.*", with_event)
        await queue.subscribe("a.b", plain)
        await queue.subscribe("a.b", Callee())
        sent = await queue.publish("a.b", {"n": 1}, subject="s")
        await eventually(lambda: len(got) == 3)

    assert sent.source == "intertie/client"
    assert sorted(map(str, got)) == ["({'n': 1}, 'a.b')", "1", "{'n': 1}"]
    assert threads != ["MainThread"]


async def test_a_closed_queue_says_what_to_do() -> None:
    """Before connecting and after closing."""
    queue = MessageQueueIntegration(MEMORY)
    with pytest.raises(BusError, match=r"call connect\(\) first"):
        await queue.publish("a", {})
    await queue.connect()
    await queue.connect()
    await queue.close()
    await queue.close()
    with pytest.raises(BusError, match=r"call connect\(\) first"):
        await queue.subscribe("a", print)


async def test_an_impossible_subscription_is_told_to_who_makes_it() -> None:
    """The others go on."""
    got: list[object] = []
    async with MessageQueueIntegration(MEMORY) as queue:
        await queue.subscribe("a", got.append)
        with pytest.raises(BusError, match="cannot subscribe"):
            await queue.subscribe("a b", print)
        await queue.publish("a", {})
        await eventually(lambda: got == [{}])


async def test_it_shows_no_password() -> None:
    """Neither the configuration nor what holds it."""
    config = QueueConfig(QueueType.REDIS, password="not-a-real-one")

    assert "not-a-real-one" not in repr(config)
    assert "not-a-real-one" not in repr(MessageQueueIntegration(config))
