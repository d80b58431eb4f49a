"""How topics, groups and messages are named and written in Kafka.

A topic is `<exchange>.<topic>`. A group has an id that names its pattern, and two topics of its
own, which no topic of ours can clash with because of their empty word: one for what is to come
again, one for its dead letters.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Literal, Protocol
from urllib.parse import unquote

from intertie.bus.port import PRIORITIES, DeadLetter, Message, Priority
from intertie.bus.topics import is_literal
from intertie.errors import BusError

Headers = list[tuple[str, bytes]]
_PRIORITIES: dict[str, Priority] = {each: each for each in PRIORITIES}
_LONGEST_NAME = 249
_LONGEST_PATTERN = 60


class Record(Protocol):
    """What a consumer is given."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one exchange."""

    exchange: str

    @property
    def _prefix(self) -> str:
        # An exchange has no capitals: `a` with topic `b.c` stays apart from `a.b` with topic `c`.
        return self.exchange.replace(".", "-DOT-")

    def topic(self, topic: str) -> str:
        """Kafka's name of a topic. Raises BusError when it is too long for one."""
        return _checked(f"{self._prefix}.{topic}")

    def topic_of(self, name: str) -> str | None:
        """The topic; None when the name is of something else."""
        topic = name.removeprefix(f"{self._prefix}.")
        return None if topic == name or topic.startswith(".") else topic

    def group_id(self, group: str, pattern: str) -> str:
        """Kafka's name of a group."""
        return f"{self._prefix}.{group}.{pattern}"

    def group_of(self, group_id: str) -> tuple[str, str] | None:
        """Group and pattern; None when it belongs to somebody else."""
        # Some brokers list ids as they stand in their own paths.
        rest = unquote(group_id).removeprefix(f"{self._prefix}.")
        group, dot, pattern = rest.partition(".")
        return (group, pattern) if dot and group and rest != unquote(group_id) else None

    def side(self, group: str, pattern: str, kind: Literal["retry", "dead"]) -> str:
        """A topic of the group's own."""
        return _checked(f"{self._prefix}..{group}.{_short(pattern)}.{kind}")

    def group_of_dead(self, name: str) -> str | None:
        """Whose dead letters this topic holds; None when it holds none."""
        rest = name.removeprefix(f"{self._prefix}..")
        return rest.partition(".")[0] if rest != name and rest.endswith(".dead") else None


def _checked(name: str) -> str:
    if len(name) > _LONGEST_NAME:
        raise BusError(
            f"cannot use {name[:40]}… on Kafka: it takes names of up to {_LONGEST_NAME} characters"
        )
    return name


def _short(pattern: str) -> str:
    if is_literal(pattern) and len(pattern) <= _LONGEST_PATTERN:
        return pattern
    kept = re.sub(r"[*#]", "", pattern)[:_LONGEST_PATTERN]
    return f"{kept}..{sha256(pattern.encode()).hexdigest()[:12]}"


def headers_of(message: Message) -> Headers:
    """Those of a message in its own topic."""
    headers = [("id", message.id.encode())]
    if message.priority != "normal":
        headers.append(("priority", message.priority.encode()))
    return headers


def retry_headers(message: Message, *, tries: int, due_at: float) -> Headers:
    """Those of a message that comes again: `due_at` in seconds since 1970."""
    return [
        *headers_of(message),
        ("topic", message.topic.encode()),
        ("tries", str(tries).encode()),
        ("due", str(int(due_at * 1000)).encode()),
    ]


def dead_headers(message: Message, *, tries: int, reason: str) -> Headers:
    """Those of a dead letter, whose record has the message's id for its key."""
    key = [] if message.key is None else [("key", message.key.encode())]
    return [
        *headers_of(message),
        *key,
        ("topic", message.topic.encode()),
        ("tries", str(tries).encode()),
        ("reason", reason.encode(errors="replace")),
    ]


@dataclass(frozen=True, slots=True)
class Read:
    """A record understood."""

    message: Message
    tries: int
    due_at: float
    reason: str


def message_in(record: Record, topic: str) -> Message:
    """The message in a record of its own topic.

    What other programs write there without our headers is a message too.
    """
    key = None if record.key is None else record.key.decode(errors="replace")
    headers = record.headers
    if len(headers) == 1 and headers[0][0] == "id":
        return Message(topic, record.value or b"", headers[0][1].decode(errors="replace"), key)
    return _message(record, topic, dict(headers), key)


def read(record: Record) -> Read:
    """A message that comes again, or a dead letter, with what is known of it."""
    headers = dict(record.headers)
    key = headers.get("key") if "reason" in headers else record.key
    topic = _text(headers.get("topic"), record.topic)
    return Read(
        _message(record, topic, headers, None if key is None else _text(key)),
        tries=_number(headers, "tries", 1),
        due_at=_number(headers, "due", 0) / 1000,
        reason=_text(headers.get("reason")),
    )


def _message(record: Record, topic: str, headers: Mapping[str, bytes], key: str | None) -> Message:
    otherwise = f"{record.topic}-{record.partition}-{record.offset}"
    priority = _PRIORITIES.get(_text(headers.get("priority")), "normal")
    message_id = _text(headers.get("id"), otherwise)
    return Message(topic, record.value or b"", message_id, key, priority)


def dead_letter(record: Record, group: str) -> DeadLetter:
    """The dead letter in a record of such a topic."""
    held = read(record)
    at = datetime.fromtimestamp(record.timestamp / 1000, UTC)
    letter_id = _text(record.key, held.message.id)
    return DeadLetter(letter_id, group, held.message, held.reason, held.tries, at)


def _text(value: bytes | None, otherwise: str = "") -> str:
    return otherwise if value is None else value.decode(errors="replace")


def _number(headers: Mapping[str, bytes], name: str, otherwise: int) -> int:
    text = _text(headers.get(name))
    return int(text) if text.isdecimal() else otherwise
