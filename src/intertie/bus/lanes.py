"""Lanes: handlers side by side, for messages that keep their order within a key."""

from collections import deque
from collections.abc import Awaitable, Callable
from zlib import crc32

from anyio import Event, Semaphore
from anyio.abc import TaskGroup

from intertie.bus.port import Delivery

Process = Callable[[Delivery], Awaitable[None]]
_Waiting = deque[tuple[int, Delivery]]


class Lanes:
    """A key has a lane of its own, beside other keys; what has no key goes to who is free."""

    def __init__(self, count: int, prefetch: int, process: Process) -> None:
        self._process = process
        self._free = Semaphore(max(count, prefetch))
        self._lanes: list[_Waiting] = [deque() for _ in range(count)]
        self._anybodys: _Waiting = deque()
        self._taken = 0
        self._changed = Event()

    def open(self, group: TaskGroup) -> None:
        """Start the handlers."""
        for lane in self._lanes:
            group.start_soon(self._work, lane)

    async def take(self, delivery: Delivery) -> None:
        """Give it to its lane; waits while all hands are full."""
        await self._free.acquire()
        self._taken += 1
        self._lane(delivery.message.key).append((self._taken, delivery))
        self._changed.set()
        self._changed = Event()

    def _lane(self, key: str | None) -> _Waiting:
        if key is None:
            return self._anybodys
        return self._lanes[crc32(key.encode()) % len(self._lanes)]

    async def _work(self, own: _Waiting) -> None:
        while True:
            # What came first is next, so that neither kind starves the other.
            found = min((each for each in (own, self._anybodys) if each), key=_first, default=None)
            if found is None:
                await self._changed.wait()
                continue
            try:
                await self._process(found.popleft()[1])
            finally:
                self._free.release()


def _first(waiting: _Waiting) -> int:
    return waiting[0][0]
