"""How exchanges, groups, topics and messages are called and carried on NATS."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from intertie.bus.port import PRIORITIES, Message, Priority

ID = "Nats-Msg-Id"
"""By which the server knows a message published twice."""
_KEY, _PRIORITY = "Intertie-Key", "Intertie-Priority"
_TOPIC, _OWN_ID = "Intertie-Topic", "Intertie-Id"
_REASON, _TRIES = "Intertie-Reason", "Intertie-Tries"

_PRIORITIES: dict[str, Priority] = {priority: priority for priority in PRIORITIES}
_MAX_CONSUMER = 200
"""Bytes; the server takes 255, and so do file systems for the folder it makes of it."""
# Characters that no exchange, group or topic has, and that mean nothing to NATS.
_WORDS = str.maketrans({".": "=", "*": "+", "#": "@"})


@dataclass(frozen=True, slots=True)
class Names:
    """The streams and subjects of one exchange. Different exchanges never share a name."""

    prefix: str
    """The stream of messages, and the first word of every subject."""

    @property
    def graves(self) -> str:
        """The stream of dead letters."""
        return f"{self.prefix}=DEAD"

    @property
    def kept(self) -> list[str]:
        """Every subject of the stream of messages."""
        return [f"{self.prefix}.t.>", f"{self.prefix}.g.>"]

    def topic(self, topic: str) -> str:
        """Where a topic's messages are published."""
        return f"{self.prefix}.t.{topic}"

    def lane(self, consumer: str, topic: str = ">") -> str:
        """Where messages for one group alone are published."""
        return f"{self.prefix}.g.{consumer}.{topic}"

    def grave(self, group: str = "*", consumer: str = "*") -> str:
        """Where a group's dead letters are, per pattern."""
        return f"{self.prefix}.d.{group}.{consumer}"

    def wanted(self, pattern: str) -> list[str]:
        """The subjects of a pattern; none overlaps another, which the server would refuse."""
        if pattern == "#":
            return [self.topic(">")]
        if pattern.endswith(".#"):
            stem = self.topic(pattern.removesuffix(".#"))
            return [stem, f"{stem}.>"]
        return [self.topic(pattern)]


def names(exchange: str) -> Names:
    """Those of an exchange. It may hold dots: `a` must not take in what is published to `a.t`."""
    return Names(exchange.translate(_WORDS))


def consumer_name(group: str, pattern: str) -> str:
    """One for each group and pattern, and no other pair has it."""
    name = f"{group}={pattern.translate(_WORDS)}"
    if len(name) <= _MAX_CONSUMER:
        return name
    return f"{group}=={sha256(pattern.encode()).hexdigest()}"


def topic_of(subject: str) -> str:
    """The topic in the subject of a stream of messages."""
    _, kind, rest = subject.split(".", 2)
    return rest if kind == "t" else rest.partition(".")[2]


def headers_of(message: Message) -> dict[str, str]:
    """What travels beside a message's body and topic."""
    headers = {ID: message.id}
    if message.key is not None:
        headers[_KEY] = json.dumps(message.key)  # one line of ASCII, whatever the key holds
    if message.priority != "normal":
        headers[_PRIORITY] = message.priority
    return headers


def copy_headers(message: Message, id: str) -> dict[str, str]:
    """Those of a copy, whose own `id` keeps the server from taking it for the original."""
    return {**headers_of(message), ID: id, _OWN_ID: message.id, _TOPIC: message.topic}


def message_of(subject: str, headers: Mapping[str, str], body: bytes, *, id: str) -> Message:
    """The message, as it was published. `id` is for one that another program published without."""
    key = headers.get(_KEY)
    return Message(
        headers.get(_TOPIC) or topic_of(subject),
        body,
        headers.get(_OWN_ID) or headers.get(ID) or id,
        _text(key) if key is not None else None,
        _PRIORITIES.get(headers.get(_PRIORITY, ""), "normal"),
    )


def grave_headers(message: Message, reason: str, *, tries: int, id: str) -> dict[str, str]:
    """Those of a dead letter."""
    return {**copy_headers(message, id), _TRIES: str(tries), _REASON: json.dumps(reason)}


def reason_of(headers: Mapping[str, str]) -> str:
    """Why the message was buried."""
    return _text(headers.get(_REASON, ""))


def tries_of(headers: Mapping[str, str]) -> int:
    """How many times it had been delivered when it was buried."""
    tries = headers.get(_TRIES, "")
    return int(tries) if tries.isascii() and tries.isdigit() else 1


def size_of(headers: Mapping[str, str]) -> int:
    """Bytes that the headers take of the server's `max_payload`."""
    return len(b"NATS/1.0\r\n\r\n") + sum(
        len(name) + len(value.encode()) + len(b": \r\n") for name, value in headers.items()
    )


def _text(header: str) -> str:
    try:
        return str(json.loads(header))
    except ValueError:
        return header  # of another program
