"""Spans: made cheaply, sent as OTLP over HTTP by a thread of their own.

OpenTelemetry's own SDK takes some 0.1 ms for a span, most of it to check and encode attributes one
by one. Here a span is kept as it is until the thread encodes it, with what repeats encoded once.
"""

import logging
import traceback
from collections import deque
from collections.abc import Sequence
from contextvars import Token
from dataclasses import dataclass, field
from functools import lru_cache
from threading import Event, Thread
from time import time_ns
from urllib.parse import unquote

import httpx
from anyio import to_thread
from opentelemetry.context import Context, attach, detach
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1 import trace_pb2 as otlp
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from intertie.service.environment import Environment
from intertie.service.trace import Attributes, Trace

log = logging.getLogger(__name__)

FLUSH_S = 2.0
"""Longest wait, at the end of the process, for spans to reach the collector."""
MOST_WAITING = 8192
EVERY_S = 2.0
"""Spans are sent so often, and sooner when many wait."""

_BATCH = 512
_MANY_WAITING = MOST_WAITING // 4
_POST_S = 5.0
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_ERROR = 500
_MOST_TEXT = 8_000

Value = str | int | float | bool


@dataclass(slots=True)
class Span:
    """One that is under way, then one that waits to be sent."""

    trace: Trace
    name: str
    kind: str
    fields: dict[str, Value]
    began_ns: int = field(default_factory=time_ns)
    ended_ns: int = 0
    failed: str | None = None
    """Why, when it did."""
    exception: dict[str, Value] | None = None


class Recorder:
    """Makes spans and sends them in batches.

    Nobody waits for a collector: what it does not take in time is dropped.
    """

    def __init__(self, environment: Environment, endpoint: str) -> None:
        self._service = environment.service
        self._waiting: deque[Span] = deque(maxlen=MOST_WAITING)
        self._sender = _Sender(environment, endpoint, self._waiting)
        self._sender.start()

    def begin(self, trace: Trace, name: str, kind: str, fields: Attributes) -> Token[Context]:
        """Begin the trace's span; the token is for `leave`."""
        trace.span = Span(trace, name, kind, {**fields, "service.name": self._service})
        # For libraries that make spans by OpenTelemetry themselves: theirs are below ours.
        ids = SpanContext(trace.trace_id, trace.span_id, is_remote=False, trace_flags=_SAMPLED)
        return attach(set_span_in_context(NonRecordingSpan(ids)))

    def leave(self, token: Token[Context]) -> None:
        """The span is no longer the current one of OpenTelemetry's own calls."""
        detach(token)

    def fail(self, trace: Trace, exc: Exception) -> None:
        """What the traced work raised."""
        if trace.span is None:
            return
        trace.span.failed = type(exc).__name__
        trace.span.exception = {
            "exception.type": type(exc).__qualname__,
            "exception.message": str(exc),
            "exception.stacktrace": "".join(traceback.format_exception(exc))[-_MOST_TEXT:],
        }

    def answer(self, trace: Trace, method: str, route: str, status: int) -> None:
        """End the span of a request."""
        span = trace.span
        if span is None:
            return
        span.name = f"{method} {route}"
        span.fields["http.route"] = route
        span.fields["http.response.status_code"] = span.fields["http.status_code"] = status
        if status >= _ERROR and span.failed is None:
            span.failed = ""
        self.end(trace)

    def end(self, trace: Trace) -> None:
        """End a span."""
        span = trace.span
        if span is None:
            return
        span.ended_ns = time_ns()
        waiting = len(self._waiting)
        if waiting == _MANY_WAITING:
            self._sender.wake.set()
        elif waiting == MOST_WAITING:
            self._sender.dropped += 1
        self._waiting.append(span)

    async def stop(self) -> None:
        """Send what waits, at most FLUSH_S; what is left after that is lost."""
        self._sender.ends = True
        self._sender.wake.set()
        await to_thread.run_sync(self._sender.join, FLUSH_S)


