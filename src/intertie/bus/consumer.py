"""Consumer: one subscription kept alive, with tries counted, for any adapter.

A handler that returns has dealt with the message. One that raises sees it again after a while,
until the tries are used up; then it is a dead letter. A message seen twice (a publish was repeated,
an ack got lost) is handled once, as far as this consumer remembers.
"""

import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Self
from zlib import crc32

from anyio import (
    TASK_STATUS_IGNORED,
    Semaphore,
    create_memory_object_stream,
    create_task_group,
    sleep,
)
from anyio.abc import TaskGroup, TaskStatus
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from intertie.bus.outcome import Reject, Retry
from intertie.bus.port import Bus, Delivery, Message, Subscription
from intertie.errors import BusUnavailableError

log = logging.getLogger(__name__)

_REMEMBERED = 10_000
_REASON = 2_000
_RECONNECT_S = (0.05, 5.0)

Handle = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Policy:
    """How often, and how soon, a message is tried again."""

    max_tries: int = 5
    base_s: float = 0.5
    cap_s: float = 60.0

    def wait_s(self, tries: int) -> float:
        """After `tries` failed ones: doubling, and up to a quarter less so that not all meet."""
        full = min(self.cap_s, self.base_s * 2.0 ** (tries - 1))
        return full * random.uniform(0.75, 1.0)  # noqa: S311 - not a secret


class Consumer:
    """One subscriber. With `concurrency` > 1, messages of one key still come one at a time."""

    def __init__(
        self,
        bus: Bus,
        subscription: Subscription,
        handle: Handle,
        *,
        policy: Policy | None = None,
        concurrency: int = 1,
    ) -> None:
        self._bus = bus
        self._subscription = subscription
        self._handle = handle
        self._policy = policy or Policy()
        self._concurrency = concurrency
        self._seen: dict[str, None] = {}
        self.connected = False
        """Whether messages come in just now."""

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """Handle messages until cancelled. Raises BusError when the subscription is impossible."""
        started = _Started(self, task_status)
        while True:
            try:
                await self._consume(started)
            except* BusUnavailableError as group:
                self.connected = False
                started.failures += 1
                if started.failures == 1:
                    log.warning("bus lost", extra={"reason": str(_first(group))})
            await sleep(_reconnect_s(started.failures))

    async def _consume(self, status: TaskStatus[None]) -> None:
        if self._concurrency == 1:
            await self._bus.consume(self._subscription, self._process, task_status=status)
            return
        lanes = _Lanes(self._concurrency, self._subscription.prefetch, self._process)
        with lanes:
            async with create_task_group() as group:
                lanes.open(group)
                await self._bus.consume(self._subscription, lanes.take, task_status=status)

    async def _process(self, delivery: Delivery) -> None:
        try:
            await self._end(delivery)
        except BusUnavailableError as exc:
            log.info("message will come again", extra={"reason": str(exc)})

    async def _end(self, delivery: Delivery) -> None:
        id = delivery.message.id
        if id in self._seen:
            await delivery.ack()
            return
        try:
            await self._handle(delivery.message)
        except Reject as exc:
            await delivery.bury(str(exc)[:_REASON])
        except Retry as exc:
            await self._again(delivery, exc.after_s, str(exc))
        except Exception as exc:  # the bus loop: whatever a handler raises is the message's fate
            log.warning(
                "handler failed",
                extra={"topic": delivery.message.topic, "id": id, "tries": delivery.tries},
                exc_info=exc,
            )
            reason = f"{type(exc).__name__}: {exc}"
            await self._again(delivery, self._policy.wait_s(delivery.tries), reason)
        else:
            self._remember(id)
            await delivery.ack()

    async def _again(self, delivery: Delivery, after_s: float, reason: str) -> None:
        if delivery.tries < self._policy.max_tries:
            await delivery.retry(after_s)
            return
        log.error(
            "message buried",
            extra={"topic": delivery.message.topic, "id": delivery.message.id, "reason": reason},
        )
        await delivery.bury(f"{reason} (after {delivery.tries} tries)"[:_REASON])

    def _remember(self, id: str) -> None:
        self._seen[id] = None
        if len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]


class _Started:
    """Tells the consumer each time that it is connected, and whoever waits for it once."""

    def __init__(self, consumer: Consumer, first: TaskStatus[None]) -> None:
        self._consumer = consumer
        self._first: TaskStatus[None] | None = first
        self.failures = 0
        """In a row."""

    def started(self, value: None = None) -> None:
        self._consumer.connected, self.failures = True, 0
        if self._first is not None:
            self._first.started(value)
            self._first = None


class _Lanes:
    """Handlers side by side; a key has a lane, messages without a key take turns."""

    def __init__(
        self, count: int, prefetch: int, process: Callable[[Delivery], Awaitable[None]]
    ) -> None:
        self._process = process
        self._free = Semaphore(max(count, prefetch))
        self._lanes: list[MemoryObjectSendStream[Delivery]] = []
        self._count = count
        self._room = max(count, prefetch)
        self._turn = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for lane in self._lanes:
            lane.close()

    def open(self, group: TaskGroup) -> None:
        """Start them."""
        for _ in range(self._count):
            send, receive = create_memory_object_stream[Delivery](self._room)
            self._lanes.append(send)
            group.start_soon(self._work, receive)

    async def take(self, delivery: Delivery) -> None:
        """Give it to its lane; waits while all hands are full."""
        await self._free.acquire()
        self._lanes[self._lane(delivery.message.key)].send_nowait(delivery)

    def _lane(self, key: str | None) -> int:
        if key is not None:
            return crc32(key.encode()) % self._count
        self._turn += 1
        idle = (n % self._count for n in range(self._turn, self._turn + self._count))
        return min(idle, key=lambda n: self._lanes[n].statistics().current_buffer_used)

    async def _work(self, receive: MemoryObjectReceiveStream[Delivery]) -> None:
        with receive:
            async for delivery in receive:
                try:
                    await self._process(delivery)
                finally:
                    self._free.release()


def _reconnect_s(failures: int) -> float:
    base, cap = _RECONNECT_S
    return min(cap, base * 2.0 ** min(failures, 10)) * random.uniform(0.75, 1.0)  # noqa: S311


def _first(group: BaseExceptionGroup[BusUnavailableError]) -> BaseException:
    exc: BaseException = group
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    return exc
