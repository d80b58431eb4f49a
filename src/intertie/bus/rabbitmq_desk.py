"""Where people look after RabbitMQ's groups and dead letters, one at a time.

AMQP can neither list queues nor read a message without taking it. The groups are therefore kept in
a message of their own, and whoever takes messages to look at them owns an exclusive queue
meanwhile: nobody else sees a queue that only seems to be empty.
"""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from aiormq.abc import AbstractChannel, DeliveredMessage
from aiormq.exceptions import ChannelLockedResource
from anyio import CancelScope, Lock, fail_after, sleep
from pamqp.commands import Basic

from intertie.bus import rabbitmq_names as names
from intertie.bus.port import PRIORITIES, DeadLetter
from intertie.bus.rabbitmq_delivery import Copies
from intertie.bus.rabbitmq_link import Link, ignored
from intertie.errors import BusError, BusUnavailableError

_EVERYTHING = 1_000_000
_PAUSE_S = 0.02

Known = frozenset[tuple[str, str]]
"""Groups, by name and pattern."""


class Desk:
    """On one connection."""

    def __init__(self, exchange: names.Names, link: Link, copies: Copies) -> None:
        self._exchange = exchange
        self._link = link
        self._copies = copies
        self._mine = Lock()

    async def register(self, group: str, pattern: str) -> None:
        """Have it among the groups."""
        async with self._alone() as channel:
            known, records = await self._registry(channel)
            if (group, pattern) in known:
                return
            body = json.dumps(sorted(known | {(group, pattern)})).encode()
            kept = Basic.Properties(delivery_mode=2, content_type="application/json")
            await self._link.send(body, kept, key=self._exchange.registry, mandatory=True)
            for record in records:
                await self._take(channel, record)

    async def groups(self) -> Known:
        """All that were ever registered."""
        async with self._alone() as channel:
            return (await self._registry(channel))[0]

    async def letters(self, group: str | None, limit: int) -> Sequence[DeadLetter]:
        """Oldest first."""
        found: list[DeadLetter] = []
        async with self._alone() as channel:
            known, _ = await self._registry(channel)
            for name, pattern in sorted(known):
                if group in {None, name}:
                    raws = await self._browse(channel, self._dead(name, pattern), limit)
                    found.extend(_letter(name, raw) for raw in raws)
        return sorted(found, key=lambda letter: letter.at)[:limit]

    async def remove(self, group: str, id: str, *, replay: bool) -> bool:
        """Take the dead letter away, after it went to its group again; whether there was one."""
        async with self._alone() as channel:
            known, _ = await self._registry(channel)
            for name, pattern in sorted(known):
                if name != group:
                    continue
                queue = self._dead(name, pattern)
                for raw in await self._browse(channel, queue, _EVERYTHING):
                    if names.text(raw, "dead") == id:
                        if replay:
                            await self._replay(raw, self._exchange.group(name, pattern))
                        await self._take(channel, raw)
                        return True
        return False

    async def lag(self, group: str, pattern: str) -> tuple[int, int, int]:
        """What waits for the group, how many members it has, how many dead letters."""
        base = self._exchange.group(group, pattern)
        lanes = [await self._count(names.lane(base, priority)) for priority in PRIORITIES]
        dead, _ = await self._count(names.dead(base))
        return sum(count for count, _ in lanes), max(members for _, members in lanes), dead

    async def waiting(self, group: str, pattern: str) -> int:
        """Retries that wait for their time, of those that this connection made."""
        base = self._exchange.group(group, pattern)
        queues = [
            wait
            for priority in PRIORITIES
            for wait in self._copies.waits(names.lane(base, priority))
        ]
        return sum([(await self._count(queue))[0] for queue in queues])

    async def _count(self, queue: str) -> tuple[int, int]:
        return await self._link.count(queue) or (0, 0)

    def _dead(self, group: str, pattern: str) -> str:
        return names.dead(self._exchange.group(group, pattern))

    async def _replay(self, raw: DeliveredMessage, group: str) -> None:
        message = names.read(raw)
        await self._copies.again(message, 1, names.lane(group, message.priority))

    async def _registry(self, channel: AbstractChannel) -> tuple[Known, Sequence[DeliveredMessage]]:
        """There are two records when somebody was interrupted while writing a new one."""
        records = await self._browse(channel, self._exchange.registry, _EVERYTHING)
        return frozenset(
            (group, pattern) for record in records for group, pattern in json.loads(record.body)
        ), records

    async def _browse(
        self, channel: AbstractChannel, queue: str, limit: int
    ) -> list[DeliveredMessage]:
        """Take them; what is not acked goes back with the end of `_alone`."""
        await self._link.declare(queue, names.QUORUM)
        found: list[DeliveredMessage] = []
        while len(found) < limit:
            with self._link.bounded():
                raw = await channel.basic_get(queue)
            if isinstance(raw.delivery, Basic.GetEmpty):
                break
            found.append(raw)
        return found

    async def _take(self, channel: AbstractChannel, raw: DeliveredMessage) -> None:
        with self._link.bounded():
            await channel.basic_ack(raw.delivery_tag or 0)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[AbstractChannel]:
        """A channel, while nobody else is at a desk of this exchange."""
        async with self._mine:
            await self._lock()
            try:
                async with self._link.channel() as channel:
                    try:
                        yield channel
                    finally:
                        with CancelScope(shield=True), ignored():
                            await channel.basic_nack(0, multiple=True, requeue=True)
            finally:
                with CancelScope(shield=True), suppress(BusError):
                    await self._link.remove(self._exchange.lock)

    async def _lock(self) -> None:
        try:
            with fail_after(self._link.timeout_s):
                while not await self._owns_lock():  # noqa: ASYNC110 — a queue gives no event
                    await sleep(_PAUSE_S)
        except TimeoutError:
            raise BusUnavailableError(
                f"cannot use the bus at {self._link.address}: somebody else is looking through its"
                " groups or dead letters"
            ) from None

    async def _owns_lock(self) -> bool:
        try:
            async with self._link.channel() as channel:
                with self._link.bounded():
                    await channel.queue_declare(self._exchange.lock, exclusive=True)
        except BusError as exc:
            if isinstance(exc.__cause__, ChannelLockedResource):
                return False
            raise
        return True


def _letter(group: str, raw: DeliveredMessage) -> DeadLetter:
    return DeadLetter(
        names.text(raw, "dead"),
        group,
        names.read(raw),
        names.text(raw, "reason"),
        names.tries_before(raw),
        names.moment(raw),
    )
