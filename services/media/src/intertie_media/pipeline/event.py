"""The hub that hands events about assets to whoever listens to this replica."""

import secrets
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from anyio import BrokenResourceError, ClosedResourceError, WouldBlock, create_memory_object_stream
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from intertie_media.messages import AssetEvent, Kind

_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class Sent:
    """An event on its way, with the id a listener can go on from."""

    id: str
    kind: Kind
    event: AssetEvent


class Hub:
    """Nobody can slow the publisher down: a listener that falls behind is cut off.

    Ids of an earlier run are never taken for ones of this run.
    """

    def __init__(self) -> None:
        self._run = secrets.token_hex(4)
        self._count = 0
        self._recent: deque[Sent] = deque(maxlen=_KEPT)
        self._listeners: set[MemoryObjectSendStream[Sent]] = set()

    def publish(self, kind: Kind, event: AssetEvent) -> None:
        """Hand it out at once."""
        self._count += 1
        sent = Sent(f"{self._run}-{self._count}", kind, event)
        self._recent.append(sent)
        for listener in tuple(self._listeners):
            try:
                listener.send_nowait(sent)
            except (WouldBlock, ClosedResourceError, BrokenResourceError):
                self._drop(listener)

    @asynccontextmanager
    async def listen(
        self, after: str | None = None
    ) -> AsyncIterator[MemoryObjectReceiveStream[Sent]]:
        """Events from now on, those missed since `after` first (all that are kept, if unknown)."""
        missed = self._since(after) if after is not None else []
        send, receive = create_memory_object_stream[Sent](_KEPT + len(missed))
        for sent in missed:
            send.send_nowait(sent)
        self._listeners.add(send)
        try:
            with receive:
                yield receive
        finally:
            self._drop(send)

    def close(self) -> None:
        """End every listener's stream."""
        for listener in tuple(self._listeners):
            self._drop(listener)

    def _since(self, after: str) -> list[Sent]:
        recent = list(self._recent)
        known = [position for position, sent in enumerate(recent) if sent.id == after]
        return recent[known[0] + 1 :] if known else recent

    def _drop(self, listener: MemoryObjectSendStream[Sent]) -> None:
        self._listeners.discard(listener)
        listener.close()
