"""Typed events over any bus."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.lowlevel
import pytest
from anyio import create_task_group, fail_after

from intertie.bus.client import Client, Settings, connect
from intertie.bus.memory import MemoryBus
from intertie.bus.port import Message, Subscription
from intertie.bus.schemas import Schemas
from intertie.errors import BusError, BusUnavailableError
from intertie.event import Event, HealthChanged
from intertie.suite.bus import QueueConfig, QueueType
from intertie.testing.bus import message
from intertie.trace_context import Tracer, use
from tests.w3c import PARENT, TRACE
from tests.waiting import eventually

pytestmark = pytest.mark.anyio

SCHEMAS = Schemas({"a": {"required": ["n"]}})


@asynccontextmanager
async def hearing(client: Client, pattern: str) -> AsyncIterator[list[Event]]:
    """What a group member gets."""
    heard: list[Event] = []

    async def handle(event: Event) -> None:
        heard.append(event)

    async with create_task_group() as group:
        consumer = client.consumer(Subscription(pattern, "g"), handle)
        await group.start(consumer.run)
        yield heard
        group.cancel_scope.cancel()


async def test_a_payload_travels_under_its_own_type() -> None:
    """With source, subject, an id, and the trace it belongs to."""
    payload = HealthChanged(service="api", replica=0, status="UP", reason="")
    config = QueueConfig(QueueType.MEMORY)
    async with (
        connect(config, source="intertie/media") as client,
        hearing(client, "suite.*") as heard,
    ):
        sent = await client.publish(payload, "api", traceparent="00-1-2-01")
        await eventually(lambda: heard == [sent])

    assert (sent.type, sent.source, sent.subject) == (
        "suite.health_check",
        "intertie/media",
        "api",
    )
    assert HealthChanged.model_validate(sent.data) == payload


async def test_data_against_the_schema_is_not_published() -> None:
    """Whoever sends it hears why."""
    client = Client(MemoryBus(), Settings("test"), schemas=SCHEMAS)

    with pytest.raises(BusError, match=r'cannot publish to a: it does not match .* "n" is a req'):
        await client.publish({}, topic="a")


async def test_data_against_the_schema_is_a_dead_letter_when_it_comes() -> None:
    """The handler never sees it; the reason is kept. So is what is no event at all."""
    bus = MemoryBus()
    client = Client(bus, Settings("test"), schemas=SCHEMAS)
    async with hearing(client, "a") as heard:
        await bus.publish(message("a", b'{"m": 1}'))
        await bus.publish(message("a", b"not json"))
        await bus.publish(message("a", b'{"n": 1}'))
        await eventually(lambda: len(heard) == 1)
        reasons = [letter.reason for letter in await bus.dead_letters("g")]

    assert heard[0].data == {"n": 1}
    assert 'does not match the schema of a: data: "n" is a required property' in reasons[0]
    assert "cannot read a message of a: it is not JSON" in reasons[1]


async def test_the_same_event_sent_twice_is_one() -> None:
    """Its id is the message's."""
    client = Client(MemoryBus(), Settings("test"))
    async with hearing(client, "a") as heard:
        event = client.event({"n": 1}, "", topic="a")
        await client.send(event)
        await client.send(event)
        await client.publish({"n": 2}, topic="a")
        await eventually(lambda: len(heard) >= 2)

    assert [each.data["n"] for each in heard] == [1, 2]


class Away(MemoryBus):
    """A broker that is away for the first few publishes."""

    def __init__(self, failures: int) -> None:
        super().__init__()
        self.failures = failures

    async def publish(self, message: Message) -> None:
        """Away, or there."""
        self.failures -= 1
        if self.failures >= 0:
            raise BusUnavailableError("away")
        await super().publish(message)


async def test_a_publish_waits_for_a_broker_that_is_away() -> None:
    """The caller only notices that it took longer."""
    bus = Away(2)
    async with hearing(client := Client(bus, Settings("test")), "a") as heard:
        with fail_after(5):
            await client.publish({}, topic="a")
        await eventually(lambda: len(heard) == 1)


async def test_a_publish_does_not_wait_for_ever() -> None:
    """And does not claim success."""
    client = Client(Away(1000), Settings("test", publish_timeout_s=0.1))

    with fail_after(5), pytest.raises(BusUnavailableError):
        await client.publish({}, topic="a")


@pytest.mark.parametrize("topic", ["", "a..b", "a.*"])
async def test_a_wrong_topic_is_told_at_once(topic: str) -> None:
    """Before the broker is asked."""
    with pytest.raises(BusError, match="cannot use topic"):
        await Client(MemoryBus(), Settings("test")).publish({}, topic=topic)
    await anyio.lowlevel.checkpoint()


async def test_an_event_is_of_the_trace_it_is_published_in() -> None:
    """Unless its publisher says another; outside of all traces it has none."""
    client, other = Client(MemoryBus(), Settings("test")), PARENT.replace("4", "5")
    with use(Tracer().follow(PARENT)):
        inside = client.event({}, "", topic="a.b")
        told = client.event({}, "", topic="a.b", traceparent=other)

    assert (inside.traceparent or "")[3:35] == TRACE
    assert told.traceparent == other
    assert client.event({}, "", topic="a.b").traceparent is None
