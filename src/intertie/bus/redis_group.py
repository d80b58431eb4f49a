"""One member of a group on Redis Streams: reads, renews what it holds, claims what others left."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

from anyio import CancelScope, Event, create_task_group, move_on_after, sleep
from anyio.abc import TaskStatus

from intertie.bus.port import PRIORITIES, Message, Subscription, Take
from intertie.bus.redis_keys import (
    BURY,
    FORGET,
    MOVE_DUE,
    READ,
    RELEASE,
    RELEASED,
    RETRY,
    by_rank,
    claimed,
    group_id,
    pack,
    rank,
    read_entry,
    unpack,
    wanted,
)
from intertie.bus.redis_wire import Reply, Wire, Word, forget
from intertie.bus.topics import is_literal
from intertie.errors import BusError, BusUnavailableError

if TYPE_CHECKING:
    from intertie.bus.redis import RedisBus

_BLOCK_MS = 5_000
_LONGEST_LOOK_S = 5.0
_SHORTEST_LOOK_S = 0.2
_RELEASE_S = 2.0
_FORGOTTEN_MS = 3_600_000
"""A member silent for so long that holds nothing is struck off."""
_ACKS_AT_ONCE = 100


@dataclass(slots=True, eq=False)
class Held:
    """A message in hand, or waiting to be handed over."""

    stream: str
    entry: bytes
    message: Message
    tries: int


@dataclass(slots=True)
class _Room:
    """How many more may be in hand, and a bell for when that grows."""

    left: int
    grown: Event = field(default_factory=Event)

    def give_back(self) -> None:
        self.left += 1
        self.grown.set()


class GroupReader:
    """Lives as long as one call of `consume`."""

    def __init__(self, bus: "RedisBus", subscription: Subscription, take: Take) -> None:
        self._bus = bus
        self._take = take
        self._pattern = subscription.pattern
        self._from_start = subscription.from_start
        self._lease_s = subscription.lease_s
        self.group = group_id(subscription)
        self.name = subscription.group or ""
        self.lane = bus.keys.lane(self.group)
        self._me = uuid4().hex
        self._streams: list[str] = []
        self._waiting: deque[Held] = deque()
        self._held: dict[tuple[str, bytes], Held] = {}
        self._prefetch = subscription.prefetch
        self._room = _Room(subscription.prefetch)
        self._ended: list[Held] = []
        """Dealt with; the acks are not yet sent."""
        self._acks: set[asyncio.Future[Reply]] = set()
        self._delayed = Event()
        self._turn = 0
        self._looked = 0

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """See Bus.consume."""
        wire = await self._bus.waiting_wire()
        try:
            await self._join()
            task_status.started()
            async with create_task_group() as group:
                group.start_soon(self._move_due)
                group.start_soon(self._look_after)
                await self._claim()
                await self._read(wire)
        except* BusError as exc:
            if not exc.subgroup(_is_no_group):
                raise
            # Somebody emptied the database: begin anew.
            raise BusUnavailableError("cannot read from the bus: it was emptied") from exc
        finally:
            wire.abort()
            with CancelScope(shield=True), move_on_after(_RELEASE_S):
                await self._release()

    async def ack(self, held: Held) -> None:
        """On its way when this returns; when it gets lost the message comes again."""
        if not self._let_go(held):
            return
        wire = await self._bus.wire()
        if not self._ended:
            asyncio.get_running_loop().call_soon(self._send_acks, wire)
        self._ended.append(held)
        if len(self._ended) >= _ACKS_AT_ONCE:
            self._send_acks(wire)

    def _send_acks(self, wire: Wire) -> None:
        """Those of one turn of the event loop go together."""
        ended, self._ended = self._ended, []
        for stream in {held.stream for held in ended}:
            entries = [held.entry for held in ended if held.stream == stream]
            future = wire.send("XACK", stream, self.group, *entries)
            self._acks.add(future)
            future.add_done_callback(self._acks.discard)
            forget(future)
            if stream == self.lane:
                forget(wire.send("XDEL", stream, *entries))

    async def retry(self, held: Held, after_s: float) -> None:
        """See Delivery."""
        if self._let_go(held):
            keys = [held.stream, self.lane, self._bus.keys.delayed(self.group)]
            packed = pack(held.message, held.tries)
            await self._bus.run(RETRY, keys, [self.group, held.entry, packed, int(after_s * 1000)])
            self._delayed.set()

    async def bury(self, held: Held, reason: str) -> None:
        """See Delivery."""
        if self._let_go(held):
            keys = [held.stream, self.lane, self._bus.keys.dead(self.name)]
            packed = pack(held.message, held.tries)
            await self._bus.run(BURY, keys, [self.group, held.entry, packed, reason])

    def _let_go(self, held: Held) -> bool:
        if self._held.pop((held.stream, held.entry), None) is None:
            return False
        self._room.give_back()
        return True

    async def _join(self) -> None:
        """Be a member, of every topic there is."""
        await self._bus.call("SADD", self._bus.keys.groups, self.group)
        await self._bus.ensure_group(self.lane, self.group, "0")
        await self._bus.call("XGROUP", "CREATECONSUMER", self.lane, self.group, self._me)
        await self._find_streams("0" if self._from_start else "$")

    async def _find_streams(self, start: str) -> None:
        keys = self._bus.keys
        topics = wanted(self._pattern, await self._bus.topics())
        if is_literal(self._pattern) and self._pattern not in topics:
            topics.append(self._pattern)
        streams, known = [keys.stream(topic) for topic in topics], set(self._streams)
        for stream in streams:
            if stream not in known:
                await self._bus.ensure_group(stream, self.group, start)
        self._streams = streams

    async def _read(self, wire: Wire) -> None:
        while True:
            while self._waiting:
                await self._some_room()
                await self._read_more_urgent()
                self._room.left -= 1
                await self._take(_Delivery(self, self._waiting.popleft()))
            # Nothing is read ahead of room: what is urgent by then would come too late.
            await self._some_room()
            await self._read_some(wire)

    async def _some_room(self) -> None:
        while self._room.left <= 0:
            self._room.grown = Event()
            await self._room.grown.wait()

    async def _read_some(self, wire: Wire) -> None:
        """The urgent topics' streams first, those as urgent in turn; then wait for any."""
        if len(self._streams) > 1 and await self._read_in_turn():
            return
        count = self._room.left if len(self._streams) == 1 else 1
        words: list[Word] = ["XREADGROUP", "GROUP", self.group, self._me, "COUNT", count]
        streams = [self.lane, *self._streams]
        words += ["BLOCK", _BLOCK_MS, "STREAMS", *streams, *(">" for _ in streams)]
        for stream, entries in await wire.call(*words) or ():
            await self._keep(stream.decode(), entries)

    async def _read_in_turn(self) -> bool:
        """No stream starves those behind it: the next time, another one is first."""
        self._turn += 1
        streams = [self.lane]
        for each in by_rank(self._streams):
            first = self._turn % len(each)
            streams += each[first:] + each[:first]
        return await self._read_now(streams, self._room.left)

    async def _read_more_urgent(self) -> None:
        """Put what has become urgent before what waits here already."""
        first = self._waiting[0].stream
        ranks = by_rank(self._streams)
        place = next((n for n, streams in enumerate(ranks) if first in streams), 0)
        if place:
            await self._read_now([stream for streams in ranks[:place] for stream in streams], 1)
            self._waiting = deque(sorted(self._waiting, key=lambda held: rank(held.stream)))

    async def _read_now(self, streams: list[str], count: int) -> bool:
        """What is there, in the order of the streams, and `count` in all; whether there was any."""
        found = await self._bus.run(READ, streams, [self.group, self._me, count])
        for stream, entries in found:
            await self._keep(stream.decode(), entries)
        return bool(found)

    async def _keep(self, stream: str, entries: Reply) -> None:
        """Take note of entries read; those of the lane hold a packed message, or wake us."""
        for entry, fields in entries:
            if stream != self.lane:
                message = read_entry(self._bus.keys.topic_of(stream), entry, fields)
                self._hold(Held(stream, entry, message, 1))
            elif fields[0] == b"m":
                message, tries = unpack(fields[1])
                self._hold(Held(stream, entry, message, tries + 1))
            else:
                await self._bus.call("XACK", stream, self.group, entry)
                await self._bus.call("XDEL", stream, entry)
                await self._find_streams("0")

    def _hold(self, held: Held) -> None:
        self._held[held.stream, held.entry] = held
        self._waiting.append(held)

    async def _look_after(self) -> None:
        """Renew the leases of what we hold; take over what nobody renews; find new topics."""
        every_s = min(max(self._lease_s / 4, _SHORTEST_LOOK_S), _LONGEST_LOOK_S)
        while True:
            await sleep(every_s)
            await self._renew()
            await self._claim()
            if not is_literal(self._pattern) or len(self._streams) < len(PRIORITIES):
                await self._find_streams("0")
            await self._forget()

    async def _renew(self) -> None:
        for stream, entries in self._held_by_stream().items():
            await self._bus.call("XCLAIM", stream, self.group, self._me, 0, *entries, "JUSTID")

    async def _claim(self) -> None:
        idle_ms = int(self._lease_s * 1000)
        for stream in (self.lane, *self._streams):
            room = self._prefetch - len(self._held)
            if room <= 0:
                return
            words: list[Word] = ["XAUTOCLAIM", stream, self.group, self._me, idle_ms, "0-0"]
            entries = claimed(await self._bus.call(*words, "COUNT", room))
            if entries:
                await self._keep(stream, entries)
                await self._count_tries(stream, entries)

    async def _count_tries(self, stream: str, entries: Reply) -> None:
        """How often those claimed were delivered before: the group remembers."""
        words: list[Word] = ["XPENDING", stream, self.group, entries[0][0], entries[-1][0]]
        for entry, _, _, times in await self._bus.call(*words, 10_000, self._me):
            held = self._held.get((stream, entry))
            if held is not None:
                held.tries += times - 1

    async def _forget(self) -> None:
        """Strike dead members off, one stream a time."""
        streams = [self.lane, *self._streams]
        self._looked += 1
        await forget_dead(self._bus, streams[self._looked % len(streams)], self.group)

    async def _move_due(self) -> None:
        keys = [self._bus.keys.delayed(self.group), self.lane]
        while True:
            self._delayed = Event()
            left_ms = await self._bus.run(MOVE_DUE, keys, [])
            # Others' retries are theirs to move; ours to find when they die.
            wait_s = _LONGEST_LOOK_S if left_ms < 0 else min(left_ms / 1000, _LONGEST_LOOK_S)
            with move_on_after(wait_s):
                await self._delayed.wait()

    async def _release(self) -> None:
        """Leave what we hold to whoever looks next, and leave the group."""
        try:
            if self._ended:
                self._send_acks(await self._bus.wire())
            if self._acks:
                await asyncio.wait(self._acks)
            # By the server's books, not by ours: what it sent us may have been lost on the way.
            idle_ms = int(self._lease_s * 1000) * 10
            for stream in (self.lane, *self._streams):
                args: list[Word] = [self.group, self._me, RELEASED, idle_ms]
                await self._bus.run(RELEASE, [stream], args)
        except BusError:
            return  # the leases run out by themselves

    def _held_by_stream(self) -> dict[str, list[bytes]]:
        found: dict[str, list[bytes]] = {}
        for stream, entry in self._held:
            found.setdefault(stream, []).append(entry)
        return found


async def forget_dead(
    bus: "RedisBus", stream: str, group: str, *, idle_ms: int = _FORGOTTEN_MS
) -> None:
    """Members come under a new name each time: those killed must not pile up."""
    await bus.run(FORGET, [stream], [group, idle_ms])


def _is_no_group(exc: BaseException) -> bool:
    return isinstance(exc, BusError) and "NOGROUP" in str(exc)


class _Delivery:
    """See Delivery."""

    __slots__ = ("_held", "_reader", "message", "tries")

    def __init__(self, reader: GroupReader, held: Held) -> None:
        self._reader = reader
        self._held = held
        self.message = held.message
        self.tries = held.tries

    async def ack(self) -> None:
        """See Delivery."""
        await self._reader.ack(self._held)

    async def retry(self, after_s: float) -> None:
        """See Delivery."""
        await self._reader.retry(self._held, after_s)

    async def bury(self, reason: str) -> None:
        """See Delivery."""
        await self._reader.bury(self._held, reason)
