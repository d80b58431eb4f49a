"""Time, as a task's runs see it; tests and previews bring their own."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

from anyio import sleep


class Clock(Protocol):
    """Two clocks: one that people read and may set, and one that only goes forward."""

    def now(self) -> datetime:
        """In UTC."""
        ...

    def elapsed_s(self) -> float:
        """Seconds since some moment."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after so long by the clock that only goes forward."""
        ...


class SystemClock:
    """The machine's."""

    def now(self) -> datetime:
        """See Clock."""
        return datetime.now(UTC)

    def elapsed_s(self) -> float:
        """See Clock."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """See Clock."""
        await sleep(max(0.0, seconds))


class JumpWatch:
    """Notices when the clock that people read was set, or the machine slept."""

    def __init__(self, clock: Clock, least: timedelta = timedelta(seconds=2)) -> None:
        self._clock = clock
        self._least = least
        self._now = clock.now()
        self._elapsed_s = clock.elapsed_s()

    def look(self) -> timedelta:
        """How far it jumped since the last look: below zero is back, zero is not worth a word."""
        now, elapsed_s = self._clock.now(), self._clock.elapsed_s()
        jump = (now - self._now) - timedelta(seconds=elapsed_s - self._elapsed_s)
        self._now, self._elapsed_s = now, elapsed_s
        return jump if abs(jump) >= self._least else timedelta()
