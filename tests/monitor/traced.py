"""Spans, and requests to export them, for tests."""

import json
from collections.abc import Sequence
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from intertie.monitor.spans import Span

AT_NS = 1_700_000_000_000_000_000
MS = 10**6
TRACE = "5b8efff798038103d269b633813fc60c"
HOSTILE = "<script>alert(1)</script>\x1b[31m\r\n\u202eevil\u2028\x00\x9b"
"""What a service that means harm calls things."""


def span(number: int = 1, *, trace: str = TRACE, parent: int = 0, **changes: Any) -> Span:
    """One of 10 ms, `number` milliseconds after AT_NS."""
    told: dict[str, Any] = {
        "trace_id": trace,
        "span_id": f"{number:016x}",
        "parent_id": f"{parent:016x}" if parent else "",
        "service": "web",
        "name": f"work {number}",
        "kind": "server",
        "start_ns": AT_NS + number * MS,
        "end_ns": AT_NS + (number + 10) * MS,
        **changes,
    }
    return Span(**told)


def traces(count: int, *, first: int = 1, **changes: Any) -> list[Span]:
    """Each a trace of its own, the later the higher its number."""
    return [span(n, trace=f"{n:032x}", **changes) for n in range(first, first + count)]


def told(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A span as OTLP's JSON has it."""
    return {
        "traceId": TRACE,
        "spanId": f"{number:016x}",
        "name": f"work {number}",
        "kind": 2,
        "startTimeUnixNano": str(AT_NS),
        "endTimeUnixNano": str(AT_NS + 10 * MS),
        **changes,
    }


def texts(**values: str) -> list[dict[str, Any]]:
    """Attributes as JSON has them; `__` in a name is a dot."""
    return [
        {"key": key.replace("__", "."), "value": {"stringValue": value}}
        for key, value in values.items()
    ]


def request(*spans: dict[str, Any], service: str = "web") -> bytes:
    """In JSON."""
    scope = {"scope": {"name": "a.library"}, "spans": spans}
    resource = {"attributes": texts(service__name=service)}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]}).encode()


def protobuf(spans: Sequence[Span], service: str = "web") -> bytes:
    """The same in protobuf."""
    found = ExportTraceServiceRequest()
    of = found.resource_spans.add()
    name = of.resource.attributes.add(key="service.name")
    name.value.string_value = service
    scope = of.scope_spans.add()
    for each in spans:
        scope.spans.add(
            trace_id=bytes.fromhex(each.trace_id),
            span_id=bytes.fromhex(each.span_id),
            parent_span_id=bytes.fromhex(each.parent_id),
            name=each.name,
            start_time_unix_nano=each.start_ns,
            end_time_unix_nano=each.end_ns,
        )
    return found.SerializeToString()