class _Sender(Thread):
    """Not waited for by the process: a collector that does not answer must not keep it alive."""

    def __init__(self, environment: Environment, endpoint: str, waiting: deque[Span]) -> None:
        super().__init__(name="send spans", daemon=True)
        self.wake = Event()
        self.ends = False
        self.dropped = 0
        self._waiting = waiting
        self._url = endpoint.rstrip("/") + "/v1/traces"
        variables = environment.variables
        self._headers = {
            **_pairs(variables.get("OTEL_EXPORTER_OTLP_HEADERS", "")),
            "content-type": "application/x-protobuf",
        }
        names: dict[str, Value] = {
            **_pairs(variables.get("OTEL_RESOURCE_ATTRIBUTES", "")),
            "service.name": environment.service,
            "service.instance.id": f"{environment.service}/{environment.replica}",
        }
        self._resource = Resource(attributes=[_pair(*each) for each in names.items()])
        self._away = False

    def run(self) -> None:
        """See Thread."""
        with httpx.Client(timeout=_POST_S, headers=self._headers, trust_env=False) as client:
            while not self.ends:
                self.wake.wait(EVERY_S)
                self.wake.clear()
                self._send_all(client)
            self._send_all(client)

    def _send_all(self, client: httpx.Client) -> None:
        while self._waiting:
            count = min(_BATCH, len(self._waiting))
            spans = [self._waiting.popleft() for _ in range(count)]
            if not self._send(client, spans):
                self.dropped += count
                break
        dropped, self.dropped = self.dropped, 0
        if dropped:
            log.warning("spans dropped", extra={"count": dropped})

    def _send(self, client: httpx.Client, spans: Sequence[Span]) -> bool:
        try:
            client.post(self._url, content=self._encode(spans)).raise_for_status()
        except httpx.HTTPError as exc:
            if not self._away:
                log.warning("collector takes no spans", extra={"reason": str(exc)})
            self._away = True
            return False
        self._away = False
        return True

    def _encode(self, spans: Sequence[Span]) -> bytes:
        scope = otlp.ScopeSpans(
            scope=InstrumentationScope(name="intertie.service"), spans=map(_encoded, spans)
        )
        resource = otlp.ResourceSpans(resource=self._resource, scope_spans=[scope])
        return ExportTraceServiceRequest(resource_spans=[resource]).SerializeToString()


def _encoded(span: Span) -> otlp.Span:
    trace = span.trace
    found = otlp.Span(
        trace_id=trace.trace_id.to_bytes(16, "big"),
        span_id=trace.span_id.to_bytes(8, "big"),
        parent_span_id=trace.parent.to_bytes(8, "big") if trace.parent else b"",
        trace_state=trace.state,
        name=span.name,
        kind=otlp.Span.SpanKind.Value(f"SPAN_KIND_{span.kind}"),
        start_time_unix_nano=span.began_ns,
        end_time_unix_nano=span.ended_ns,
        attributes=[_pair(name, value) for name, value in span.fields.items()],
    )
    if span.failed is not None:
        found.status.code = otlp.Status.STATUS_CODE_ERROR
        found.status.message = span.failed
    if span.exception:
        attributes = [_pair(name, value) for name, value in span.exception.items()]
        found.events.add(name="exception", time_unix_nano=span.ended_ns, attributes=attributes)
    return found


@lru_cache(maxsize=4096, typed=True)
def _pair(name: str, value: Value) -> KeyValue:
    """Most spans say the same of themselves as others do."""
    match value:
        case bool():
            return KeyValue(key=name, value=AnyValue(bool_value=value))
        case int():
            return KeyValue(key=name, value=AnyValue(int_value=value))
        case float():
            return KeyValue(key=name, value=AnyValue(double_value=value))
        case str():
            return KeyValue(key=name, value=AnyValue(string_value=value[:_MOST_TEXT]))


def _pairs(text: str) -> dict[str, str]:
    """`a=1,b=2`, as OpenTelemetry's variables have it."""
    parts = (each.partition("=") for each in text.split(",") if "=" in each)
    return {name.strip(): unquote(value.strip()) for name, _, value in parts}
