"""The bus on Redis' Pub/Sub: reaches whoever listens just now, and keeps nothing.

The channel of a topic is `EXCHANGE:TOPIC`, what is published is the bare body: programs that know
only Redis can talk and listen.
"""

from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

from anyio import Event, Lock, create_task_group, sleep
from anyio.abc import TaskStatus

from intertie.bus.port import Capabilities, DeadLetter, GroupStatus, Message, Subscription, Take
from intertie.bus.redis_wire import Reply, Wire
from intertie.bus.topics import check_pattern, check_topic, matches
from intertie.errors import BusError
from intertie.suite.bus import QueueConfig

if TYPE_CHECKING:
    from intertie.bus.port import Bus

CAPABILITIES = Capabilities(
    durable=False,
    groups=False,
    ordered_by_key=True,
    priorities=False,
    deduplicates=False,
    counts_lag=False,
)
_PATIENCE_S = 10.0
_PING_S = 5.0
_MOST_WAITING = 1_000


class PubSubBus:
    """See Bus."""

    capabilities = CAPABILITIES

    def __init__(self, config: QueueConfig) -> None:
        self._config = config
        self._wire: Wire | None = None
        self._connecting = Lock()

    async def publish(self, message: Message) -> None:
        """See Bus. Confirmed means that the server has passed it on, maybe to nobody."""
        check_topic(message.topic)
        channel = f"{self._config.exchange}:{message.topic}"
        await (await self.wire()).call("PUBLISH", channel, message.body)

    async def consume(
        self, subscription: Subscription, take: Take, *, task_status: TaskStatus[None]
    ) -> None:
        """See Bus. A subscription with a group is refused."""
        pattern = check_pattern(subscription.pattern)
        if subscription.group is not None:
            raise BusError(
                f"cannot subscribe to {pattern!r} as group {subscription.group!r}: Pub/Sub has no"
                " groups; leave out the group, or leave out `mode: pubsub`"
            )
        wire = await Wire.open(self._config, patience_s=_PATIENCE_S)
        heard = _Heard(wire)
        wire.on_push = heard.put
        try:
            first = f"{self._config.exchange}:"
            # Redis' own * also stands for dots: it may bring more, which is left out below.
            await wire.call("PSUBSCRIBE", first + pattern.replace("#", "*"))
            if pattern.endswith(".#"):
                await wire.call("PSUBSCRIBE", first + pattern.removesuffix(".#"))
            task_status.started()
            async with create_task_group() as group:
                group.start_soon(_ping, wire)
                while True:
                    channel, body = await heard.get()
                    topic = channel.removeprefix(first)
                    if matches(pattern, topic):
                        await take(Passing(Message(topic, body, uuid4().hex)))
        finally:
            wire.abort()

    async def dead_letters(
        self, group: str | None = None, *, limit: int = 100
    ) -> Sequence[DeadLetter]:
        """None: nothing is kept."""
        return []

    async def replay(self, group: str, id: str) -> bool:
        """There is none."""
        return False

    async def drop(self, group: str, id: str) -> bool:
        """There is none."""
        return False

    async def groups(self) -> Sequence[GroupStatus]:
        """None."""
        return []

    async def wire(self) -> Wire:
        """The connection to publish on, made anew when it was lost."""
        async with self._connecting:
            if self._wire is None or self._wire.lost is not None:
                self._wire = await Wire.open(self._config, patience_s=_PATIENCE_S)
            return self._wire

    async def aclose(self) -> None:
        """Close it."""
        if self._wire is not None:
            await self._wire.aclose()


class Passing:
    """A delivery of what nobody keeps: there is nothing to be ended."""

    tries = 1

    def __init__(self, message: Message) -> None:
        self.message = message

    async def ack(self) -> None:
        """See Delivery."""

    async def retry(self, after_s: float) -> None:
        """See Delivery."""

    async def bury(self, reason: str) -> None:
        """See Delivery."""


class _Heard:
    """What came and was not yet taken. A slow taker slows the server down, and nothing else."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._changed = Event()

    def put(self, reply: Reply) -> None:
        self._waiting.append((reply[2].decode(errors="replace"), reply[3]))
        if len(self._waiting) == _MOST_WAITING:
            self._wire.pause()
        self._changed.set()

    async def get(self) -> tuple[str, bytes]:
        while not self._waiting:
            self._changed = Event()
            await self._changed.wait()
        found = self._waiting.popleft()
        if not self._waiting:
            self._wire.resume()
        return found


async def _ping(wire: Wire) -> None:
    """A server that is gone without a word is noticed."""
    while True:
        await wire.call("PING")
        await sleep(_PING_S)


@asynccontextmanager
async def open_pubsub(config: QueueConfig) -> AsyncIterator["Bus"]:
    """Connected. Raises BusUnavailableError, or BusError for a refused login."""
    bus = PubSubBus(config)
    await bus.wire()
    try:
        yield bus
    finally:
        await bus.aclose()
