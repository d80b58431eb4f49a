"""Read events."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from anyio.streams.memory import MemoryObjectReceiveStream

from intertie.event import Event
from intertie.runtime.hub import EventHub

_FROM_THE_FIRST = ""


@dataclass(frozen=True, slots=True)
class EventControl:
    """The daemon's recent events, and those to come."""

    hub: EventHub

    @asynccontextmanager
    async def read(self, *, after: str | None, follow: bool) -> AsyncIterator[AsyncIterator[Event]]:
        """Events after the one with id `after`, or all that are kept; then, to `follow`, new ones.

        The stream ends when the reader falls too far behind.
        """
        async with self.hub.subscribe(after or _FROM_THE_FIRST) as events:
            yield events if follow else _present(events)


async def _present(events: MemoryObjectReceiveStream[Event]) -> AsyncIterator[Event]:
    for _ in range(events.statistics().current_buffer_used):
        yield await events.receive()
