"""Where we are in a trace: W3C Trace Context in and out, and what our own work is recorded as.

Each request, change, task and notice has ids, for its log lines and for whoever it calls. Nothing
else is made for those that are not recorded.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from random import Random
from time import time_ns
from typing import Literal

from intertie.errors import IntertieError

Kind = Literal["internal", "server", "client", "producer", "consumer"]
Value = str | int | float | bool
METHODS = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"}
)
"""Those that HTTP knows; others could be without end."""
TRACEPARENT = "TRACEPARENT"
"""An environment variable (OpenTelemetry, "Environment Variables as Context Carriers")."""

_ids = Random()  # noqa: S311 - an id is no secret; five times quicker than to ask the system
os.register_at_fork(after_in_child=_ids.seed)
_LENGTH = 55
_HEX = frozenset("0123456789abcdef")
_MOST_MEMBERS = 32
_RATIO_MASK = (1 << 56) - 1
_KEY = r"(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})"
_MEMBER = re.compile(rf"{_KEY}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{{0,255}}[\x21-\x2b\x2d-\x3c\x3e-\x7e]")


class TraceContext:
    """A span of ours in a trace, recorded or not."""

    __slots__ = ("parent", "sampled", "span_id", "state", "trace_id")

    def __init__(self, trace_id: int, span_id: int, sampled: bool) -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self.sampled = sampled
        self.state = ""
        """What other systems want passed on (tracestate)."""
        self.parent = 0
        """The caller's span; 0 when the trace began here."""

    @property
    def traceparent(self) -> str:
        """W3C Trace Context, version 00."""
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{'01' if self.sampled else '00'}"

    @property
    def trace_text(self) -> str:
        """The trace's id, as people and logs have it."""
        return f"{self.trace_id:032x}"

    @property
    def span_text(self) -> str:
        """The span's id, likewise."""
        return f"{self.span_id:016x}"

    def headers(self) -> dict[str, str]:
        """For a call to another service."""
        headers = {"traceparent": self.traceparent}
        return {**headers, "tracestate": self.state} if self.state else headers

    def variables(self) -> dict[str, str]:
        """For a process that is started."""
        return {name.upper(): value for name, value in self.headers().items()}


current: ContextVar[TraceContext | None] = ContextVar("intertie_trace", default=None)


def parse(text: str) -> tuple[int, int, bool] | None:
    """Trace id, span id and the sampled flag; None for what is not a traceparent (W3C §3.2)."""
    version, trace_id, span_id, flags = text[:2], text[3:35], text[36:52], text[53:55]
    if len(text) < _LENGTH or version == "ff" or (version == "00" and len(text) != _LENGTH):
        return None
    if {text[2], text[35], text[52], *text[55:56]} != {"-"}:
        return None
    if not _HEX.issuperset(version + trace_id + span_id + flags):
        return None
    ids = int(trace_id, 16), int(span_id, 16)
    return (*ids, bool(int(flags, 16) & 1)) if all(ids) else None


def tracestate(values: Iterable[str]) -> str:
    """The one list that some headers make; empty for what is none, or has too many (W3C §3.3).

    "If the vendor failed to parse tracestate, it MUST discard the tracestate."
    """
    members = [each.strip(" \t") for value in values for each in value.split(",")]
    given = [each for each in members if each]
    if len(given) > _MOST_MEMBERS or not all(map(_MEMBER.fullmatch, given)):
        return ""
    return ",".join(given)


def received(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str, str]:
    """The traceparent and the tracestate of a request; empty where it has none, or several.

    Header names are as ASGI has them: in lower case.
    """
    parents: list[str] = []
    states: list[str] = []
    for name, value in headers:
        if name == b"traceparent":
            parents.append(value.decode("latin-1").strip(" \t"))
        elif name == b"tracestate":
            states.append(value.decode("latin-1"))
    if len(parents) != 1:
        return "", ""
    return parents[0], tracestate(states)


def request_fields(method: str, scheme: str, host: str, path: str) -> dict[str, Value]:
    """What a span tells of a request: OpenTelemetry's names of today, and those of before.

    There is no query: it may hold secrets.
    """
    return {
        "http.request.method": method if method in METHODS else "_OTHER",
        "url.scheme": scheme,
        "url.path": path,
        "server.address": host.rpartition(":")[0] or host,
        "http.method": method,
        "http.url": f"{scheme}://{host}{path}",
    }


