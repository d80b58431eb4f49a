"""One consumer: its queues at RabbitMQ, and the handing over of what comes from them."""

from collections.abc import Sequence
from functools import partial

from aiormq.abc import AbstractChannel, DeliveredMessage
from anyio import Event, create_task_group, current_time, move_on_after, sleep
from anyio.abc import TaskStatus
from pamqp.common import FieldTable

from intertie.bus import rabbitmq_names as names
from intertie.bus.port import PRIORITIES, Delivery, Priority, Subscription, Take
from intertie.bus.rabbitmq_delivery import Copies, HeardDelivery, QueueDelivery
from intertie.bus.rabbitmq_lane import Lane, turn
from intertie.bus.rabbitmq_link import Link
from intertie.errors import BusUnavailableError


class Consumer:
    """Of one subscription. `link` is its own: what it was sent and has not acked dies with that."""

    def __init__(
        self, subscription: Subscription, link: Link, *, copies: Copies, exchange: names.Names
    ) -> None:
        self.subscription = subscription
        self._link = link
        self._copies = copies
        self._exchange = exchange
        self._lanes: list[Lane] = []
        self._in_hand: set[QueueDelivery] = set()
        self._changed = Event()
        self._gone = Event()

    @property
    def in_hand(self) -> int:
        """Handed over, and not dealt with."""
        return len(self._in_hand)

    @property
    def buffered(self) -> int:
        """Sent by the broker, and not handed over."""
        return sum(len(lane.waiting) for lane in self._lanes)

    async def declare(self, group: str, limits: FieldTable) -> None:
        """Make the group's queues, unless they exist, and have its messages put there."""
        base = self._exchange.group(group, self.subscription.pattern)
        for priority in PRIORITIES:
            lane = self._lane(names.lane(base, priority), priority)
            count = await self._link.declare(lane.queue, {**names.QUORUM, **limits})
            lane.begin(count, current_time())
        await self._link.declare(names.dead(base), names.QUORUM)
        async with self._link.channel() as channel:
            await self._bind(channel)

    async def listen(self, channel: AbstractChannel, limits: FieldTable) -> None:
        """Make queues for a subscriber without a group, which are gone with the connection."""
        for priority in PRIORITIES:
            with self._link.bounded():
                made = await channel.queue_declare(exclusive=True, arguments=limits)
            self._lane(made.queue or "", priority)
        await self._bind(channel)

    async def run(
        self,
        channel: AbstractChannel,
        take: Take,
        *,
        lease_after_s: float,
        task_status: TaskStatus[None],
    ) -> None:
        """Consume on the channel, until cancelled or until it is closed."""
        closing = channel.closing
        closing.add_done_callback(lambda _: self._gone.set())
        channel.on_consumer_cancel_callbacks.add(lambda _: self._gone.set())
        with self._link.bounded():
            await channel.basic_qos(prefetch_count=self.subscription.prefetch)
            for lane in self._lanes:
                await channel.basic_consume(lane.queue, partial(self._arrived, lane))
        task_status.started()
        try:
            async with create_task_group() as tasks:
                tasks.start_soon(self._until_gone)
                tasks.start_soon(self._keep, lease_after_s)
                await self._hand_over(take)
        except BaseExceptionGroup as exc:
            raise _first(exc) from None

    async def release(self) -> None:
        """Have what is in hand delivered to somebody else, now that the channel is closed."""
        for delivery in tuple(self._in_hand):
            await delivery.release()

    def _lane(self, queue: str, priority: Priority) -> Lane:
        lane = Lane(queue, priority, self.subscription.prefetch)
        self._lanes.append(lane)
        return lane

    async def _bind(self, channel: AbstractChannel) -> None:
        for lane in self._lanes:
            source = self._exchange.topics(lane.priority)
            with self._link.bounded():
                await channel.exchange_declare(source, exchange_type="topic", durable=True)
                await channel.queue_bind(lane.queue, source, self.subscription.pattern)

    async def _arrived(self, lane: Lane, raw: DeliveredMessage) -> None:
        lane.arrived(raw)
        self._changed.set()

    async def _hand_over(self, take: Take) -> None:
        while True:
            lane, patience = self._turn()
            if lane is not None:
                await take(await self._delivery(lane))
                continue
            self._changed = Event()
            with move_on_after(patience):
                await self._changed.wait()

    def _turn(self) -> tuple[Lane | None, float | None]:
        if len(self._in_hand) >= self.subscription.prefetch:
            return None, None
        return turn(self._lanes, current_time())

    async def _delivery(self, lane: Lane) -> Delivery:
        raw = lane.waiting.popleft()
        group = self.subscription.group
        if group is None:
            await raw.channel.basic_ack(raw.delivery_tag or 0, wait=False)
            lane.ended(current_time())
            return HeardDelivery(raw, lane)
        delivery = QueueDelivery(
            raw,
            lane,
            group=self._exchange.group(group, self.subscription.pattern),
            copies=self._copies,
            ended=self._ended,
        )
        self._in_hand.add(delivery)
        return delivery

    def _ended(self, delivery: QueueDelivery) -> None:
        self._in_hand.discard(delivery)
        self._changed.set()

    async def _until_gone(self) -> None:
        await self._gone.wait()
        raise BusUnavailableError(
            f"cannot consume from the bus at {self._link.address}: the connection was lost"
        )

    async def _keep(self, longer_than_s: float) -> None:
        """See to it that nothing is in hand for longer than the broker bears."""
        while True:
            await sleep(longer_than_s / 4)
            async with create_task_group() as tasks:
                for delivery in tuple(self._in_hand):
                    tasks.start_soon(delivery.keep, longer_than_s)


def in_hand(consumers: Sequence[Consumer], group: str, pattern: str) -> tuple[int, int]:
    """What these members of the group have in hand, and what they will have next."""
    ours = [
        each
        for each in consumers
        if (each.subscription.group, each.subscription.pattern) == (group, pattern)
    ]
    return sum(each.in_hand for each in ours), sum(each.buffered for each in ours)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    exc: BaseException = group
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    return exc
