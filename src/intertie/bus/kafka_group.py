"""One member of a consumer group."""

from collections.abc import Collection, Iterable
from time import time

from aiokafka import (  # type: ignore[import-untyped]
    ConsumerRebalanceListener,
    TopicPartition,
)
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]
from anyio import CancelScope, Event, create_task_group, current_time, move_on_after, sleep
from anyio.abc import TaskStatus

from intertie.bus.kafka_cluster import close
from intertie.bus.kafka_hands import Parcel
from intertie.bus.kafka_intake import Desk, Intake
from intertie.bus.kafka_link import GRACE_S
from intertie.bus.kafka_offsets import Offsets, Progress
from intertie.bus.kafka_records import Record, dead_headers, message_in, read, retry_headers
from intertie.bus.port import Subscription, Take
from intertie.errors import BusError, BusUnavailableError

_COMMIT_S = 0.2
_DRAIN_S = 1.0
_JOIN_S = 120.0
_REBALANCE_MS = 10_000
_SHORTEST_SESSION_S, _LONGEST_SESSION_S = 6.0, 300.0  # what brokers accept by default
_LEASE_SHARE = 5
_MOST_WAITING = 500


class Member(Intake):
    """Keeps count of what ended in each partition it has, and stores that regularly.

    With each change of members the library begins anew at what is stored. For a partition that
    stays here the count stays too, and says what is known already.
    """

    def __init__(self, desk: Desk, subscription: Subscription, take: Take) -> None:
        super().__init__(desk, subscription, take)
        group, pattern = subscription.group or "", subscription.pattern
        self.group_id = desk.names.group_id(group, pattern)
        self._retries = desk.names.side(group, pattern, "retry")
        self._dead = desk.names.side(group, pattern, "dead")
        self._marker = TopicPartition(self._retries, 0)
        self._offsets: dict[TopicPartition, Offsets] = {}
        self._moved = False
        self._steady = Event()
        self._steady_since = 0.0
        self._ended = False

    def progress(self) -> dict[TopicPartition, Progress]:
        """Of each partition it has now, newer than what is stored."""
        return {each: offsets.progress() for each, offsets in self._offsets.items()}

    async def _serve(self, task_status: TaskStatus[None]) -> None:
        await self._begin()
        session_s = self._subscription.lease_s / _LEASE_SHARE
        session_s = min(max(session_s, _SHORTEST_SESSION_S), _LONGEST_SESSION_S)
        self._consumer = self.consumer(
            group_id=self.group_id,
            session_timeout_ms=int(session_s * 1000),
            heartbeat_interval_ms=int(session_s * 250),
            rebalance_timeout_ms=_REBALANCE_MS,
            # A join is answered once all members have joined.
            request_timeout_ms=_REBALANCE_MS + int(self._desk.link.timeout_s * 1000),
        )
        self._consumer.subscribe([*self._topics, self._retries], listener=_Changes(self))
        self._open = True
        try:
            with self._desk.link.asking(f"join group {self.group_id}", _JOIN_S):
                await self._consumer.start()
            await self._settle()
            task_status.started()
            async with create_task_group() as tasks:
                tasks.start_soon(self._store_regularly)
                await self.pump(self._consumer)
        finally:
            await self._leave()

    async def _begin(self) -> None:
        """Its own topics exist, and a group that is new has its place."""
        for side in (self._retries, self._dead):
            await self._desk.cluster.ensure(side, partitions=1, compact=side == self._dead)
        if await self._desk.cluster.stored(self.group_id, [self._marker]):
            return
        skipped = frozenset[str]() if self._subscription.from_start else self._topics
        partitions = await self._desk.cluster.partitions(skipped)
        await self._desk.cluster.pin(self.group_id, self._marker, partitions)

    async def _leave(self) -> None:
        with CancelScope(shield=True):
            self._ended = True
            with move_on_after(GRACE_S):
                await self._store()
            await close(self._consumer)

    async def _follow(self, topics: frozenset[str]) -> bool:
        if not self._open:
            return True
        # The library's reader fails when this comes between an assignment and its next turn.
        if not self._steady.is_set() or current_time() < self._steady_since + _COMMIT_S:
            return False
        await self._store()  # with the new subscription nothing is assigned for a while
        if self._steady.is_set():
            self._consumer.subscribe([*topics, self._retries], listener=_Changes(self))
        return self._steady.is_set()

    async def revoked(self, partitions: Collection[TopicPartition]) -> None:
        """The group is about to change: what is in hand has a moment to end."""
        self._steady = Event()
        if partitions:
            with move_on_after(_DRAIN_S):
                await self._hands.empty()
            await self._store()

    def assigned(self) -> None:
        """The group has changed."""
        self._moved = True
        self._steady_since = current_time()
        self._steady.set()

    async def _settle(self) -> None:
        """The counts are those of the partitions that are here now."""
        await self._steady.wait()
        while self._moved:
            self._moved = False
            assigned = self._consumer.assignment()
            stored = await self._desk.cluster.stored(self.group_id, assigned)
            kept = {each: self._kept(each, stored.get(each, Progress(0, 0))) for each in assigned}
            for offsets in self._offsets.values():
                offsets.current = False
            for offsets in kept.values():
                offsets.current = True
            self._offsets = kept
            await self._steady.wait()

    def _kept(self, partition: TopicPartition, stored: Progress) -> Offsets:
        known = self._offsets.get(partition)
        return known if known and known.stored_point == stored.point else Offsets(stored)

    async def _accept(self, records: Iterable[tuple[TopicPartition, Record]]) -> None:
        for partition, record in records:
            if len(self._waiting):
                await self.offer_due()
            await self._ready()
            offsets = self._offsets.get(partition)
            if offsets is None or not offsets.take(record.offset):
                continue
            topic = self.topic_of(partition)
            if topic is None:
                self._keep(record, offsets)
                continue
            message = message_in(record, topic)
            self._hands.take()
            await self._take(Parcel(self, message, 1, offsets=offsets, offset=record.offset))

    def _keep(self, record: Record, offsets: Offsets) -> None:
        held = read(record)
        parcel = Parcel(self, held.message, held.tries, offsets=offsets, offset=record.offset)
        self._waiting.put(parcel, held.due_at)

    async def _offer(self, parcel: Parcel) -> None:
        await self._ready()
        if parcel.offsets.current:
            self._hands.take()
            await self._take(parcel)

    async def _ready(self) -> None:
        """Return when one more may be taken, and it is known of which partitions."""
        if self._hands.full:
            await self._hands.room()
        if self._moved or not self._steady.is_set():
            await self._settle()

    async def ack(self, parcel: Parcel) -> None:
        """Ends it; the broker is told a moment later, of many at once."""
        self._check(parcel, "ack")
        self._end(parcel)

    async def retry(self, parcel: Parcel, after_s: float) -> None:
        """Ends it once it lies among those that come again."""
        self._check(parcel, "retry")
        headers = retry_headers(
            parcel.message, tries=parcel.tries + 1, due_at=time() + max(0.0, after_s)
        )
        key = None if parcel.message.key is None else parcel.message.key.encode()
        await self._move(parcel, self._retries, key=key, headers=headers)

    async def bury(self, parcel: Parcel, reason: str) -> None:
        """Ends it once it lies among the dead letters."""
        self._check(parcel, "bury")
        headers = dead_headers(parcel.message, tries=parcel.tries, reason=reason)
        await self._move(parcel, self._dead, key=parcel.message.id.encode(), headers=headers)

    async def _move(
        self, parcel: Parcel, topic: str, *, key: bytes | None, headers: list[tuple[str, bytes]]
    ) -> None:
        try:
            await self._desk.producer.send(topic, parcel.message.body, key=key, headers=headers)
        except BusError as exc:
            self.fail(exc)  # it comes again only when the group begins anew
            raise
        self._end(parcel)

    def _end(self, parcel: Parcel) -> None:
        parcel.offsets.end(parcel.offset)
        self._hands.let_go()

    def _check(self, parcel: Parcel, what: str) -> None:
        if self._ended or not parcel.offsets.current:
            self._hands.let_go()
            raise BusUnavailableError(
                f"cannot {what} message {parcel.message.id}: it is not this consumer's any more,"
                f" and comes again to another one of {self.group_id}"
            )

    async def _store_regularly(self) -> None:
        while True:
            await sleep(_COMMIT_S)
            await self._store()
            self._throttle()

    def _throttle(self) -> None:
        """Bounds how many wait for their time in memory."""
        if self._marker not in self._consumer.assignment():
            return
        if len(self._waiting) >= _MOST_WAITING:
            self._consumer.pause(self._marker)
        elif self._marker in self._consumer.paused():
            self._consumer.resume(self._marker)

    async def _store(self) -> None:
        """What cannot be stored now is stored the next time, or was never ours to store."""
        assigned = self._consumer.assignment()
        changes = [
            (each, offsets, now)
            for each, offsets in self._offsets.items()
            if each in assigned and (now := offsets.unstored()) is not None
        ]
        if not changes:
            return
        with move_on_after(self._desk.link.timeout_s):
            try:
                await self._consumer.commit(
                    {each: (now.point, now.text) for each, _, now in changes}
                )
            except KafkaError:
                return
            for _, offsets, now in changes:
                offsets.stored(now)


class _Changes(ConsumerRebalanceListener):  # type: ignore[misc]  # the library is untyped
    """What the library tells of the group."""

    def __init__(self, member: Member) -> None:
        self._member = member

    async def on_partitions_revoked(  # pyright: ignore[reportIncompatibleMethodOverride] # it may
        self, revoked: Collection[TopicPartition]
    ) -> None:
        await self._member.revoked(revoked)

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        del assigned
        self._member.assigned()
