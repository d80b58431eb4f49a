"""Drain: how much is under way, and whether a stop was asked for."""

from collections.abc import Iterator
from contextlib import contextmanager

from anyio import Event


class Drain:
    """Counts requests, handlers and workers; all calls come from the event loop's thread."""

    def __init__(self) -> None:
        self.under_way = 0
        self.stopping = False
        self.began = Event()
        """Set once a stop was asked for: what has no end by itself should end then."""
        self._changed = Event()

    def begin(self) -> None:
        """A stop was asked for; nothing new is begun from now on."""
        self.stopping = True
        self.began.set()

    def enter(self) -> None:
        """Something is under way; `leave` follows."""
        self.under_way += 1

    def leave(self) -> None:
        """It is done."""
        self.under_way -= 1
        if self.stopping:
            self._changed.set()

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Both, around a block."""
        self.enter()
        try:
            yield
        finally:
            self.leave()

    async def idle(self) -> None:
        """Wait, after `begin`, until nothing is under way."""
        while self.under_way:
            self._changed = Event()
            await self._changed.wait()
