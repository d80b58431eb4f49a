"""The port that every broker is used through, and the values that cross it.

An adapter is naive: it knows its broker's words and nothing else. It raises BusUnavailableError
when the broker cannot be reached and connects anew with the next call; trying again, dead letters
by count, schemas and envelopes are added by `consumer` and `client` for all adapters alike.

Topics are words joined by dots: `asset.processed`. A subscription's pattern may hold `*` for one
word and end in `#` for any number of words, also none.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from anyio.abc import TaskStatus

Priority = Literal["high", "normal", "low"]
PRIORITIES: tuple[Priority, ...] = ("high", "normal", "low")

MAX_BODY_BYTES = (1 << 20) - 4096
"""What every engine takes at its own defaults, headers included."""


@dataclass(frozen=True, slots=True)
class Message:
    """What travels: an encoded envelope, and what a broker needs to route it."""

    topic: str
    body: bytes
    id: str
    """The event's; stays the same when a publish is tried again."""
    key: str | None = None
    """Messages with the same key keep their order, where the engine can (`ordered_by_key`)."""
    priority: Priority = "normal"


@dataclass(frozen=True, slots=True)
class Subscription:
    """Who wants which messages."""

    pattern: str
    group: str | None = None
    """Members of a group share its messages, and the group keeps its place while nobody is there.
    None: this subscriber alone, all messages from now on; nothing is kept, acks do nothing.
    A group is known by name and pattern together."""
    prefetch: int = 32
    """Most messages taken and neither acked, retried nor buried."""
    from_start: bool = False
    """Where a group begins that the broker does not know yet: at the oldest message kept, or
    (False) at the first one published once `consume` has reported that it started."""
    lease_s: float = 30.0
    """A message whose consumer gives no sign of life for so long goes to another one. While the
    consumer lives its adapter renews this, however long the handler takes."""


class Delivery(Protocol):
    """One message in the hands of one consumer. Exactly one of the three calls ends it.

    Each raises BusUnavailableError when the broker is gone: the message will come again.
    """

    message: Message
    tries: int
    """How many times it was delivered to this group, this time included: 1 at first."""

    async def ack(self) -> None:
        """It is dealt with."""
        ...

    async def retry(self, after_s: float) -> None:
        """Deliver it again, to this group only, not before `after_s`; `tries` grows by one."""
        ...

    async def bury(self, reason: str) -> None:
        """Put it among the group's dead letters, and never deliver it again by itself."""
        ...


Take = Callable[[Delivery], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that a group could not deal with."""

    id: str
    """Names it for `show`, `replay` and `drop`; unique within the group."""
    group: str
    message: Message
    reason: str
    tries: int
    at: datetime
    """When it was buried."""


@dataclass(frozen=True, slots=True)
class GroupStatus:
    """How far a group is."""

    group: str
    pattern: str
    lag: int | None
    """Messages not yet delivered to it; None where the engine cannot say."""
    pending: int
    """Delivered, and not yet dealt with (waiting for a retry included)."""
    consumers: int
    dead: int
    """Dead letters."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine can do, as far as it differs from engine to engine."""

    durable: bool
    """Confirmed messages survive a crash of the broker."""
    groups: bool
    ordered_by_key: bool
    """Over retries too, unless a message of the key is retried later or buried."""
    priorities: bool
    """High before normal before low, among the messages that wait."""
    deduplicates: bool
    """A message published twice with one id is delivered once (within minutes)."""
    counts_lag: bool


class Bus(Protocol):
    """A connection to one broker, opened by the adapter's `open_bus(config)`.

    Every call may raise BusUnavailableError (trying later may help) or BusError (it will not).
    """

    @property
    def capabilities(self) -> Capabilities:
        """Known without asking the broker."""
        ...

    async def publish(self, message: Message) -> None:
        """Return once the broker has confirmed that it keeps the message."""
        ...

    async def consume(
        self, subscription: Subscription, take: Take, *, task_status: TaskStatus[None]
    ) -> None:
        """Hand over messages until cancelled, or until the broker is gone (BusUnavailableError).

        `task_status.started()` once nothing published from then on can be missed. `take` is awaited
        for one message after the other, in the broker's order (by priority where it can); it
        returns when the next may be taken, long before the message is dealt with.
        What was taken and not ended when this ends is delivered again, to whoever is there.
        """
        ...

    async def dead_letters(
        self, group: str | None = None, *, limit: int = 100
    ) -> Sequence[DeadLetter]:
        """Those of one group, or of all, oldest first."""
        ...

    async def replay(self, group: str, id: str) -> bool:
        """Deliver a dead letter to its group anew, `tries` from 1; whether there was one."""
        ...

    async def drop(self, group: str, id: str) -> bool:
        """Forget a dead letter; whether there was one."""
        ...

    async def groups(self) -> Sequence[GroupStatus]:
        """Every group the broker knows, by name and pattern."""
        ...
