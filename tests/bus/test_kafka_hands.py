"""What a Kafka consumer has in hand, and what waits."""

from time import time

import pytest
from anyio import create_task_group, fail_after
from anyio.lowlevel import checkpoint

from intertie.bus.kafka_hands import Hands, Parcel, Waiting
from intertie.bus.kafka_offsets import Offsets, Progress
from intertie.bus.port import Message

pytestmark = pytest.mark.anyio


class Owner:
    """Notes how parcels end."""

    def __init__(self) -> None:
        self.ended: list[object] = []

    async def ack(self, parcel: Parcel) -> None:
        """Acked."""
        self.ended.append(parcel.offset)

    async def retry(self, parcel: Parcel, after_s: float) -> None:
        """To come again."""
        self.ended.append((parcel.offset, after_s))

    async def bury(self, parcel: Parcel, reason: str) -> None:
        """Buried."""
        self.ended.append((parcel.offset, reason))


def _parcel(offset: int, owner: Owner | None = None) -> Parcel:
    offsets = Offsets(Progress(0, 0))
    return Parcel(owner or Owner(), Message("a", b"", "1"), 1, offsets=offsets, offset=offset)


async def test_no_more_are_taken_than_there_is_room_for() -> None:
    """Who wants one more waits until one is let go."""
    hands, taken = Hands(1), False
    hands.take()

    async def take() -> None:
        nonlocal taken
        await hands.room()
        taken = True

    with fail_after(5):
        async with create_task_group() as tasks:
            tasks.start_soon(take)
            await checkpoint()
            assert hands.full
            assert not taken
            hands.let_go()
    assert taken


async def test_empty_hands_are_waited_for() -> None:
    """All must be let go."""
    hands, empty = Hands(2), False
    hands.take()
    hands.take()

    async def wait() -> None:
        nonlocal empty
        await hands.empty()
        empty = True

    with fail_after(5):
        async with create_task_group() as tasks:
            tasks.start_soon(wait)
            await checkpoint()
            hands.let_go()
            await checkpoint()
            assert not empty
            hands.let_go()
    assert empty


def test_waiting_parcels_come_by_their_time() -> None:
    """The earliest first, and none before it is due."""
    waiting, now = Waiting(), time()
    for offset, due_at in ((1, now - 1), (2, now - 2), (3, now + 3600)):
        waiting.put(_parcel(offset), due_at)

    due = [waiting.due(), waiting.due()]

    assert [parcel.offset for parcel in due if parcel] == [2, 1]
    assert waiting.due() is None
    assert len(waiting) == 1
    assert waiting.next_in_s(5.0) == 5.0
    waiting.put(_parcel(4), now)
    assert waiting.next_in_s(5.0) == 0.0


async def test_a_parcel_is_ended_by_its_owner() -> None:
    """Each of the three ways."""
    owner = Owner()

    await _parcel(1, owner).ack()
    await _parcel(2, owner).retry(0.5)
    await _parcel(3, owner).bury("why")

    assert owner.ended == [1, (2, 0.5), (3, "why")]
