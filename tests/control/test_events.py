"""Read events."""

from datetime import UTC, datetime

import pytest
from anyio import fail_after

from intertie.control.events import EventControl
from intertie.event import GatewayApplied
from intertie.runtime.hub import EventHub

pytestmark = pytest.mark.anyio


def hub_with(count: int) -> EventHub:
    """A hub that published so many events."""
    hub = EventHub("test", now=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    for number in range(count):
        hub.publish(GatewayApplied(generation=str(number), accepted=True), "gateway")
    return hub


async def test_without_following_the_stream_ends_with_the_present() -> None:
    """All kept events, in order, then the end."""
    async with EventControl(hub_with(3)).read(after=None, follow=False) as events:
        assert [event.data["generation"] async for event in events] == ["0", "1", "2"]


async def test_reading_resumes_after_an_id() -> None:
    """Nothing twice, nothing left out."""
    hub = hub_with(3)
    async with EventControl(hub).read(after=None, follow=False) as events:
        ids = [event.id async for event in events]

    async with EventControl(hub).read(after=ids[0], follow=False) as events:
        assert [event.id async for event in events] == ids[1:]


async def test_following_goes_on_with_new_ones() -> None:
    """What is published later arrives without asking again."""
    hub = hub_with(1)
    with fail_after(5):
        async with EventControl(hub).read(after=None, follow=True) as events:
            first = await anext(events)
            hub.publish(GatewayApplied(generation="new", accepted=True), "gateway")
            second = await anext(events)

    assert [first.data["generation"], second.data["generation"]] == ["0", "new"]
