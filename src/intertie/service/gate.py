"""A bus that stops handing out messages when the service is to end.

The consumer above it can only be cancelled, which would also cut off the handlers under way and
the acks of those just done. Here a message is handed out only while nothing is stopping, and its
ack counts as something under way.
"""

from collections.abc import Sequence

from anyio import sleep_forever
from anyio.abc import TaskStatus

from intertie.bus.port import (
    Bus,
    Capabilities,
    DeadLetter,
    Delivery,
    GroupStatus,
    Message,
    Subscription,
    Take,
)
from intertie.service.drain import Drain


class GatedBus:
    """The port's Bus, on top of another one."""

    def __init__(self, bus: Bus, drain: Drain) -> None:
        self._bus = bus
        self._drain = drain

    @property
    def capabilities(self) -> Capabilities:
        """See Bus."""
        return self._bus.capabilities

    async def publish(self, message: Message) -> None:
        """See Bus."""
        await self._bus.publish(message)

    async def consume(
        self, subscription: Subscription, take: Take, *, task_status: TaskStatus[None]
    ) -> None:
        """See Bus."""

        async def guarded(delivery: Delivery) -> None:
            if self._drain.stopping:
                await sleep_forever()
            await take(_Counted(delivery, self._drain))

        await self._bus.consume(subscription, guarded, task_status=task_status)

    async def dead_letters(
        self, group: str | None = None, *, limit: int = 100
    ) -> Sequence[DeadLetter]:
        """See Bus."""
        return await self._bus.dead_letters(group, limit=limit)

    async def replay(self, group: str, id: str) -> bool:
        """See Bus."""
        return await self._bus.replay(group, id)

    async def drop(self, group: str, id: str) -> bool:
        """See Bus."""
        return await self._bus.drop(group, id)

    async def groups(self) -> Sequence[GroupStatus]:
        """See Bus."""
        return await self._bus.groups()


class _Counted:
    """A delivery whose end is something under way: it follows its handler's end without a break."""

    def __init__(self, delivery: Delivery, drain: Drain) -> None:
        self._delivery = delivery
        self._drain = drain
        self.message = delivery.message
        self.tries = delivery.tries

    async def ack(self) -> None:
        with self._drain.busy():
            await self._delivery.ack()

    async def retry(self, after_s: float) -> None:
        with self._drain.busy():
            await self._delivery.retry(after_s)

    async def bury(self, reason: str) -> None:
        with self._drain.busy():
            await self._delivery.bury(reason)