@contextmanager
def use(context: TraceContext) -> Iterator[None]:
    """Make it the current one for a block, of which nothing is kept."""
    token = current.set(context)
    try:
        yield
    finally:
        current.reset(token)


def from_environment(environ: Mapping[str, str]) -> TraceContext | None:
    """The span that started this process, as its own work is to be logged under."""
    found = parse(environ.get(TRACEPARENT, ""))
    return None if found is None else TraceContext(*found)


def here() -> dict[str, str]:
    """What a log line has of it; empty outside of all traces."""
    context = current.get()
    return {} if context is None else {"trace_id": context.trace_text, "span_id": context.span_text}


def trace_id_of(traceparent: str) -> str:
    """The trace's id in a stored traceparent; empty where there is none."""
    return traceparent[3:35]


@dataclass(slots=True)
class Piece:
    """A piece of our own work; once it is over, one that may be kept as a span."""

    context: TraceContext
    name: str
    kind: Kind = "internal"
    fields: dict[str, Value] = field(default_factory=dict[str, Value])
    start_ns: int = field(default_factory=time_ns)
    end_ns: int = 0
    failed: str | None = None
    """Why, when it did."""
    route: str = ""
    """`/orders/{id}`, where it is a request."""
    is_wanted: bool = True
    """False: nothing came of it, so it is not kept."""


class Tracer:
    """Begins traces, and has those pieces kept that are sampled while somebody keeps them."""

    def __init__(self, rate: float = 0.0, keep: Callable[[Piece], None] | None = None) -> None:
        self.rate = rate
        """Share of the traces begun here that are recorded; others are as their caller decided."""
        self.keep = keep
        """Takes each piece that is over, and returns at once."""

    def begin(self) -> TraceContext:
        """A new trace."""
        trace_id = _id(16)
        # As OpenTelemetry's ratio sampler decides: by the id's last bits.
        sampled = trace_id & _RATIO_MASK < self.rate * (_RATIO_MASK + 1)
        return TraceContext(trace_id, _id(8), sampled)

    def follow(self, traceparent: str | None, state: str = "") -> TraceContext:
        """A part of the trace that goes on here; a new trace when that is not one."""
        found = parse(traceparent) if traceparent else None
        if found is None:
            return self.begin()
        trace_id, parent, sampled = found
        context = TraceContext(trace_id, _id(8), sampled)
        context.parent, context.state = parent, state
        return context

    def child(self, above: TraceContext | None = None) -> TraceContext:
        """A part of that trace, of the current one when none is given; else a new one."""
        above = above or current.get()
        if above is None:
            return self.begin()
        context = TraceContext(above.trace_id, _id(8), above.sampled)
        context.parent, context.state = above.span_id, above.state
        return context

    def resume(self, traceparent: str) -> TraceContext:
        """The very span that was written down; a new one when that is not one."""
        found = parse(traceparent)
        if found is None:
            return self.child()
        context, above = TraceContext(*found), current.get()
        if above is not None and above.trace_id == context.trace_id:
            context.parent = above.span_id
        return context

    @contextmanager
    def within(
        self,
        context: TraceContext,
        name: str,
        kind: Kind = "internal",
        fields: Mapping[str, Value] | None = None,
    ) -> Iterator[Piece]:
        """Make it the current one for a block; what the block raises is noted."""
        piece = Piece(context, name, kind, dict(fields or {}))
        token = current.set(context)
        try:
            yield piece
        except Exception as exc:
            piece.failed = told(exc)
            raise
        finally:
            current.reset(token)
            self.end(piece)

    def end(self, piece: Piece) -> None:
        """It is over, now unless it says when."""
        if self.keep is not None and piece.context.sampled and piece.is_wanted:
            piece.end_ns = piece.end_ns or time_ns()
            self.keep(piece)


def told(exc: Exception) -> str:
    """Why it failed, without what a stranger's error may hold."""
    return str(exc) if isinstance(exc, IntertieError) else type(exc).__name__


def _id(size: int) -> int:
    return _ids.getrandbits(8 * size) or 1
