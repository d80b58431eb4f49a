"""Consumer: one subscription kept alive, with tries counted, for any adapter.

A handler that returns has dealt with the message. One that raises sees it again after a while,
until the tries are used up; then it is a dead letter. A message seen twice (a publish was repeated,
an ack got lost) is handled once, as far as this consumer remembers.
"""

import asyncio
import logging
import math
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from anyio import TASK_STATUS_IGNORED, create_task_group, sleep
from anyio.abc import TaskStatus

from intertie.bus.lanes import Lanes
from intertie.bus.outcome import Reject, Retry
from intertie.bus.port import Bus, Delivery, Message, Subscription
from intertie.errors import BusError, BusUnavailableError

log = logging.getLogger(__name__)

_REMEMBERED = 10_000
_REASON = 2_000
_RECONNECT_S = (0.05, 5.0)
_LONGEST_WAIT_S = 30 * 86400.0

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
        self._seen: dict[tuple[str, str], None] = {}
        self.connected = False
        """Whether messages come in just now."""
        self.reason = "not connected yet"
        """Why not, while they do not."""

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """Handle messages until cancelled. Raises BusError when the subscription is impossible."""
        started = _Started(self, task_status)
        while True:
            try:
                await self._consume(started)
            except* BusUnavailableError as group:
                self.connected = False
                started.failures += 1
                self.reason = str(_first(group))
                if started.failures == 1:
                    log.warning("bus lost", extra={"reason": self.reason})
            await sleep(_reconnect_s(started.failures))

    async def _consume(self, status: TaskStatus[None]) -> None:
        if self._concurrency == 1:
            await self._bus.consume(self._subscription, self._process, task_status=status)
            return
        lanes = Lanes(self._concurrency, self._subscription.prefetch, self._process)
        async with create_task_group() as group:
            lanes.open(group)
            await self._bus.consume(self._subscription, lanes.take, task_status=status)

    async def _process(self, delivery: Delivery) -> None:
        try:
            await self._end(delivery)
        except BusUnavailableError as exc:
            log.info("message will come again", extra={"reason": str(exc)})
        except BusError as exc:
            # Its lease runs out: one message is no reason to handle none.
            topic, id = delivery.message.topic, delivery.message.id
            log.error("message stuck", extra={"topic": topic, "id": id, "reason": str(exc)})

    async def _end(self, delivery: Delivery) -> None:
        message = delivery.message
        if (message.topic, message.id) in self._seen:
            await delivery.ack()
            return
        try:
            await self._guarded(message)
        except Reject as exc:
            await delivery.bury(_told(exc))
        except Retry as exc:
            await self._again(delivery, _some_time(exc.after_s), _told(exc))
        except Exception as exc:  # the bus loop: whatever a handler raises is the message's fate
            log.warning(
                "handler failed",
                extra={"topic": message.topic, "id": message.id, "tries": delivery.tries},
                exc_info=exc,
            )
            reason = f"{type(exc).__name__}: {_told(exc)}"
            await self._again(delivery, self._policy.wait_s(delivery.tries), reason)
        else:
            self._remember(message)
            await delivery.ack()

    async def _guarded(self, message: Message) -> None:
        """A handler cancelled from within has failed: unlike one that ends because we end."""
        try:
            await self._handle(message)
        except asyncio.CancelledError as exc:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise RuntimeError("something it waited for was cancelled") from exc

    async def _again(self, delivery: Delivery, after_s: float, reason: str) -> None:
        if delivery.tries < self._policy.max_tries:
            await delivery.retry(after_s)
            return
        log.error(
            "message buried",
            extra={"topic": delivery.message.topic, "id": delivery.message.id, "reason": reason},
        )
        await delivery.bury(f"{reason} (after {delivery.tries} tries)"[:_REASON])

    def _remember(self, message: Message) -> None:
        self._seen[message.topic, message.id] = None
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


def _told(exc: Exception) -> str:
    """What it says, as every broker takes it: an exception may say anything, or fail to."""
    try:
        said = str(exc)
    except Exception as other:  # the bus loop: as above
        said = f"(says nothing: {type(other).__name__})"
    return said[:_REASON].encode(errors="backslashreplace").decode()


def _some_time(after_s: float) -> float:
    return min(max(after_s, 0.0), _LONGEST_WAIT_S) if not math.isnan(after_s) else 0.0


def _reconnect_s(failures: int) -> float:
    base, cap = _RECONNECT_S
    return min(cap, base * 2.0 ** min(failures, 10)) * random.uniform(0.75, 1.0)  # noqa: S311


def _first(group: BaseExceptionGroup[BusUnavailableError]) -> BaseException:
    exc: BaseException = group
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    return exc
