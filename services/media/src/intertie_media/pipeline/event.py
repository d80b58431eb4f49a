"""Events about assets, and the hub that hands them to whoever listens."""

import secrets
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from anyio import BrokenResourceError, ClosedResourceError, WouldBlock, create_memory_object_stream
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from intertie_media.documents import Asset, AssetId, Failure, Metadata, Model, Progress, UserId

Kind = Literal["asset.progress", "asset.viewable", "asset.processed", "asset.status"]

_KEPT = 1_000


class AssetEvent(Model):
    """What changed about an asset. `asset.processed` is the last one: ready, or failed."""

    asset_id: AssetId
    user_id: UserId
    status: str
    metadata: Metadata
    thumbnail_url: str | None
    streaming_url: str | None
    timestamp: datetime
    progress: Progress | None = None
    rungs: tuple[str, ...] = ()
    error: Failure | None = None

    @classmethod
    def of(cls, asset: Asset, at: datetime) -> "AssetEvent":
        """The state of `asset`."""
        return cls(
            asset_id=asset.id,
            user_id=asset.user_id,
            status=asset.status,
            metadata=asset.metadata,
            thumbnail_url=asset.thumbnail_url,
            streaming_url=asset.streaming_url,
            timestamp=at,
            progress=asset.progress,
            rungs=asset.rungs,
            error=asset.error,
        )


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
