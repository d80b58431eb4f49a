"""What one consumer has in hand, and what waits for its time."""

import heapq
from itertools import count
from time import time
from typing import Protocol

from anyio import Event

from intertie.bus.kafka_offsets import Offsets
from intertie.bus.port import Message


class Owner(Protocol):
    """The consumer that handed a parcel over."""

    async def ack(self, parcel: "Parcel") -> None:
        """See Delivery."""
        ...

    async def retry(self, parcel: "Parcel", after_s: float) -> None:
        """See Delivery."""
        ...

    async def bury(self, parcel: "Parcel", reason: str) -> None:
        """See Delivery."""
        ...


class Parcel:
    """A Delivery. It is ended by its owner."""

    __slots__ = ("_owner", "message", "offset", "offsets", "tries")

    def __init__(
        self, owner: Owner, message: Message, tries: int, *, offsets: Offsets, offset: int
    ) -> None:
        self._owner = owner
        self.message = message
        self.tries = tries
        self.offsets = offsets
        self.offset = offset

    async def ack(self) -> None:
        """It is dealt with."""
        await self._owner.ack(self)

    async def retry(self, after_s: float) -> None:
        """Deliver it again, not before `after_s`."""
        await self._owner.retry(self, after_s)

    async def bury(self, reason: str) -> None:
        """Put it among the dead letters."""
        await self._owner.bury(self, reason)


class Hands:
    """Counts what is in hand, up to `most`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0
        self._watched: Event | None = None

    @property
    def full(self) -> bool:
        """Whether no more may be taken."""
        return self._held >= self._most

    async def room(self) -> None:
        """Return when one more may be taken."""
        while self.full:
            await self._change()

    async def empty(self) -> None:
        """Return when nothing is in hand."""
        while self._held:
            await self._change()

    def take(self) -> None:
        """One more."""
        self._held += 1

    def let_go(self) -> None:
        """One less."""
        self._held -= 1
        if self._watched is not None:
            self._watched.set()
            self._watched = None

    async def _change(self) -> None:
        self._watched = self._watched or Event()
        await self._watched.wait()


class Waiting:
    """Parcels that are not due yet, by the wall clock: each may have been written elsewhere."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Parcel]] = []
        self._order = count()

    def __len__(self) -> int:
        return len(self._heap)

    def put(self, parcel: Parcel, due_at: float) -> None:
        """Keep it until then, in seconds since 1970."""
        heapq.heappush(self._heap, (due_at, next(self._order), parcel))

    def due(self) -> Parcel | None:
        """One whose time has come."""
        if self._heap and self._heap[0][0] <= time():
            return heapq.heappop(self._heap)[2]
        return None

    def next_in_s(self, at_most_s: float) -> float:
        """How long until there is one."""
        if not self._heap:
            return at_most_s
        return min(at_most_s, max(0.0, self._heap[0][0] - time()))
