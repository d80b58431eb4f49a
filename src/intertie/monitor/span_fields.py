"""A span of OTLP as we keep it: checked, and cut to a size."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from intertie.monitor.spans import Kind, Span, SpanEvent, SpanLink, Status, Value

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource
    from opentelemetry.proto.trace.v1 import trace_pb2 as pb

MOST_FIELDS = 128
"""Attributes, events and links of a span; OpenTelemetry's own limit."""
MOST_NAME = 500
"""Characters of a name."""
MOST_TEXT = 8_000
"""Characters of a value."""
UNKNOWN = "unknown"

_TRACE_BYTES, _SPAN_BYTES = 16, 8
_INT64 = 2**63 - 1
_KINDS: tuple[Kind, ...] = ("internal", "internal", "server", "client", "producer", "consumer")
_ANSWERS = ("http.response.status_code", "http.status_code")
_SERVER_ERROR = re.compile(r"5[0-9]{2}")
_STATUSES: tuple[Status, ...] = ("unset", "ok", "error")


def span_of(span: pb.Span, resource: Resource, scope: str) -> Span:
    """Raises ValueError for what cannot be kept: without ids, or with times out of range."""
    trace_id = _id(span.trace_id, _TRACE_BYTES, "trace_id")
    span_id = _id(span.span_id, _SPAN_BYTES, "span_id")
    start_ns, end_ns = span.start_time_unix_nano, span.end_time_unix_nano
    if max(start_ns, end_ns) > _INT64:
        raise ValueError("its times are out of range")
    fields, made_by = _fields(span.attributes), _fields(resource.attributes)
    events, links = span.events[:MOST_FIELDS], span.links[:MOST_FIELDS]
    lists: tuple[Sequence[object], ...] = (span.attributes, span.events, span.links)
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=_parent(span.parent_span_id),
        service=str(made_by.get("service.name") or UNKNOWN)[:MOST_NAME],
        name=span.name[:MOST_NAME],
        kind=_KINDS[span.kind] if 0 <= span.kind < len(_KINDS) else "internal",
        start_ns=start_ns,
        end_ns=max(start_ns, end_ns),  # 0: it has not ended
        status=_status(span.status.code, fields),
        message=span.status.message[:MOST_TEXT],
        route=str(fields.get("http.route", ""))[:MOST_NAME],
        scope=scope[:MOST_NAME],
        fields=fields,
        resource=made_by,
        events=tuple(_event(each) for each in events),
        links=tuple(_link(each) for each in links),
        cut=sum(max(0, len(each) - MOST_FIELDS) for each in lists),
    )


def _status(code: int, fields: dict[str, Value]) -> Status:
    """Proxies leave it open: an answer of 500 or more is an error then, as conventions have it."""
    if code in {1, 2}:
        return _STATUSES[code]
    answers = (str(fields.get(name, "")) for name in _ANSWERS)
    return "error" if any(_SERVER_ERROR.fullmatch(each) for each in answers) else "unset"


def _id(given: bytes, size: int, name: str) -> str:
    if len(given) != size:
        raise ValueError(f"its {name} is not {size} bytes")
    if not any(given):
        raise ValueError(f"its {name} is all zeros")
    return given.hex()


def _parent(given: bytes) -> str:
    return _id(given, _SPAN_BYTES, "parent_span_id") if any(given) else ""


def _event(given: pb.Span.Event) -> SpanEvent:
    at_ns = min(given.time_unix_nano, _INT64)
    return SpanEvent(at_ns, given.name[:MOST_NAME], _fields(given.attributes))


def _link(given: pb.Span.Link) -> SpanLink:
    return SpanLink(given.trace_id[:_TRACE_BYTES].hex(), given.span_id[:_SPAN_BYTES].hex())


def _fields(given: Sequence[KeyValue]) -> dict[str, Value]:
    return {each.key[:MOST_NAME]: _value(each.value) for each in given[:MOST_FIELDS]}


def _value(given: AnyValue) -> Value:
    found = _plain(given)
    if isinstance(found, list | dict):
        found = json.dumps(found, ensure_ascii=False)
    return found[:MOST_TEXT] if isinstance(found, str) else found


def _plain(given: AnyValue) -> Value | list[object] | dict[str, object]:
    kind = given.WhichOneof("value")
    if kind == "array_value":
        return [_plain(each) for each in given.array_value.values]
    if kind == "kvlist_value":
        return dict(_pairs(given.kvlist_value.values))
    if kind == "bytes_value":
        return base64.b64encode(given.bytes_value).decode()
    if kind == "double_value":
        # JSON has neither NaN nor infinity.
        number = given.double_value
        return number if math.isfinite(number) else str(number)
    if kind == "int_value":
        return given.int_value
    return given.bool_value if kind == "bool_value" else given.string_value


def _pairs(given: Iterable[KeyValue]) -> Iterable[tuple[str, object]]:
    return ((each.key, _plain(each.value)) for each in given)
