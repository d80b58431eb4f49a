"""What a channel is: a way to tell people of alerts. What each of them promises is here."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol
from urllib.parse import unquote, urlsplit

from anyio import to_thread

from intertie.errors import IntertieError
from intertie.monitor.evidence import Evidence
from intertie.trace_context import trace_id_of

Kind = Literal["firing", "repeat", "escalation", "resolved", "flapping", "task"]
Resolve = Callable[[str], str]
"""Gives the value of a configured text that may refer to a secret. It is asked at each notice, in a
thread, as it may read a file; it raises IntertieError when there is no such secret."""
Now = Callable[[], datetime]

_SHOWN = 500
_SECRET_FROM = 6
"""A shorter part of an address is no secret; hiding each of them would make answers unreadable."""


@dataclass(frozen=True, slots=True)
class Told:
    """One alert of a notice."""

    labels: Mapping[str, str]
    """With `alertname`."""
    annotations: Mapping[str, str]
    starts_at: datetime
    ends_at: datetime | None = None
    """None: it still fires."""
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """What people are told. Sent twice, it is the same notice twice: `key` tells so."""

    key: str
    kind: Kind
    title: str
    text: str
    severity: str
    at: datetime
    alerts: tuple[Told, ...] = ()
    group: tuple[tuple[str, str], ...] = ()
    """Labels that all its alerts share, because they were grouped by them."""
    link: str | None = None
    """Where more is to be seen."""
    trace: str = ""
    """What it is about, as a traceparent: an evaluation of rules, or a run of a task."""
    evidence: tuple[Evidence, ...] = ()
    """Why its alerts fire; kept with the notice, and told to nobody."""

    @property
    def trace_id(self) -> str:
        """Of the log lines and spans of that; empty where none is known."""
        return trace_id_of(self.trace)


class ChannelError(IntertieError):
    """A channel did not take a message. Neither text nor cause holds a secret."""

    def __init__(self, message: str, *, retry: bool, retry_after_s: float | None = None) -> None:
        self.retry = retry
        """Whether the same message may be taken later."""
        self.retry_after_s = retry_after_s
        """How long the other side wants to be left alone, if it said so."""
        super().__init__(message)


class Channel(Protocol):
    """A way to tell people. A cancelled `send` leaves nothing behind that outlives its timeout."""

    @property
    def name(self) -> str:
        """As the suite calls it."""
        ...

    async def send(self, message: Message) -> str:
        """What the other side answered, as `shown`. Raises ChannelError."""
        ...


async def resolved(resolve: Resolve, text: str, *, channel: str) -> str:
    """The value of a configured text. Raises ChannelError, not to be retried."""
    try:
        return await to_thread.run_sync(resolve, text)
    except IntertieError as exc:
        raise ChannelError(f"cannot tell by {channel!r}: {exc}", retry=False) from exc


def shown(text: str, secrets: Iterable[str] = ()) -> str:
    """One line of at most 500 characters, each secret as `***`."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = re.sub(re.escape(secret), "***", text, flags=re.IGNORECASE)
    plain = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(plain.split())[:_SHOWN]


def secrets_in(url: str) -> tuple[str, ...]:
    """The address and what of it may be secret: all but scheme and host, as written and decoded."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return (url, *parts_of(url))
    user = parts.netloc.rpartition("@")[0]
    places = (user, parts.path, parts.query, parts.fragment)
    return (url, *(part for place in places for part in parts_of(place)))


def parts_of(text: str) -> list[str]:
    """What of a piece of an address is long enough to be secret, as written and decoded."""
    parts = [part for part in re.split(r"[/:@?&=#;,]", text) if len(part) >= _SECRET_FROM]
    return [*parts, *(unquote(part) for part in parts)]
