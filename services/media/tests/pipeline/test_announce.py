from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from anyio import create_task_group, fail_after

from intertie.errors import BusError, BusUnavailableError, StoreError
from intertie.event import Event
from intertie.store import Records
from intertie_media.messages import AssetEvent, Kind
from intertie_media.pipeline.announce import OUTBOX, Announcer
from intertie_media.pipeline.event import Hub
from intertie_media.storage import Storage
from services.media.tests.kit import START, Ids, asset
from tests.waiting import eventually

pytestmark = pytest.mark.anyio
EVENT = AssetEvent.of(asset(), START)


class Bus:
    """Remembers what it was given; fails when told to."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.failure: BusError | None = None
        self.asked = 0

    async def send(self, kind: Kind, _: AssetEvent, id: str) -> None:
        """See Send."""
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        self.sent.append((kind, id))


def announcer(storage: Storage, bus: Bus | None, hub: Hub | None = None) -> Announcer:
    """With ids that count."""
    send = bus.send if bus else None
    return Announcer(hub or Hub(), storage.records, send=send, new_id=Ids())


@asynccontextmanager
async def running(announcer: Announcer) -> AsyncIterator[None]:
    """It sends inside the block."""
    async with create_task_group() as group:
        group.start_soon(announcer.run)
        yield
        group.cancel_scope.cancel()


async def waiting(storage: Storage) -> int:
    """How many are stored."""
    return (await storage.records.find(OUTBOX)).total


async def is_empty(storage: Storage) -> None:
    """Return when nothing is stored any more."""
    with fail_after(30):
        while await waiting(storage):
            pass


async def test_events_reach_the_bus_in_order(storage: Storage) -> None:
    """And are not stored any longer."""
    bus = Bus()
    one = announcer(storage, bus)
    async with running(one):
        for kind in ("asset.status", "asset.progress", "asset.processed"):
            await one.publish(kind, EVENT)
        await eventually(lambda: len(bus.sent) == 3)

        await is_empty(storage)

    assert [kind for kind, _ in bus.sent] == ["asset.status", "asset.progress", "asset.processed"]


async def test_what_a_killed_pipeline_left_is_sent_by_the_next(storage: Storage) -> None:
    """Under the same id: whoever heard it already knows it."""
    await announcer(storage, Bus()).publish("asset.processed", EVENT)
    assert await waiting(storage) == 1
    bus = Bus()

    async with running(announcer(storage, bus)):
        await eventually(lambda: bus.sent == [("asset.processed", "id-1")])
        await is_empty(storage)


async def test_only_progress_is_given_up_while_the_bus_is_away(storage: Storage) -> None:
    """It would be old by then."""
    bus = Bus()
    bus.failure = BusUnavailableError("away")
    one = announcer(storage, bus)
    async with running(one):
        await one.publish("asset.progress", EVENT)
        await one.publish("asset.viewable", EVENT)
        await eventually(lambda: bus.asked >= 2)
        bus.failure = None
        await eventually(lambda: bool(bus.sent))

    assert [kind for kind, _ in bus.sent] == ["asset.viewable"]


async def test_an_event_the_bus_refuses_holds_no_other_up(storage: Storage) -> None:
    """It is told in the log."""
    bus = Bus()
    bus.failure = BusError("too large")
    one = announcer(storage, bus)
    async with running(one):
        await one.publish("asset.viewable", EVENT)
        await eventually(lambda: bus.asked == 1)
        bus.failure = None
        await one.publish("asset.processed", EVENT)
        await eventually(lambda: bool(bus.sent))

        await is_empty(storage)

    assert [kind for kind, _ in bus.sent] == ["asset.processed"]


async def test_listeners_here_hear_other_replicas_too(storage: Storage) -> None:
    """And their own events once."""
    hub = Hub()
    one = announcer(storage, Bus(), hub)

    def envelope(id: str, kind: str) -> Event:
        return Event(id=id, source="s", type=kind, subject="a1", time=START, data={})

    async with hub.listen() as heard:
        await one.publish("asset.status", EVENT)
        await one.hear(EVENT, envelope("id-1", "asset.status"))
        await one.hear(EVENT, envelope("theirs", "asset.viewable"))
        await one.hear(EVENT, envelope("odd", "asset.unknown"))
        hub.close()
        kinds = [sent.kind async for sent in heard]

    assert kinds == ["asset.status", "asset.viewable"]


async def test_without_a_bus_only_listeners_here_hear(storage: Storage) -> None:
    """Nothing is stored for nobody."""
    hub = Hub()
    one = announcer(storage, None, hub)
    async with hub.listen() as heard:
        await one.publish("asset.processed", EVENT)
        await one.run()
        assert (await heard.receive()).kind == "asset.processed"

    assert await waiting(storage) == 0


async def test_all_that_was_left_is_sent(storage: Storage) -> None:
    """However long the bus was away; what cannot be read holds nothing up."""
    document = {"kind": "asset.processed", "event": EVENT.model_dump(mode="json")}
    await storage.records.put(OUTBOX, "odd", {"kind": "nosuch"}, expect=0)
    for n in range(1_100):
        await storage.records.put(OUTBOX, f"left-{n}", document, expect=0)
    bus = Bus()
    async with running(announcer(storage, bus)):
        await eventually(lambda: len(bus.sent) == 1_100, 30)

    assert [id for _, id in bus.sent] == [f"left-{n}" for n in range(1_100)]


async def test_a_store_that_fails_ends_no_announcer(storage: Storage) -> None:
    """What was sent may be sent once more, by the next run."""

    class Failing:
        def __init__(self, records: Records) -> None:
            self._records = records

        def __getattr__(self, name: str) -> object:
            return getattr(self._records, name)

        async def delete(self, collection: str, id: str) -> bool:
            raise StoreError("the disk is full")

    bus = Bus()
    records: Records = Failing(storage.records)  # type: ignore[assignment]
    one = Announcer(Hub(), records, send=bus.send, new_id=Ids())
    async with running(one):
        await one.publish("asset.processed", EVENT)
        await one.publish("asset.processed", EVENT)
        await eventually(lambda: len(bus.sent) == 2)
