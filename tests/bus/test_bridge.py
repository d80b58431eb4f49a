"""Commands from the bus to a suite, and the suite's events to the bus."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from anyio import create_task_group, sleep_forever

from intertie.bus.bridge import Bridge
from intertie.bus.client import Client, Settings
from intertie.bus.memory import MemoryBus
from intertie.bus.port import Message, Subscription
from intertie.errors import BusError, BusUnavailableError
from intertie.event import Event
from intertie.trace_context import here
from tests.w3c import PARENT, TRACE
from tests.waiting import eventually

pytestmark = pytest.mark.anyio


class Suite:
    """Remembers what it was told, and has some events to tell."""

    name = "my.suite"

    def __init__(self, *waiting: str) -> None:
        self.commands: list[tuple[str, tuple[str, ...], str]] = []
        self.waiting = [
            Event(id=type, source="s", type=type, subject="", time=datetime.now(UTC), data={})
            for type in waiting
        ]
        self.gone: list[str] = []

    async def command(self, verb: str, services: Sequence[str], *, key: str) -> None:
        """Told."""
        self.commands.append((verb, tuple(services), key))

    async def unsent(self, limit: int) -> Sequence[Event]:
        """Told again until struck off."""
        if not self.waiting:
            await sleep_forever()
        return self.waiting[:limit]

    async def sent(self, events: Sequence[Event]) -> None:
        """Struck off."""
        self.gone += [event.type for event in events]
        self.waiting = [event for event in self.waiting if event not in events]


@asynccontextmanager
async def bridged(suite: Suite, bus: MemoryBus) -> AsyncIterator[Client]:
    """A client on the same bus, while the bridge runs."""
    client = Client(bus, Settings("test", publish_timeout_s=0.05))
    async with create_task_group() as group:
        await group.start(Bridge(client, suite).run)
        yield client
        group.cancel_scope.cancel()


async def test_a_command_reaches_the_suite_with_its_key() -> None:
    """Without a key of the sender's, the event's own id is the key."""
    suite = Suite()
    async with bridged(suite, MemoryBus()) as client:
        data = {"services": ["a", "b"], "idempotency_key": "k"}
        await client.publish(data, topic="suite.control.start")
        sent = await client.publish({}, topic="suite.control.stop")
        await client.publish({}, topic="suite.control.answer")
        await client.publish({"services": ["c"]}, topic="suite.control.restart")
        await eventually(lambda: len(suite.commands) == 3)

    assert sorted(suite.commands[:2]) == [("start", ("a", "b"), "k"), ("stop", (), sent.id)]
    assert suite.commands[2][0] == "restart"


async def test_a_command_that_is_none_is_a_dead_letter() -> None:
    """With what is wrong with it."""
    suite, bus = Suite(), MemoryBus()
    async with bridged(suite, bus) as client:
        await client.publish({"services": "a"}, topic="suite.control.start")
        await client.publish({"services": ["b"]}, topic="suite.control.start")
        await eventually(lambda: len(suite.commands) == 1)
        (letter,) = await bus.dead_letters("intertie-my-suite")

    assert letter.reason.startswith("cannot start: services: Input should be a valid tuple")


async def test_events_are_struck_off_when_they_are_there() -> None:
    """In order, under their own ids."""
    suite, bus = Suite("suite.a", "suite.b"), MemoryBus()
    heard: list[Event] = []

    async def hear(event: Event) -> None:
        heard.append(event)

    client = Client(bus, Settings("test"))
    async with create_task_group() as group:
        await group.start(client.consumer(Subscription("suite.*", "g"), hear).run)
        async with bridged(suite, bus):
            await eventually(lambda: len(heard) == 2)
        group.cancel_scope.cancel()

    assert [event.id for event in heard] == suite.gone == ["suite.a", "suite.b"]


async def test_an_event_waits_for_the_broker() -> None:
    """It is not given up when a publish is."""

    class Away(MemoryBus):
        failures = 4

        async def publish(self, message: Message) -> None:
            self.failures -= 1
            if self.failures >= 0:
                raise BusUnavailableError("away")
            await super().publish(message)

    suite = Suite("suite.a")
    async with bridged(suite, Away()):
        await eventually(lambda: suite.gone == ["suite.a"])


async def test_an_event_the_broker_refuses_holds_no_other_up() -> None:
    """It is told in the log and struck off."""

    class Picky(MemoryBus):
        async def publish(self, message: Message) -> None:
            if message.topic == "suite.a":
                raise BusError("too large")
            await super().publish(message)

    suite = Suite("suite.a", "suite.b")
    async with bridged(suite, Picky()):
        await eventually(lambda: suite.gone == ["suite.a", "suite.b"])


async def test_a_key_without_end_is_refused() -> None:
    """It would have to be in the answer, which then could not be sent."""
    suite, bus = Suite(), MemoryBus()
    async with bridged(suite, bus) as client:
        await client.publish({"idempotency_key": "k" * 10_000}, topic="suite.control.stop")
        await client.publish({}, topic="suite.control.start")
        await eventually(lambda: len(suite.commands) == 1)

        letters = await bus.dead_letters("intertie-my-suite")

    assert [each.reason for each in letters] == [
        "cannot stop: its key has more than 1000 characters"
    ]


async def test_a_command_is_done_in_the_trace_it_came_in() -> None:
    """And in one of its own when it came in none."""
    seen: list[str] = []

    class Traced(Suite):
        async def command(self, verb: str, services: Sequence[str], *, key: str) -> None:
            seen.append(here()["trace_id"])

    async with bridged(Traced(), MemoryBus()) as client:
        await client.publish({}, topic="suite.control.start", traceparent=PARENT)
        await client.publish({}, topic="suite.control.stop", traceparent="none")
        await eventually(lambda: len(seen) == 2)

    assert TRACE in seen
    assert len(set(seen)) == 2
