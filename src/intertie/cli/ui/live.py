"""Keeps the UI told: reads what the daemon tells, and finds the daemon again when it was away."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

import anyio
from anyio import create_task_group, move_on_after, sleep

from intertie.api.models import ServiceView
from intertie.cli.ui.feed import Feed
from intertie.errors import DaemonError, IntertieError
from intertie.event import ChangeProgressed, Event
from intertie.runtime.change import Change
from intertie.runtime.explain import Explanation
from intertie.runtime.folder import Daemon, StateFolder
from intertie.runtime.logs import LogLine

FRAME_S = 0.25
"""Nothing is repainted more often."""
TAIL = 500

_IDLE_S = 1.0
_RETRY_S = 0.5
_SETTLE_S = 0.15
_MOST_WAITING = 3_000
_ENDED = "the daemon ended"

T = TypeVar("T")


class Watcher(Protocol):
    """Whom it tells; each call returns at once."""

    def connected(self, daemon: Daemon) -> None:
        """The daemon answers; everything shown before may be old."""
        ...

    def lost(self, why: str) -> None:
        """The daemon is gone; said again at each vain try to reach it."""
        ...

    def services_are(self, services: Sequence[ServiceView]) -> None:
        """All services as they are now."""
        ...

    def happened(self, events: Sequence[Event], left_out: int) -> None:
        """Events, each once, oldest first; before them, so many were left out."""
        ...

    def changes_are(self, changes: Sequence[Change]) -> None:
        """The latest changes, newest first."""
        ...

    def explained(self, explanation: Explanation | None) -> None:
        """Why the service looked at is where it is; None when it is gone."""
        ...

    def logs_begin(self, service: str) -> None:
        """The lines to come are those of this service, from its last ones on."""
        ...

    def logged(self, lines: Sequence[LogLine], left_out: int) -> None:
        """More lines of it; before them, so many were left out: nobody could read them."""
        ...


class Batch(Generic[T]):
    """Collects what comes one by one and hands it on at most once a frame.

    When more comes in a frame than can be waiting, the oldest are left out, and counted.
    """

    def __init__(self, hand_on: Callable[[Sequence[T], int], None]) -> None:
        self._hand_on = hand_on
        self._items: deque[T] = deque(maxlen=_MOST_WAITING)
        self._left_out = 0
        self._filled = anyio.Event()

    def add(self, item: T) -> None:
        """Hand it on with the next frame."""
        self._left_out += len(self._items) == self._items.maxlen
        self._items.append(item)
        self._filled.set()

    def drop(self) -> None:
        """Forget what was not handed on yet."""
        self._items.clear()
        self._left_out = 0

    async def run(self) -> None:
        """Hand on until cancelled."""
        while True:
            await self._filled.wait()
            self._filled = anyio.Event()
            items, left_out = tuple(self._items), self._left_out
            self.drop()
            if items:
                self._hand_on(items, left_out)
            await sleep(FRAME_S)


class Live:
    """One reader of the daemon's state, events and logs."""

    def __init__(self, folder: StateFolder, watcher: Watcher) -> None:
        self._folder = folder
        self._watcher = watcher
        self._service: str | None = None
        self._other_service = anyio.Event()
        self._nudge = anyio.Event()
        self._changes_are_old = True
        self._last_event: str | None = None
        self._events = Batch(watcher.happened)
        self._lines = Batch(watcher.logged)

    def look_at(self, service: str | None) -> None:
        """Tell the logs and the reasons of this service from now on."""
        if service != self._service:
            self._service = service
            self._other_service.set()
            self._nudge.set()

    async def run(self) -> None:
        """Read, and try again whenever the daemon is gone, until cancelled."""
        while True:
            why = _ENDED
            try:
                async with Feed.open(self._folder) as feed:
                    await self._read(feed)
            except* IntertieError as gone:
                why = str(_first(gone))
            self._watcher.lost(why)
            await sleep(_RETRY_S)

    async def _read(self, feed: Feed) -> None:
        """Until the daemon ends its stream of events."""
        self._watcher.connected(feed.daemon)
        self._changes_are_old = True
        async with create_task_group() as group:
            group.start_soon(self._poll, feed)
            group.start_soon(self._follow, feed)
            group.start_soon(self._events.run)
            group.start_soon(self._lines.run)
            async with feed.events(after=self._last_event) as events:
                async for event in events:
                    self._take(event)
            group.cancel_scope.cancel()

    def _take(self, event: Event) -> None:
        self._last_event = event.id
        self._events.add(event)
        self._changes_are_old |= event.type == ChangeProgressed.type
        self._nudge.set()

    async def _poll(self, feed: Feed) -> None:
        """The state as soon as an event says that it changed, and once in a while anyway."""
        while True:
            self._nudge = anyio.Event()
            self._watcher.services_are(await feed.services())
            if self._changes_are_old:
                self._changes_are_old = False
                self._watcher.changes_are(await feed.changes())
            if self._service is not None:
                self._watcher.explained(await feed.explain(self._service))
            await sleep(FRAME_S)
            with move_on_after(_IDLE_S):
                await self._nudge.wait()

    async def _follow(self, feed: Feed) -> None:
        """The logs of the service looked at; of the next one once the eye has settled on it."""
        while True:
            self._other_service = anyio.Event()
            async with create_task_group() as group:
                if self._service is not None:
                    group.start_soon(self._read_logs, feed, self._service)
                await self._other_service.wait()
                await sleep(_SETTLE_S)
                group.cancel_scope.cancel()

    async def _read_logs(self, feed: Feed, service: str) -> None:
        self._lines.drop()
        self._watcher.logs_begin(service)
        try:
            async with feed.logs(service, tail=TAIL) as lines:
                async for line in lines:
                    self._lines.add(line)
        except DaemonError:
            raise
        except IntertieError:
            return  # the service is gone from the suite; the next one looked at has logs again


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """One of the errors; each of them says that the daemon is gone."""
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner
