"""A clock that stands still until everybody waits, and then is where the first of them wakes."""

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count

from anyio import Event, create_task_group, to_thread
from anyio.lowlevel import checkpoint

START = datetime(2025, 3, 3, tzinfo=UTC)  # a Monday


class VirtualClock:
    """A Clock of its own; `set_by` moves what people read and not what only goes forward."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._elapsed_s = 0.0
        self._offset = timedelta()
        self._sleepers: list[tuple[float, int, Event]] = []
        self._number = count()

    def now(self) -> datetime:
        """See Clock."""
        return self._start + timedelta(seconds=self._elapsed_s) + self._offset

    def elapsed_s(self) -> float:
        """See Clock."""
        return self._elapsed_s

    async def sleep(self, seconds: float) -> None:
        """See Clock."""
        if seconds <= 0:
            await checkpoint()
            return
        event = Event()
        entry = (self._elapsed_s + seconds, next(self._number), event)
        heappush(self._sleepers, entry)
        try:
            await event.wait()
        finally:
            if entry in self._sleepers:
                self._sleepers.remove(entry)
                self._sleepers.sort()

    def set_by(self, jump: timedelta) -> None:
        """As if somebody had set it."""
        self._offset += jump

    async def advance(self, by: timedelta) -> None:
        """Let so much time pass, waking whoever waits, in order."""
        until_s = self._elapsed_s + by.total_seconds()
        await settle()
        while self._sleepers and self._sleepers[0][0] <= until_s:
            self._elapsed_s, _, event = heappop(self._sleepers)
            event.set()
            await settle()
        self._elapsed_s = until_s

    async def _run(self) -> None:
        while True:
            await settle()
            if self._sleepers:
                self._elapsed_s, _, event = heappop(self._sleepers)
                event.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Time passes by itself, as fast as nobody has anything to do."""
        async with create_task_group() as group:
            group.start_soon(self._run)
            yield
            group.cancel_scope.cancel()


def dice(seed: int) -> random.Random:
    """Chance that is the same each time."""
    return random.Random(seed)  # noqa: S311 — when, not what


async def settle() -> None:
    """Return when every task waits for time, and no thread has anything to do.

    What is ready to run shows only in asyncio's own queue; anyio looks ten times a second.
    """
    limiter = to_thread.current_default_thread_limiter()
    ready: deque[object] = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]
    while True:
        await checkpoint()
        if not ready and not limiter.borrowed_tokens:
            return
