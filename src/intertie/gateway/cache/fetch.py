"""One answer on its way from the origin to all who wait for it, and into the store."""

from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from anyio import CancelScope, Event

from intertie.gateway.cache.message import Answer, Request
from intertie.gateway.cache.origin import OriginError
from intertie.gateway.cache.policy import Rule, Terms
from intertie.gateway.cache.store import Address, Kept

_WINDOW: Final = 256 * 1024
"""Bytes that the fastest reader may be ahead of the slowest, of what is not kept."""


class Body(Protocol):
    """Of a request, as it comes."""

    def chunks(self) -> AsyncIterator[bytes]:
        """Raises ConnectionError when the client goes away before its end."""
        ...


@dataclass(frozen=True, slots=True)
class Ask:
    """What is wanted, and by whom."""

    request: Request
    address: Address
    partition: bytes
    terms: Terms | None
    """None where nothing may be kept."""
    body: Body | None = None
    kept: Kept | None = None
    """A stored answer to be validated."""
    why: str = "uri-miss"
    """As Cache-Status puts it (RFC 9211 §2.2)."""
    is_personal: bool = True
    """It came with credentials."""
    may_share: bool = False
    """Others that ask the same may wait for this answer."""


@dataclass(slots=True, eq=False)
class Reader:
    """How far one client has come."""

    place: int = 0


@dataclass(slots=True, eq=False)
class Fetch:
    """The answer, and who reads it. Bytes that all have read go, unless they are to be kept."""

    ask: Ask
    answer: Answer | None = None
    kept: Kept | None = None
    """A stored answer that is to be used: validated, or in place of a failing origin."""
    refused: Rule | None = None
    """Why it is not kept."""
    note: str = ""
    """For Cache-Status."""
    error: OriginError | None = None
    complete: bool = False
    keeping: bool = False
    """Its bytes are for the store, so somebody may still join from the start."""
    doomed: bool = False
    """Its address was purged or changed since it was asked for."""
    is_local: bool = False
    """What comes is not passed on: `kept` is."""
    size: int = 0
    reserved: int = 0
    """Bytes the store holds for it."""
    scope: CancelScope = field(default_factory=CancelScope)
    early: list[Callable[[Answer], None]] = field(default_factory=list)
    _chunks: deque[bytes] = field(default_factory=deque)
    _first: int = 0
    _buffered: int = 0
    _known: Event = field(default_factory=Event)
    _moved: Event = field(default_factory=Event)
    _readers: set[Reader] = field(default_factory=set)

    @property
    def is_known(self) -> bool:
        """Whether there is a head, a stored answer or an error."""
        return self._known.is_set()

    def know(self) -> None:
        """Tell all who wait for the head."""
        self._known.set()
        self._wake()

    async def known(self) -> None:
        """Wait for the head; raises OriginError when none comes."""
        await self._known.wait()
        if self.error is not None and self.answer is None and self.kept is None:
            raise self.error

    def must_have(self) -> Answer:
        """The head, once it is known."""
        if self.answer is None:
            raise OriginError("the origin's answer was lost")
        return self.answer

    def abandon_if_alone(self) -> None:
        """Nobody is left, and it is for nobody: the origin need not go on."""
        if self._readers or self.complete:
            return
        if not (self.keeping and self.is_known):
            self.scope.cancel()

    def feed(self, chunk: bytes) -> None:
        """More of it."""
        self._chunks.append(chunk)
        self._buffered += len(chunk)
        self.size += len(chunk)
        self._wake()

    def finish(self, error: OriginError | None = None) -> None:
        """There is no more of it."""
        self.complete = error is None
        self.error = error
        self.know()

    def _wake(self) -> None:
        moved, self._moved = self._moved, Event()
        moved.set()

    def drop_read(self) -> None:
        """What all have read is not needed, unless it is kept or somebody may still join."""
        if self.keeping:
            return
        slowest = min((each.place for each in self._readers), default=self._first)
        while self._first < slowest:
            self._buffered -= len(self._chunks.popleft())
            self._first += 1
        self._wake()

    async def room(self) -> None:
        """Wait until the slowest reader is near enough."""
        while not self.keeping and self._buffered > _WINDOW:
            await self._moved.wait()

    def content(self) -> bytes:
        """All of it."""
        return b"".join(self._chunks)

    def join(self) -> Reader:
        """From the start: before the head is known, or while `keeping`."""
        reader = Reader()
        self._readers.add(reader)
        return reader

    def leave(self, reader: Reader) -> None:
        """Read no more."""
        self._readers.discard(reader)
        self.drop_read()
        self.abandon_if_alone()

    async def chunks(self, reader: Reader) -> AsyncIterator[bytes]:
        """From where the reader is. Raises OriginError when the rest does not come."""
        while True:
            while reader.place - self._first < len(self._chunks):
                chunk = self._chunks[reader.place - self._first]
                reader.place += 1
                self.drop_read()
                yield chunk
            if self.complete:
                return
            if self.error is not None:
                raise self.error
            await self._moved.wait()
