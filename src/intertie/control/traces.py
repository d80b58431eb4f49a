"""Traces: taken in, looked for, shown."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from intertie.control.actor import Actor
from intertie.errors import NotFoundError
from intertie.monitor.spans import Fields, Kind, Span, Status, TraceSummary, Wanted

if TYPE_CHECKING:  # needed by suites that are traced only
    from intertie.monitor.spans import Trace
    from intertie.monitor.tracing import Tracing

_NONE = (
    "cannot look at traces: this suite has none, or it does not run yet; add"
    " `monitoring: {tracing: {}}` to its file, then `intertie apply`"
)
_MS = 10**6
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TraceView:
    """A trace in one line."""

    trace_id: str
    service: str
    """Where it began."""
    name: str
    route: str
    started_at: datetime
    duration_ms: float
    spans: int
    errors: int
    """Spans that failed."""


@dataclass(frozen=True, slots=True)
class TracePage:
    """Some of them, those that began last first."""

    items: tuple[TraceView, ...]
    page: int
    has_more: bool


@dataclass(frozen=True, slots=True)
class EventView:
    """A moment within a span."""

    at: datetime
    name: str
    fields: Fields


@dataclass(frozen=True, slots=True)
class LinkView:
    """Another span that this one has to do with."""

    trace_id: str
    span_id: str


@dataclass(frozen=True, slots=True)
class SpanView:
    """A piece of work of one service."""

    span_id: str
    parent_id: str
    """Empty where the trace begins."""
    depth: int
    """How many spans are above it here."""
    service: str
    name: str
    kind: Kind
    route: str
    started_at: datetime
    offset_ms: float
    """From the start of the trace to its own."""
    duration_ms: float
    status: Status
    message: str
    scope: str
    """The library that made it."""
    fields: Fields
    resource: Fields
    events: tuple[EventView, ...]
    links: tuple[LinkView, ...]


@dataclass(frozen=True, slots=True)
class TraceDetail:
    """A trace with its spans, each below its parent."""

    trace_id: str
    started_at: datetime
    duration_ms: float
    spans: tuple[SpanView, ...]
    notes: tuple[str, ...]
    """What is odd about it, in sentences."""


@dataclass(frozen=True, slots=True)
class CallView:
    """How often one service called another."""

    caller: str
    callee: str
    calls: int
    errors: int
    mean_ms: float


@dataclass(frozen=True, slots=True)
class TracesStanding:
    """How full the store is, and what became of spans."""

    traces: int
    spans: int
    size_bytes: int
    evicted: int
    """Traces removed before their time, for want of room."""
    taken: int
    """Spans that came since the start, sent again or not."""
    rejected: int
    """Spans that could not be read."""
    forwarded: int
    """Spans that the other collector took."""
    dropped: int
    """Spans that it did not take."""
    reason: str
    """Why it takes none now; empty: it does, or there is none."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a request to export."""

    answer: bytes
    """As OTLP has it, in the encoding of the request."""
    content_type: str


