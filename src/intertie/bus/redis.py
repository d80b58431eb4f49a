"""The bus on Redis or Valkey: Streams with groups, or Pub/Sub where the configuration says so."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from anyio import Lock
from anyio.abc import TaskStatus

from intertie.bus.port import (
    Bus,
    Capabilities,
    DeadLetter,
    GroupStatus,
    Message,
    Subscription,
    Take,
)
from intertie.bus.redis_group import GroupReader
from intertie.bus.redis_keys import (
    BURY,
    COUNT_DEAD,
    FORGET,
    INTRODUCE,
    MOVE_DUE,
    NEW,
    PUBLISH,
    READ,
    RELEASE,
    RELEASED,
    REPLAY,
    RETRY,
    Keys,
    lag,
    pack,
    pairs,
    read_entry,
    unpack,
    wanted,
    with_priority,
)
from intertie.bus.redis_wire import Reply, ReplyError, Wire, Word
from intertie.bus.topics import check_group, check_pattern, check_topic, is_literal
from intertie.errors import BusError
from intertie.suite.bus import QueueConfig

CAPABILITIES = Capabilities(
    durable=True,
    groups=True,
    ordered_by_key=True,
    priorities=True,
    deduplicates=True,
    counts_lag=True,
)
_BLOCK_MS = 5_000
_ALIVE_MS = 60_000
_LISTENED = 100
"""Messages read at once for a subscriber without a group."""
_PATIENCE_S = 10.0
_SHAS = {
    script: hashlib.sha1(script.encode()).hexdigest()  # noqa: S324 - how Redis names scripts
    for script in (
        *(PUBLISH, INTRODUCE, READ, RETRY, BURY, REPLAY),
        *(RELEASE, MOVE_DUE, COUNT_DEAD, FORGET),
    )
}


class RedisBus:
    """See Bus. One connection carries all commands; each consumer has one more, to wait on."""

    capabilities = CAPABILITIES

    def __init__(self, config: QueueConfig) -> None:
        self.keys = Keys(config.exchange)
        self._config = config
        self._wire: Wire | None = None
        self._connecting = Lock()

    async def publish(self, message: Message) -> None:
        """See Bus."""
        check_topic(message.topic)
        topic = with_priority(message)
        key = "" if message.key is None else f"={message.key}"
        kept_ms = int(self._config.retention * 1000)
        keys = [self.keys.published(message), self.keys.stream(topic), self.keys.topics]
        args: list[Word] = [message.id, message.body, key, kept_ms, topic]
        while await self.run(PUBLISH, keys, args) == NEW:
            await self._introduce(topic)

    async def consume(
        self, subscription: Subscription, take: Take, *, task_status: TaskStatus[None]
    ) -> None:
        """See Bus."""
        check_pattern(subscription.pattern)
        if subscription.group is None:
            await self._listen(subscription.pattern, take, task_status)
        else:
            check_group(subscription.group)
            await GroupReader(self, subscription, take).run(task_status=task_status)

    async def dead_letters(
        self, group: str | None = None, *, limit: int = 100
    ) -> Sequence[DeadLetter]:
        """See Bus."""
        names = await self._group_names() if group is None else [group]
        found: list[DeadLetter] = []
        for name in names:
            reply = await self.call("XRANGE", self.keys.dead(name), "-", "+", "COUNT", limit)
            found += [_letter(name, entry) for entry in reply]
        return sorted(found, key=lambda letter: letter.at)[:limit]

    async def replay(self, group: str, id: str) -> bool:
        """See Bus."""
        entry = await self._dead_entry(group, id)
        if entry is None:
            return False
        fields = pairs(entry[1])
        message, _ = unpack(fields["m"])
        keys = [self.keys.dead(group), fields["lane"].decode()]
        return bool(await self.run(REPLAY, keys, [id, pack(message, 0)]))

    async def drop(self, group: str, id: str) -> bool:
        """See Bus."""
        if await self._dead_entry(group, id) is None:
            return False
        return bool(await self.call("XDEL", self.keys.dead(group), id))

    async def groups(self) -> Sequence[GroupStatus]:
        """See Bus."""
        topics = await self.topics()
        ids = sorted(id.decode() for id in await self.call("SMEMBERS", self.keys.groups))
        return [await self._group_status(id, topics, ids) for id in ids]

    async def call(self, *words: Word) -> Reply:
        """One command over the shared connection."""
        return await (await self.wire()).call(*words)

    async def run(self, script: str, keys: Sequence[str], args: Sequence[Word]) -> Reply:
        """A script, which the server may have to be taught first."""
        wire = await self.wire()
        try:
            return await wire.call("EVALSHA", _SHAS[script], len(keys), *keys, *args)
        except ReplyError as exc:
            if not str(exc).startswith("NOSCRIPT"):
                raise BusError(f"cannot use the bus: {exc}") from exc
            return await wire.call("EVAL", script, len(keys), *keys, *args)

    async def wire(self) -> Wire:
        """The shared connection, made anew when it was lost."""
        wire = self._wire
        if wire is not None and wire.lost is None:
            return wire
        async with self._connecting:
            if self._wire is None or self._wire.lost is not None:
                self._wire = await Wire.open(self._config, patience_s=_PATIENCE_S)
            return self._wire

    async def waiting_wire(self) -> Wire:
        """One for commands that block for up to BLOCK_MS."""
        return await Wire.open(self._config, patience_s=_PATIENCE_S + _BLOCK_MS / 1000)

    async def topics(self) -> set[str]:
        """All that were ever published to, with !priority."""
        return {name.decode() for name in await self.call("SMEMBERS", self.keys.topics)}

    async def aclose(self) -> None:
        """Close the shared connection."""
        if self._wire is not None:
            await self._wire.aclose()

    async def _introduce(self, topic: str) -> None:
        """Make a topic known, so that whoever's pattern it matches misses nothing of it.

        A group registers before it looks for topics, and we tell of the topic before we look for
        groups: whichever comes second sees the other.
        """
        if await self.run(INTRODUCE, [self.keys.topics, self.keys.announcements], [topic]):
            for id in await self.call("SMEMBERS", self.keys.groups):
                group = id.decode()
                pattern = group.partition("|")[2]
                if wanted(pattern, {topic}):
                    await self.ensure_group(self.keys.stream(topic), group, "0")
                    # Wakes one member, who then looks for topics.
                    await self.call("XADD", self.keys.lane(group), "*", "wake", "")

    async def ensure_group(self, stream: str, group: str, start: str) -> None:
        """Where it is there already, it keeps its place."""
        try:
            await self.call("XGROUP", "CREATE", stream, group, start, "MKSTREAM")
        except ReplyError as exc:
            if not str(exc).startswith("BUSYGROUP"):
                raise

    async def _listen(self, pattern: str, take: Take, task_status: TaskStatus[None]) -> None:
        """Everything from now on, for one subscriber."""
        wire = await self.waiting_wire()
        try:
            places = {self.keys.announcements: await self._end_of(self.keys.announcements)}
            topics = {pattern, f"{pattern}!high", f"{pattern}!low"} if is_literal(pattern) else None
            for topic in topics or wanted(pattern, await self.topics()):
                places[self.keys.stream(topic)] = await self._end_of(self.keys.stream(topic))
            task_status.started()
            while True:
                count = max(1, _LISTENED // len(places))
                words: list[Word] = ["XREAD", "COUNT", count, "BLOCK", _BLOCK_MS, "STREAMS"]
                for stream, entries in await wire.call(*words, *places, *places.values()) or ():
                    name = stream.decode()
                    places[name] = entries[-1][0]
                    if name == self.keys.announcements:
                        born = {pairs(fields)["topic"].decode() for _, fields in entries}
                        for topic in wanted(pattern, born):
                            places.setdefault(self.keys.stream(topic), b"0-0")
                        continue
                    for id, fields in entries:
                        message = read_entry(self.keys.topic_of(name), id, fields)
                        await take(Listened(message))
        finally:
            wire.abort()

    async def _end_of(self, stream: str) -> bytes:
        found = await self.call("XREVRANGE", stream, "+", "-", "COUNT", 1)
        return found[0][0] if found else b"0-0"

    async def _group_names(self) -> list[str]:
        ids = await self.call("SMEMBERS", self.keys.groups)
        return sorted({id.decode().partition("|")[0] for id in ids})

    async def _dead_entry(self, group: str, id: str) -> Reply:
        try:
            found = await self.call("XRANGE", self.keys.dead(group), id, id)
        except ReplyError:
            return None  # not the form of an id
        return found[0] if found else None

    async def _group_status(self, id: str, topics: set[str], ids: Sequence[str]) -> GroupStatus:
        group, _, pattern = id.partition("|")
        behind: int | None = 0
        pending = await self.call("ZCARD", self.keys.delayed(id))
        for topic in wanted(pattern, topics):
            found = await self._of_group(self.keys.stream(topic), id)
            more = lag(found)
            behind = None if behind is None or more is None else behind + more
            pending += found.get("pending", 0)
        lane = await self._of_group(self.keys.lane(id), id)
        pending += lane.get("pending", 0) + (lane.get("lag") or 0)
        return GroupStatus(
            group,
            pattern,
            lag=behind,
            pending=pending,
            consumers=await self._consumers(id),
            dead=await self._dead_of(group, id, ids),
        )

    async def _of_group(self, stream: str, group: str) -> dict[str, Reply]:
        try:
            found = [pairs(each) for each in await self.call("XINFO", "GROUPS", stream)]
        except ReplyError:
            return {}  # no such stream (any more)
        return next((each for each in found if each["name"].decode() == group), {})

    async def _consumers(self, id: str) -> int:
        """Each consumer reads its group's lane, at least every few seconds."""
        try:
            reply = await self.call("XINFO", "CONSUMERS", self.keys.lane(id), id)
        except ReplyError:
            return 0
        found = [pairs(each) for each in reply]
        return sum(
            1 for each in found if each["name"].decode() != RELEASED and each["idle"] < _ALIVE_MS
        )

    async def _dead_of(self, group: str, id: str, ids: Sequence[str]) -> int:
        """Counted there: they may be many, and large."""
        dead = self.keys.dead(group)
        alone = sum(1 for each in ids if each.partition("|")[0] == group) == 1
        found = (
            self.call("XLEN", dead) if alone else self.run(COUNT_DEAD, [dead], [self.keys.lane(id)])
        )
        return int(await found)


class Listened:
    """A delivery to somebody without a group: nothing is kept, so nothing is to be ended."""

    tries = 1

    def __init__(self, message: Message) -> None:
        self.message = message

    async def ack(self) -> None:
        """See Delivery."""

    async def retry(self, after_s: float) -> None:
        """See Delivery."""

    async def bury(self, reason: str) -> None:
        """See Delivery."""


@asynccontextmanager
async def open_bus(config: QueueConfig) -> AsyncIterator[Bus]:
    """Connected. Raises BusUnavailableError, or BusError for a refused login."""
    if config.mode == "pubsub":
        from intertie.bus.redis_pubsub import open_pubsub  # noqa: PLC0415 - only where asked for

        async with open_pubsub(config) as pubsub:
            yield pubsub
        return
    bus = RedisBus(config)
    await bus.wire()
    try:
        yield bus
    finally:
        await bus.aclose()


def _letter(group: str, entry: Reply) -> DeadLetter:
    id, fields = entry[0].decode(), pairs(entry[1])
    message, tries = unpack(fields["m"])
    at = datetime.fromtimestamp(int(id.partition("-")[0]) / 1000, UTC)
    return DeadLetter(id, group, message, fields["reason"].decode(), tries, at)
