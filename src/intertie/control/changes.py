"""Look at changes, follow and abort them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from anyio.streams.memory import MemoryObjectReceiveStream

from intertie.control.actor import Actor
from intertie.event import ChangeProgressed, Event
from intertie.runtime.change import Change, ChangePage, Changes
from intertie.runtime.hub import EventHub


@dataclass(frozen=True, slots=True)
class ChangeControl:
    """What was asked for, and how it went."""

    changes: Changes
    hub: EventHub

    async def list(self, page: int, limit: int) -> ChangePage:
        """Newest first."""
        return await self.changes.list(page=page, limit=limit)

    async def get(self, id: str) -> Change:
        """One change. Raises NotFoundError."""
        return await self.changes.get(id)

    @asynccontextmanager
    async def watch(self, id: str) -> AsyncIterator[AsyncIterator[Change]]:
        """The change now and each time it progresses; ends with its final form."""
        async with self.hub.subscribe() as events:
            yield self._progress(id, events)

    async def _progress(
        self, id: str, events: MemoryObjectReceiveStream[Event]
    ) -> AsyncIterator[Change]:
        change = await self.changes.get(id)
        yield change
        while change.status == "doing":
            event = await events.receive()
            if event.type == ChangeProgressed.type and event.subject == id:
                change = await self.changes.get(id)
                yield change

    async def abort(self, actor: Actor, id: str) -> None:
        """Stop doing it; what was done stays done. Raises NotFoundError or ConflictError."""
        actor.require_write()
        await self.changes.abort(id, actor=actor.name)
