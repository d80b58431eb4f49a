"""Handlers side by side, for messages that keep their order within a key."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from anyio import Event, create_task_group, fail_after, move_on_after

from intertie.bus.lanes import Lanes
from intertie.bus.port import Delivery, Message
from tests.waiting import eventually

pytestmark = pytest.mark.anyio


class Parcel:
    """A delivery whose end nobody asks for."""

    tries = 1

    def __init__(self, body: bytes, key: str | None) -> None:
        self.message = Message("a", body, "1", key)

    async def ack(self) -> None:
        """Nothing."""

    async def retry(self, after_s: float) -> None:
        """Nothing."""

    async def bury(self, reason: str) -> None:
        """Nothing."""


class Desk:
    """Handlers that finish when told."""

    def __init__(self, count: int, prefetch: int) -> None:
        self.lanes = Lanes(count, prefetch, self._process)
        self.begun: list[bytes] = []
        self.may_end: dict[bytes, Event] = {}

    async def take(self, body: bytes, key: str | None = None) -> None:
        """Hand it in."""
        self.may_end[body] = Event()
        await self.lanes.take(Parcel(body, key))

    async def _process(self, delivery: Delivery) -> None:
        body = delivery.message.body
        self.begun.append(body)
        await self.may_end[body].wait()


@asynccontextmanager
async def working(count: int, prefetch: int = 8) -> AsyncIterator[Desk]:
    """While the block runs."""
    desk = Desk(count, prefetch)
    async with create_task_group() as group:
        desk.lanes.open(group)
        yield desk
        group.cancel_scope.cancel()


async def test_what_has_no_key_goes_to_who_is_free() -> None:
    """However long another handler takes."""
    async with working(2) as desk:
        for body in (b"long", b"1", b"2", b"3"):
            await desk.take(body)
            if body != b"long":
                desk.may_end[body].set()
        await eventually(lambda: desk.begun == [b"long", b"1", b"2", b"3"])


async def test_a_key_comes_one_at_a_time() -> None:
    """The next begins when the one before has ended."""
    async with working(4) as desk:
        await desk.take(b"1", "k")
        await desk.take(b"2", "k")
        await desk.take(b"other")
        await eventually(lambda: desk.begun == [b"1", b"other"])
        desk.may_end[b"1"].set()
        await eventually(lambda: desk.begun == [b"1", b"other", b"2"])


async def test_what_came_first_is_next() -> None:
    """Neither messages with a key nor those without starve the others."""
    async with working(1) as desk:
        for body, key in ((b"0", "k"), (b"1", "k"), (b"2", None), (b"3", "k")):
            await desk.take(body, key)
            desk.may_end[body].set()
        await eventually(lambda: desk.begun == [b"0", b"1", b"2", b"3"])


async def test_no_more_is_taken_than_there_are_hands() -> None:
    """Until one is free again."""
    async with working(1, prefetch=2) as desk:
        await desk.take(b"1")
        await desk.take(b"2")
        with move_on_after(0.02) as tried:
            await desk.take(b"3")
        assert tried.cancelled_caught
        desk.may_end[b"1"].set()
        with fail_after(30):
            await desk.take(b"4")