@dataclass(frozen=True, slots=True)
class TracesControl:
    """Each call raises NotFoundError where the suite is not traced."""

    now_tracing: Callable[[], "Tracing | None"] = lambda: None

    def knows(self, authorization: str | None) -> bool:
        """Whether a service of the suite asks, which may send spans and nothing else."""
        tracing = self.now_tracing()
        return tracing is not None and tracing.opens(authorization)

    async def push(
        self, actor: Actor | None, body: bytes, content_type: str, *, gzipped: bool
    ) -> Taken:
        """Take spans of an OTLP request; no actor: a service that `knows` told of.

        Raises IntertieError when none of it can be taken, BusyError and StoreError when it may be
        sent again.
        """
        from intertie.monitor.span_intake import answer  # noqa: PLC0415

        if actor is not None:
            actor.require_write()
        export = await self._tracing().take(body, content_type, gzipped=gzipped)
        return Taken(answer(export), export.content_type)

    async def find(self, actor: Actor, wanted: Wanted, *, page: int, limit: int) -> TracePage:
        """A page of them, from 1."""
        it = self._it(actor)
        found = await it.store.find(wanted, skip=(page - 1) * limit, most=limit + 1)
        return TracePage(tuple(map(_trace, found[:limit])), page, len(found) > limit)

    async def show(self, actor: Actor, trace_id: str) -> TraceDetail:
        """One. Raises NotFoundError."""
        from intertie.monitor.span_tree import lines  # noqa: PLC0415
        from intertie.monitor.span_view import notes  # noqa: PLC0415

        trace = await self._trace(actor, trace_id)
        start_ns = min(each.start_ns for each in trace.spans)
        end_ns = max(each.end_ns for each in trace.spans)
        spans = [_span(each.span, each.depth, start_ns) for each in lines(trace.spans)]
        return TraceDetail(
            trace_id=trace.trace_id,
            started_at=_moment(start_ns),
            duration_ms=(end_ns - start_ns) / _MS,
            spans=tuple(spans),
            notes=tuple(notes(trace)),
        )

    async def text(self, actor: Actor, trace_id: str, *, width: int) -> str:
        """One as lines for a terminal. Raises NotFoundError."""
        from intertie.monitor.span_view import as_text  # noqa: PLC0415

        return as_text(await self._trace(actor, trace_id), width)

    async def page(self, actor: Actor, trace_id: str) -> str:
        """One as a page of HTML. Raises NotFoundError."""
        from intertie.monitor.span_view import as_html  # noqa: PLC0415

        return as_html(await self._trace(actor, trace_id))

    async def calls(self, actor: Actor, *, since: datetime, until: datetime) -> Sequence[CallView]:
        """Which service called which in traces that began then, the most frequent first."""
        found = await self._it(actor).store.calls(to_ns(since), to_ns(until))
        return [
            CallView(each.caller, each.callee, each.calls, each.errors, each.mean_ns / _MS)
            for each in found
        ]

    async def standing(self, actor: Actor) -> TracesStanding:
        """How full the store is."""
        it = self._it(actor)
        stats = await it.store.stats()
        count = it.forward.count if it.forward is not None else None
        return TracesStanding(
            traces=stats.traces,
            spans=stats.spans,
            size_bytes=stats.size_bytes,
            evicted=stats.evicted,
            taken=it.taken,
            rejected=it.rejected,
            forwarded=count.sent if count else 0,
            dropped=count.dropped if count else 0,
            reason=count.reason if count else "",
        )

    async def _trace(self, actor: Actor, trace_id: str) -> "Trace":
        return await self._it(actor).store.trace(trace_id)

    def _it(self, actor: Actor) -> "Tracing":
        actor.require_read()
        return self._tracing()

    def _tracing(self) -> "Tracing":
        tracing = self.now_tracing()
        if tracing is None:
            raise NotFoundError(_NONE)
        return tracing


def to_ns(at: datetime) -> int:
    """Unix nanoseconds, 0 for what is before 1970."""
    return max(0, (at - _EPOCH) // timedelta(microseconds=1) * 1000)


def _moment(ns: int) -> datetime:
    return _EPOCH + timedelta(microseconds=ns // 1000)


def _trace(found: TraceSummary) -> TraceView:
    return TraceView(
        trace_id=found.trace_id,
        service=found.service,
        name=found.name,
        route=found.route,
        started_at=_moment(found.start_ns),
        duration_ms=found.duration_ns / _MS,
        spans=found.spans,
        errors=found.errors,
    )


def _span(span: Span, depth: int, start_ns: int) -> SpanView:
    return SpanView(
        span_id=span.span_id,
        parent_id=span.parent_id,
        depth=depth,
        service=span.service,
        name=span.name,
        kind=span.kind,
        route=span.route,
        started_at=_moment(span.start_ns),
        offset_ms=(span.start_ns - start_ns) / _MS,
        duration_ms=span.duration_ns / _MS,
        status=span.status,
        message=span.message,
        scope=span.scope,
        fields=span.fields,
        resource=span.resource,
        events=tuple(EventView(_moment(e.at_ns), e.name, e.fields) for e in span.events),
        links=tuple(LinkView(e.trace_id, e.span_id) for e in span.links),
    )
