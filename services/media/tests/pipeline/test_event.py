import pytest
from anyio import EndOfStream

from intertie_media.messages import AssetEvent
from intertie_media.pipeline.event import Hub
from services.media.tests.kit import START, asset

pytestmark = pytest.mark.anyio
EVENT = AssetEvent.of(asset(), START)


async def test_every_listener_gets_every_event_in_order() -> None:
    """From the moment it listens."""
    hub = Hub()
    hub.publish("asset.status", EVENT)
    async with hub.listen() as one, hub.listen() as two:
        hub.publish("asset.progress", EVENT)
        hub.publish("asset.processed", EVENT)

        for listener in (one, two):
            kinds = [(await listener.receive()).kind for _ in range(2)]
            assert kinds == ["asset.progress", "asset.processed"]


async def test_a_listener_goes_on_where_it_was() -> None:
    """With the id of the last event it saw, it misses none."""
    hub = Hub()
    async with hub.listen() as listener:
        hub.publish("asset.status", EVENT)
        seen = await listener.receive()
    hub.publish("asset.progress", EVENT)

    async with hub.listen(after=seen.id) as listener:
        assert (await listener.receive()).kind == "asset.progress"


async def test_an_unknown_id_gives_all_that_is_kept() -> None:
    """Rather twice than not at all: the id may be of an earlier run."""
    hub = Hub()
    hub.publish("asset.status", EVENT)

    async with hub.listen(after="earlier-7") as listener:
        assert (await listener.receive()).kind == "asset.status"


async def test_a_listener_that_falls_behind_is_cut_off() -> None:
    """The publisher never waits, and memory is bounded."""
    hub = Hub()
    async with hub.listen() as listener:
        for _ in range(1_001):
            hub.publish("asset.progress", EVENT)

        assert len([sent async for sent in listener]) == 1_000


async def test_closing_ends_all_listeners() -> None:
    """A server that stops is not held up by them."""
    hub = Hub()
    async with hub.listen() as listener:
        hub.close()

        with pytest.raises(EndOfStream):
            await listener.receive()
