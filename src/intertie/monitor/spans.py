"""Spans of traces, as they are kept and shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["internal", "server", "client", "producer", "consumer"]
Status = Literal["unset", "ok", "error"]
Value = str | int | float | bool
"""Of an attribute; lists and tables are kept as JSON text."""
Fields = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """A moment within a span, such as an exception."""

    at_ns: int
    name: str
    fields: Fields = field(default_factory=dict[str, Value])


@dataclass(frozen=True, slots=True)
class SpanLink:
    """Another span that this one has to do with, of any trace."""

    trace_id: str
    span_id: str


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of work of one service. Times are Unix nanoseconds by that service's own clock."""

    trace_id: str
    """32 lower-case hexadecimal digits."""
    span_id: str
    """16 of them."""
    parent_id: str
    """16 of them; empty where the trace begins."""
    service: str
    name: str
    kind: Kind
    start_ns: int
    end_ns: int
    """Never before `start_ns`."""
    status: Status = "unset"
    message: str = ""
    """Why it failed."""
    route: str = ""
    """`/orders/{id}`, where it is known."""
    scope: str = ""
    """The library that made it."""
    fields: Fields = field(default_factory=dict[str, Value])
    resource: Fields = field(default_factory=dict[str, Value])
    """What made it: the service, its replica, its host."""
    events: tuple[SpanEvent, ...] = ()
    links: tuple[SpanLink, ...] = ()
    cut: int = 0
    """Attributes, events and links that are not kept: there were too many."""

    @property
    def duration_ns(self) -> int:
        """From its start to its end."""
        return self.end_ns - self.start_ns


@dataclass(frozen=True, slots=True)
class TraceSummary:
    """A trace in one line: of its first span that has no parent, else of its earliest one."""

    trace_id: str
    service: str
    name: str
    route: str
    start_ns: int
    end_ns: int
    spans: int
    errors: int
    """Spans that failed."""

    @property
    def duration_ns(self) -> int:
        """From its earliest start to its latest end."""
        return self.end_ns - self.start_ns


@dataclass(frozen=True, slots=True)
class Trace:
    """A trace with its spans, the earliest first."""

    trace_id: str
    spans: tuple[Span, ...]
    left_out: int = 0
    """Spans that are kept and not here: there are too many to show."""


@dataclass(frozen=True, slots=True)
class Call:
    """How often one service called another, as the spans that are kept tell it."""

    caller: str
    callee: str
    calls: int
    errors: int
    mean_ns: int
    """Of the callee's spans."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which traces are looked for; all that is given must fit."""

    service: str | None = None
    """Has a span of it."""
    route: str | None = None
    """Has a span of it, of `service` where both are given."""
    failed: bool | None = None
    """Has a span that failed, or has none."""
    min_ns: int = 0
    """As long as this or longer."""
    since_ns: int = 0
    """Began then or later."""
    until_ns: int | None = None
    """Began before."""


@dataclass(frozen=True, slots=True)
class StoreStats:
    """How full the store is."""

    traces: int
    spans: int
    size_bytes: int
    evicted: int
    """Traces removed since it was opened before their time, for want of room."""
