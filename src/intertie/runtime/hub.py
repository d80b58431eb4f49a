"""EventHub: hands each event to every subscriber; nobody can slow the publisher down."""

import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import datetime

from anyio import (
    BrokenResourceError,
    ClosedResourceError,
    WouldBlock,
    create_memory_object_stream,
)
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from intertie.event import Event, Payload
from intertie.trace_context import current

_KEPT = 1_000


class EventHub:
    """Events of one daemon, in order. Used from the event loop's thread only.

    Ids are unique over daemons: an id of an earlier one is never taken for one of ours.
    """

    def __init__(
        self,
        source: str,
        *,
        now: Callable[[], datetime],
        kept: int = _KEPT,
        keep: Callable[[Event], bool] = lambda _: True,
    ) -> None:
        """`keep` stores an event before anybody hears of it; False: its id is known already."""
        self._source = source
        self._now = now
        self._kept = kept
        self._keep = keep
        self._recent: deque[Event] = deque(maxlen=kept)
        self._subscribers: set[MemoryObjectSendStream[Event]] = set()
        self._run = secrets.token_hex(4)
        self._published = 0

    def remember(self, events: Iterable[Event]) -> None:
        """Events of earlier daemons: readers who ask for recent ones get them too."""
        self._recent.extend(events)

    def publish(self, payload: Payload, subject: str, *, id: str | None = None) -> Event:
        """Hand the event out at once. A subscriber whose buffer is full is cut off.

        With an `id` of the caller's, an event that was published before is not published again.
        """
        self._published += 1
        context = current.get()
        event = Event(
            id=id or f"{self._run}-{self._published}",
            source=self._source,
            type=payload.type,
            subject=subject,
            time=self._now(),
            data=payload.model_dump(mode="json"),
            traceparent=None if context is None else context.traceparent,
        )
        if not self._keep(event):
            return event
        self._recent.append(event)
        for subscriber in tuple(self._subscribers):
            self._hand(subscriber, event)
        return event

    @asynccontextmanager
    async def subscribe(
        self, after: str | None = None
    ) -> AsyncIterator[MemoryObjectReceiveStream[Event]]:
        """Events from now on, or those after the one with id `after`.

        When `after` is no longer known, all events still kept come first. The stream ends by
        itself when this subscriber falls too far behind; it may then subscribe again.
        """
        missed = self._since(after) if after is not None else []
        send, receive = create_memory_object_stream[Event](self._kept + len(missed))
        for event in missed:
            send.send_nowait(event)
        self._subscribers.add(send)
        try:
            with receive:
                yield receive
        finally:
            self._drop(send)

    def _since(self, after: str) -> list[Event]:
        events = list(self._recent)
        known = [position for position, event in enumerate(events) if event.id == after]
        return events[known[0] + 1 :] if known else events

    def _hand(self, subscriber: MemoryObjectSendStream[Event], event: Event) -> None:
        try:
            subscriber.send_nowait(event)
        except (WouldBlock, ClosedResourceError, BrokenResourceError):
            self._drop(subscriber)

    def _drop(self, subscriber: MemoryObjectSendStream[Event]) -> None:
        self._subscribers.discard(subscriber)
        subscriber.close()
