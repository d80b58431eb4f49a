"""The bus inside one process: for tests, and for suites that need nothing to outlive them."""

import heapq
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

from anyio import CancelScope, Event, current_time
from anyio.abc import TaskStatus

from intertie.bus.port import (
    PRIORITIES,
    Capabilities,
    DeadLetter,
    GroupStatus,
    Message,
    Subscription,
    Take,
)
from intertie.bus.topics import check_group, check_pattern, check_topic, matches
from intertie.suite.bus import QueueConfig

CAPABILITIES = Capabilities(
    durable=False,
    groups=True,
    ordered_by_key=True,
    priorities=True,
    deduplicates=True,
    counts_lag=True,
)
_KEPT = 10_000
"""Messages kept for groups that begin at the start, and ids kept to know doubles."""


@dataclass(slots=True)
class _Entry:
    """A message on its way to one group."""

    order: int
    message: Message
    tries: int = 0


@dataclass(slots=True)
class _Queue:
    """What waits for one group, or for one subscriber without a group."""

    pattern: str
    waiting: list[tuple[int, int, _Entry]] = field(default_factory=list)
    delayed: list[tuple[float, int, _Entry]] = field(default_factory=list)
    in_hand: dict[int, _Entry] = field(default_factory=dict)
    consumers: int = 0
    changed: Event = field(default_factory=Event)

    def put(self, entry: _Entry) -> None:
        """Behind those of the same priority that came earlier."""
        heapq.heappush(self.waiting, (PRIORITIES.index(entry.message.priority), entry.order, entry))
        self.wake()

    def put_later(self, entry: _Entry, at: float) -> None:
        heapq.heappush(self.delayed, (at, entry.order, entry))
        self.wake()

    def take(self, now: float) -> _Entry | None:
        """The next one, now in hand."""
        while self.delayed and self.delayed[0][0] <= now:
            self.put(heapq.heappop(self.delayed)[2])
        if not self.waiting:
            return None
        entry = heapq.heappop(self.waiting)[2]
        entry.tries += 1
        self.in_hand[entry.order] = entry
        return entry

    def wake(self) -> None:
        self.changed.set()
        self.changed = Event()

    async def wait(self) -> None:
        """Until something changes, or a delayed message is due."""
        with CancelScope() as scope:
            if self.delayed:
                scope.deadline = self.delayed[0][0]
            await self.changed.wait()


class MemoryBus:
    """See Bus."""

    capabilities = CAPABILITIES

    def __init__(self, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._count = count(1)
        self._kept: deque[Message] = deque(maxlen=_KEPT)
        self._ids: dict[tuple[str, str], None] = {}
        self._groups: dict[tuple[str, str], _Queue] = {}
        self._listeners: list[_Queue] = []
        self._dead: dict[str, dict[str, tuple[DeadLetter, str]]] = {}

    async def publish(self, message: Message) -> None:
        """See Bus."""
        check_topic(message.topic)
        known = (message.topic, message.id)
        if known in self._ids:
            return
        self._ids[known] = None
        if len(self._ids) > _KEPT:
            del self._ids[next(iter(self._ids))]
        self._kept.append(message)
        for queue in (*self._groups.values(), *self._listeners):
            if matches(queue.pattern, message.topic):
                queue.put(_Entry(next(self._count), message))

    async def consume(
        self, subscription: Subscription, take: Take, *, task_status: TaskStatus[None]
    ) -> None:
        """See Bus."""
        queue = self._queue(subscription)
        queue.consumers += 1
        mine: set[int] = set()
        try:
            task_status.started()
            while True:
                mine &= queue.in_hand.keys()
                full = len(mine) >= subscription.prefetch
                entry = None if full else queue.take(current_time())
                if entry is None:
                    await queue.wait()
                    continue
                mine.add(entry.order)
                if subscription.group is None:
                    del queue.in_hand[entry.order]
                await take(_Delivery(self, queue, entry, subscription.group))
        finally:
            queue.consumers -= 1
            if subscription.group is None:
                self._listeners.remove(queue)
            for order in mine & queue.in_hand.keys():
                queue.put(queue.in_hand.pop(order))

    async def dead_letters(
        self, group: str | None = None, *, limit: int = 100
    ) -> Sequence[DeadLetter]:
        """See Bus."""
        groups = sorted(self._dead) if group is None else [group]
        found = [each for name in groups for each, _ in self._dead.get(name, {}).values()]
        return sorted(found, key=lambda letter: letter.at)[:limit]

    async def replay(self, group: str, id: str) -> bool:
        """See Bus."""
        found = self._dead.get(group, {}).pop(id, None)
        if found is None:
            return False
        letter, pattern = found
        self._groups[group, pattern].put(_Entry(next(self._count), letter.message))
        return True

    async def drop(self, group: str, id: str) -> bool:
        """See Bus."""
        return self._dead.get(group, {}).pop(id, None) is not None

    async def groups(self) -> Sequence[GroupStatus]:
        """See Bus."""
        return [
            GroupStatus(
                group,
                pattern,
                lag=len(queue.waiting),
                pending=len(queue.in_hand) + len(queue.delayed),
                consumers=queue.consumers,
                dead=sum(1 for _, of in self._dead.get(group, {}).values() if of == pattern),
            )
            for (group, pattern), queue in sorted(self._groups.items())
        ]

    def bury(self, queue: _Queue, group: str, entry: _Entry, reason: str) -> None:
        """Keep it as a dead letter."""
        letter = DeadLetter(
            str(next(self._count)), group, entry.message, reason, entry.tries, self._now()
        )
        self._dead.setdefault(group, {})[letter.id] = (letter, queue.pattern)

    def _queue(self, subscription: Subscription) -> _Queue:
        pattern = check_pattern(subscription.pattern)
        if subscription.group is None:
            queue = _Queue(pattern)
            self._listeners.append(queue)
            return queue
        key = (check_group(subscription.group), pattern)
        if key not in self._groups:
            queue = self._groups[key] = _Queue(pattern)
            for message in self._kept if subscription.from_start else ():
                if matches(pattern, message.topic):
                    queue.put(_Entry(next(self._count), message))
        return self._groups[key]


class _Delivery:
    """See Delivery."""

    def __init__(self, bus: MemoryBus, queue: _Queue, entry: _Entry, group: str | None) -> None:
        self.message = entry.message
        self.tries = entry.tries
        self._bus = bus
        self._queue = queue
        self._entry = entry
        self._group = group

    async def ack(self) -> None:
        """See Delivery."""
        self._end()

    async def retry(self, after_s: float) -> None:
        """See Delivery."""
        if self._end() and self._group is not None:
            self._queue.put_later(self._entry, current_time() + after_s)

    async def bury(self, reason: str) -> None:
        """See Delivery."""
        if self._end() and self._group is not None:
            self._bus.bury(self._queue, self._group, self._entry, reason)

    def _end(self) -> bool:
        ours = self._queue.in_hand.pop(self._entry.order, None) is not None
        self._queue.wake()
        return ours


@asynccontextmanager
async def open_bus(_: QueueConfig) -> AsyncIterator[MemoryBus]:
    """A bus of its own: only who holds it is on it."""
    yield MemoryBus()
