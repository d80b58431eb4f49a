"""Announcements: events about assets, to those who listen here and to the bus.

What must not be missed is stored before it is sent, and removed when the bus has it: a pipeline or
a broker that dies in between does not lose it. Progress is sent once, when the bus is there.
"""

import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from anyio import Event as Bell
from anyio import sleep
from pydantic import ValidationError

from intertie.errors import BusError, BusUnavailableError, StoreError
from intertie.service import Event
from intertie.store import Page, Record, Records
from intertie_media.messages import KINDS, AssetEvent, Kind
from intertie_media.pipeline.event import Hub

log = logging.getLogger(__name__)

OUTBOX = "media-outbox"

_KINDS: dict[str, Kind] = {kind: kind for kind in KINDS}
_PASSING: Kind = "asset.progress"
_MOST_WAITING = 1_000
_REMEMBERED = 1_000
_AT_ONCE = 1_000
_PAUSE_S = 1.0


class Send(Protocol):
    """Publishes under the event's own id. Raises BusError."""

    def __call__(self, kind: Kind, event: AssetEvent, id: str, /) -> Awaitable[None]:
        """Return once the bus keeps it."""
        ...


@dataclass(frozen=True, slots=True)
class _Waiting:
    id: str
    kind: Kind
    event: AssetEvent


class Announcer:
    """`send` is None where there is no bus: then only this replica's listeners hear."""

    def __init__(
        self, hub: Hub, records: Records, *, send: Send | None, new_id: Callable[[], str]
    ) -> None:
        self._hub = hub
        self._records = records
        self._send = send
        self._new_id = new_id
        self._waiting: deque[_Waiting] = deque()
        self._bell = Bell()
        self._ours: dict[str, None] = {}

    async def publish(self, kind: Kind, event: AssetEvent) -> None:
        """Tell those who listen here at once, and all others soon."""
        self._hub.publish(kind, event)
        if self._send is None or (kind == _PASSING and len(self._waiting) >= _MOST_WAITING):
            return
        waiting = _Waiting(self._new_id(), kind, event)
        self._remember(waiting.id)
        if kind != _PASSING:
            document = {"kind": kind, "event": event.model_dump(mode="json")}
            await self._records.put(OUTBOX, waiting.id, document, expect=0)
        self._waiting.append(waiting)
        self._bell.set()

    async def hear(self, event: AssetEvent, envelope: Event) -> None:
        """One that came over the bus, maybe from another replica."""
        kind = _KINDS.get(envelope.type)
        if kind is not None and envelope.id not in self._ours:
            self._hub.publish(kind, event)

    async def run(self) -> None:
        """Send what waits until cancelled; first what an earlier run left."""
        if self._send is None:
            return
        self._waiting.extendleft(reversed(await self._left()))
        while True:
            while self._waiting:
                await self._tell(self._waiting.popleft(), self._send)
            self._bell = Bell()
            await self._bell.wait()

    async def _left(self) -> list[_Waiting]:
        """What an earlier run stored and did not send."""
        found: list[_Waiting] = []
        offset = 0
        while page := (await self._page(offset)).items:
            offset += len(page)
            found += [each for record in page if (each := self._stored(record)) is not None]
        return found

    async def _page(self, offset: int) -> Page:
        return await self._records.find(OUTBOX, newest_first=False, limit=_AT_ONCE, offset=offset)

    def _stored(self, record: Record) -> _Waiting | None:
        if record.id in self._ours:
            return None
        try:
            event = AssetEvent.model_validate(record.document["event"])
            return _Waiting(record.id, _KINDS[record.document["kind"]], event)
        except (KeyError, ValidationError) as exc:
            log.error("stored event passed over", extra={"id": record.id, "reason": repr(exc)})
            return None

    async def _tell(self, waiting: _Waiting, send: Send) -> None:
        while True:
            try:
                await send(waiting.kind, waiting.event, waiting.id)
            except BusUnavailableError as exc:
                if waiting.kind == _PASSING:
                    return
                log.warning("event waits for the bus", extra={"reason": str(exc)})
                await sleep(_PAUSE_S)
            except BusError as exc:
                log.error("event refused by the bus", extra={"reason": str(exc)})
                break
            else:
                break
        if waiting.kind != _PASSING:
            try:
                await self._records.delete(OUTBOX, waiting.id)
            except StoreError as exc:  # it is sent once more, under its id, by the next run
                log.error("sent event is still stored", extra={"reason": str(exc)})

    def _remember(self, id: str) -> None:
        self._ours[id] = None
        if len(self._ours) > _REMEMBERED:
            del self._ours[next(iter(self._ours))]
