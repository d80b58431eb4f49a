"""A message in the hands of a consumer, however long its handler takes.

RabbitMQ closes the channel of a consumer that has not acked within 30 minutes, and knows that limit
only for the broker as a whole. What is in hand for longer than `LEASE_AFTER_S` is therefore put as
a copy into a queue of its own, from which it comes back to the group unless it is put off again in
time; the original is acked.
"""

from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from secrets import token_hex

from aiormq.abc import AbstractChannel, DeliveredMessage
from aiormq.exceptions import AMQPError
from anyio import CancelScope, Lock, current_time, move_on_after

from intertie.bus import rabbitmq_names as names
from intertie.bus.port import Message
from intertie.bus.rabbitmq_lane import Lane
from intertie.bus.rabbitmq_link import Link
from intertie.errors import BusError, BusUnavailableError

LEASE_AFTER_S = 600.0

_RELEASE_S = 3.0
_DECLARED_S = 60.0  # how long it is taken to be there


class Copies:
    """Copies of messages that go to a queue directly: to wait, to be kept, to be dead letters.

    Each call returns when the broker has confirmed the copy; only then is the original acked.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._waits: dict[str, dict[str, float]] = {}

    def waits(self, queue: str) -> Iterable[str]:
        """The queues in which messages of `queue` may wait, as far as this connection knows."""
        return tuple(self._waits.get(queue, ()))

    async def again(self, message: Message, tries: int, queue: str) -> None:
        """To the end of the queue."""
        await self._put(message, queue, tries=tries)

    async def later(self, message: Message, tries: int, queue: str, *, after_s: float) -> None:
        """To the queue after so long, or a little later."""
        ms = names.rounded_ms(after_s)
        wait = names.waiting(queue, ms)
        known = self._waits.setdefault(queue, {})
        if known.get(wait, 0.0) < current_time():
            await self._link.declare(wait, names.going_back(queue, after_ms=ms))
            await self._link.settled()
            known[wait] = current_time() + _DECLARED_S
        try:
            await self._put(message, wait, tries=tries)
        except BaseException:
            known[wait] = 0.0
            raise

    async def bury(self, message: Message, tries: int, group: str, *, reason: str) -> None:
        """Among the group's dead letters."""
        await self._put(
            message,
            names.dead(group),
            tries=tries,
            reason=reason,
            dead=f"{message.id}-{token_hex(4)}",
            at=datetime.now(UTC).isoformat(),
        )

    async def lease(self, message: Message, tries: int, queue: str, *, for_s: float) -> str:
        """Into a queue of its own, from which it goes to `queue` after so long; that one's name."""
        name = names.lease(queue)
        ms = max(1, round(for_s * 1000))
        await self._link.declare(name, names.going_back(queue, after_ms=ms))
        await self._put(message, name, tries=tries)
        await self._link.settled()
        return name

    async def forget(self, lease: str) -> None:
        """Take the copy out of the world, wherever it is not on its way yet."""
        await self._link.remove(lease)

    async def _put(self, message: Message, queue: str, *, tries: int, **more: str) -> None:
        properties = names.copied(message, tries=tries, **more)
        await self._link.send(message.body, properties, key=queue, mandatory=True)


class QueueDelivery:
    """See Delivery."""

    def __init__(
        self,
        raw: DeliveredMessage,
        lane: Lane,
        *,
        group: str,
        copies: Copies,
        ended: Callable[["QueueDelivery"], None],
    ) -> None:
        """`group` begins the names of its queues; `ended` hears when it is not in hand any more."""
        self.message = names.read(raw, lane.priority)
        self.tries = names.tries(raw)
        self._channel: AbstractChannel = raw.channel
        self._tag = raw.delivery_tag or 0
        self._lane = lane
        self._group = group
        self._copies = copies
        self._ended = ended
        self._since = current_time()
        self._lease: str | None = None
        self._leasing: Lock | None = None
        self._over = False

    async def ack(self) -> None:
        """See Delivery."""
        await self._settle()

    async def retry(self, after_s: float) -> None:
        """See Delivery. At once means: in its old place."""
        if after_s > 0:
            later = self._copies.later(
                self.message, self.tries + 1, self._lane.queue, after_s=after_s
            )
            await self._copied(later)
        elif self._leasing is not None:
            await self._copied(self._copies.again(self.message, self.tries + 1, self._lane.queue))
        await self._settle(requeue=after_s <= 0)

    async def bury(self, reason: str) -> None:
        """See Delivery."""
        await self._copied(self._copies.bury(self.message, self.tries, self._group, reason=reason))
        await self._settle()

    async def keep(self, longer_than_s: float) -> None:
        """Put it off anew when it is in hand for so long."""
        if self._over or current_time() - self._since < longer_than_s:
            return
        self._leasing = self._leasing or Lock()
        async with self._leasing:
            if self._over:
                return
            fresh = await self._copies.lease(
                self.message, self.tries + 1, self._lane.queue, for_s=2 * longer_than_s
            )
            old, self._lease = self._lease, fresh
            self._since = current_time()
            if old is None:
                await self._answer()
            else:
                await self._copies.forget(old)

    async def release(self) -> None:
        """Back to the group, as its consumer is going; what was not put off goes back by itself."""
        if self._lease is None or self._over:
            return
        # Where this fails, it comes back when its time is up.
        with CancelScope(shield=True), move_on_after(_RELEASE_S), suppress(BusError):
            await self.retry(0.0)

    async def _copied(self, copying: Awaitable[None]) -> None:
        """When there can be no copy, the message itself goes back."""
        try:
            await copying
        except BusError:
            if self._leasing is None:
                await self._answer(requeue=True)
            self._end()
            raise

    async def _settle(self, *, requeue: bool = False) -> None:
        """The broker need not keep it any longer for this consumer."""
        try:
            if self._leasing is None:
                await self._answer(requeue=requeue)
                return
            async with self._leasing:
                if self._over:
                    return
                if self._lease is not None:
                    await self._copies.forget(self._lease)
                else:
                    await self._answer()
        finally:
            self._end()

    async def _answer(self, *, requeue: bool = False) -> None:
        """Ack the original, or have it delivered again."""
        try:
            if requeue:
                await self._channel.basic_nack(self._tag, requeue=True, wait=False)
            else:
                await self._channel.basic_ack(self._tag, wait=False)
        except (AMQPError, RuntimeError, OSError) as exc:  # RuntimeError: the channel is closed
            raise BusUnavailableError(
                f"cannot settle message {self.message.id}: the connection it came by is closed; it"
                " will be delivered again"
            ) from exc
        self._lane.ended(current_time())

    def _end(self) -> None:
        self._over = True
        self._ended(self)


class HeardDelivery:
    """One for a subscriber without a group: nothing is kept, so there is nothing to end."""

    def __init__(self, raw: DeliveredMessage, lane: Lane) -> None:
        self.message = names.read(raw, lane.priority)
        self.tries = 1

    async def ack(self) -> None:
        """See Delivery."""

    async def retry(self, after_s: float) -> None:
        """See Delivery."""

    async def bury(self, reason: str) -> None:
        """See Delivery."""
