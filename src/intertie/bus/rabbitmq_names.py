"""What the bus calls its exchanges and queues at RabbitMQ, and how a message is put into AMQP.

Of exchange `e`, group `g` and pattern `a.*`: the exchanges `e:high`, `e` and `e:low`, the queues
`e:g:a.+:high`, `e:g:a.+` and `e:g:a.+:low`, and `e:g:a.+:dead` with its dead letters. No part of a
name can hold a colon or a plus, so no two names are alike; the client takes no `*` in them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from math import ceil, floor, log10
from uuid import uuid4

from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic
from pamqp.common import FieldTable

from intertie.bus.port import PRIORITIES, Message, Priority
from intertie.bus.topics import check_topic
from intertie.errors import BusError

UNLIMITED = 2**31 - 1
"""Of deliveries: from RabbitMQ 4.0 on a quorum queue drops what it delivered 20 times."""

_LONGEST = 160  # a queue's name may have 255 bytes, some of them for `:wait:`, `:lease:` and so on
_LONGEST_TOPIC = 255
_PERSISTENT = 2
_LONGEST_MS = 2**32 - 1
_SPARE_MS = 600_000
_STEPS = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)

QUORUM: FieldTable = {"x-queue-type": "quorum", "x-delivery-limit": UNLIMITED}


@dataclass(frozen=True, slots=True)
class Names:
    """Of one exchange."""

    exchange: str

    def topics(self, priority: Priority) -> str:
        """The exchange that takes messages of this priority."""
        return _suffixed(self.exchange, priority)

    def group(self, group: str, pattern: str) -> str:
        """What the names of a group's queues begin with."""
        name = f"{self.exchange}:{group}:{pattern.replace('*', '+')}"
        if len(name) > _LONGEST:
            digest = sha256(name.encode()).hexdigest()[:24]
            name = f"{name[: _LONGEST - 25]}:{digest}"
        return name

    @property
    def registry(self) -> str:
        """The queue with the list of groups."""
        return f"{self.exchange}:groups:"

    @property
    def lock(self) -> str:
        """The queue whose owner alone may look through the registry and the dead letters."""
        return f"{self.exchange}:lock:"


def lane(group: str, priority: Priority) -> str:
    """A group's queue for the messages of one priority."""
    return _suffixed(group, priority)


def dead(group: str) -> str:
    """The queue with a group's dead letters."""
    return f"{group}:dead"


def waiting(queue: str, ms: int) -> str:
    """The queue whose messages go back to `queue` after so long."""
    return f"{queue}:wait:{ms}"


def lease(queue: str) -> str:
    """A new queue for one message that a handler has in hand for long."""
    return f"{queue}:lease:{uuid4().hex}"


def going_back(queue: str, *, after_ms: int) -> FieldTable:
    """Arguments of a queue that hands its messages to `queue` after so long, losing none.

    It goes when it was not used for longer than its messages stay.
    """
    return {
        **QUORUM,
        "x-message-ttl": after_ms,
        "x-expires": min(2 * after_ms + _SPARE_MS, _LONGEST_MS),
        "x-overflow": "reject-publish",
        "x-dead-letter-strategy": "at-least-once",
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": queue,
    }


def rounded_ms(after_s: float) -> int:
    """The delay in milliseconds, rounded up to one of ten steps a decade: each is a queue."""
    ms = min(max(10.0, after_s * 1000), _LONGEST_MS / 5)
    decade = 10.0 ** floor(log10(ms))
    return ceil(next(step * decade for step in _STEPS if step * decade >= ms * (1 - 1e-9)))


def routing_key(topic: str) -> str:
    """The topic. Raises BusError when it is none, or one too long for AMQP."""
    if len(check_topic(topic)) > _LONGEST_TOPIC:
        raise BusError(f"cannot use topic {topic[:80]!r}: RabbitMQ takes 255 letters at most")
    return topic


def published(message: Message, *, keep_ms: int) -> Basic.Properties:
    """What a message carries beside its body."""
    return Basic.Properties(
        content_type="application/cloudevents+json",
        delivery_mode=_PERSISTENT,
        message_id=message.id,
        headers=None if message.key is None else {"key": message.key},
        expiration=None if keep_ms > _LONGEST_MS else str(keep_ms),
    )


def copied(message: Message, *, tries: int, **more: str) -> Basic.Properties:
    """What a copy carries that goes to a queue directly, not by its topic; it does not expire."""
    headers: FieldTable = {
        "topic": message.topic,
        "priority": message.priority,
        "tries": tries,
        **more,
    }
    if message.key is not None:
        headers["key"] = message.key
    return Basic.Properties(
        content_type="application/cloudevents+json",
        delivery_mode=_PERSISTENT,
        message_id=message.id,
        headers=headers,
    )


def text(raw: DeliveredMessage, header: str, default: str = "") -> str:
    """A header's text, if it has one."""
    value = _headers(raw).get(header)
    return value if isinstance(value, str) else default


def read(raw: DeliveredMessage, priority: Priority = "normal") -> Message:
    """The message; whoever published it, Intertie or not."""
    told = text(raw, "priority")
    key = _headers(raw).get("key")
    return Message(
        text(raw, "topic") or raw.routing_key or "",
        raw.body,
        raw.header.properties.message_id or "",
        key if isinstance(key, str) else None,
        told if told in PRIORITIES else priority,
    )


def tries(raw: DeliveredMessage) -> int:
    """How often it was delivered to its group, this time included."""
    return tries_before(raw) + _number(raw, "x-delivery-count", 0)


def tries_before(raw: DeliveredMessage) -> int:
    """The same at the time when it was put into this queue."""
    return _number(raw, "tries", 1)


def moment(raw: DeliveredMessage) -> datetime:
    """When a dead letter was buried."""
    try:
        return datetime.fromisoformat(text(raw, "at"))
    except ValueError:
        return datetime.fromtimestamp(0, UTC)


def _headers(raw: DeliveredMessage) -> Mapping[str, object]:
    return raw.header.properties.headers or {}


def _number(raw: DeliveredMessage, header: str, default: int) -> int:
    value = _headers(raw).get(header)
    return value if isinstance(value, int) else default


def _suffixed(name: str, priority: Priority) -> str:
    return name if priority == "normal" else f"{name}:{priority}"
