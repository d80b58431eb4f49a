from datetime import UTC, datetime

import pytest
from anyio import EndOfStream, fail_after

from intertie.event import Event, HealthChanged
from intertie.runtime.hub import EventHub
from intertie.trace_context import Tracer, use
from tests.w3c import PARENT, TRACE

pytestmark = pytest.mark.anyio
AT = datetime(2026, 1, 2, tzinfo=UTC)


def hub(kept: int = 10) -> EventHub:
    """A small one."""
    return EventHub("suite/x", now=lambda: AT, kept=kept)


def publish(to: EventHub, number: int) -> Event:
    """An event that can be told from others."""
    payload = HealthChanged(service="api", replica=number, status="UP", reason="")
    return to.publish(payload, "api")


async def test_an_event_is_a_cloud_event() -> None:
    """The envelope holds the payload's type, the subject and the time."""
    event = publish(hub(), 3)

    assert event.model_dump(mode="json") == {
        "specversion": "1.0",
        "id": event.id,
        "source": "suite/x",
        "type": "suite.health_check",
        "subject": "api",
        "time": "2026-01-02T00:00:00Z",
        "datacontenttype": "application/json",
        "data": {"service": "api", "replica": 3, "status": "UP", "reason": ""},
    }


async def test_every_subscriber_gets_every_event_in_order() -> None:
    """Events published after the subscription, to all."""
    chosen = hub()
    publish(chosen, 0)
    async with chosen.subscribe() as first, chosen.subscribe() as second:
        sent = [publish(chosen, number) for number in range(3)]

        assert [first.receive_nowait() for _ in range(3)] == sent
        assert [second.receive_nowait() for _ in range(3)] == sent


async def test_a_subscriber_can_go_on_after_the_last_event_it_saw() -> None:
    """What was published in between comes first."""
    chosen = hub()
    sent = [publish(chosen, number) for number in range(4)]

    async with chosen.subscribe(after=sent[1].id) as events:
        publish(chosen, 9)
        got = [events.receive_nowait() for _ in range(3)]

    assert got[:2] == sent[2:]
    assert got[2].data["replica"] == 9


async def test_an_unknown_last_event_gives_all_that_is_kept() -> None:
    """After a gap, or another daemon's id, nothing that is still known is left out."""
    chosen = hub(kept=3)
    sent = [publish(chosen, number) for number in range(5)]

    async with chosen.subscribe(after="other-1") as events:
        assert [events.receive_nowait() for _ in range(3)] == sent[2:]


async def test_a_slow_subscriber_is_cut_off_and_nobody_else() -> None:
    """The publisher never waits: who falls behind loses the stream, after what it had."""
    chosen = hub(kept=2)
    async with chosen.subscribe() as slow, chosen.subscribe() as quick:
        for number in range(4):
            publish(chosen, number)
            assert quick.receive_nowait().data["replica"] == number

        with fail_after(5):
            assert [(await slow.receive()).data["replica"] for _ in range(2)] == [0, 1]
            with pytest.raises(EndOfStream):
                await slow.receive()


async def test_ids_of_two_hubs_differ() -> None:
    """An id of an earlier daemon is never mistaken for one of this."""
    assert publish(hub(), 0).id != publish(hub(), 0).id


async def test_leaving_ends_the_subscription() -> None:
    """Publishing after a subscriber left disturbs nobody."""
    chosen = hub(kept=1)
    async with chosen.subscribe():
        pass

    for number in range(3):
        publish(chosen, number)


async def test_an_event_is_of_the_trace_it_happened_in() -> None:
    """Outside of all traces it has none."""
    with use(Tracer().follow(PARENT)):
        inside = publish(hub(), 1)

    assert (inside.traceparent or "")[3:35] == TRACE
    assert publish(hub(), 1).traceparent is None
