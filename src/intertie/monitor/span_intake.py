"""Requests to export traces, as OTLP/HTTP sends them: protobuf, or JSON with ids in hexadecimal."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from intertie.errors import IntertieError
from intertie.monitor.collect.inflate import inflate
from intertie.monitor.span_fields import span_of

if TYPE_CHECKING:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    from intertie.monitor.spans import Span

MAX_BYTES = 10 << 20
MAX_SPANS = 50_000
JSON = "application/json"
PROTOBUF = "application/x-protobuf"

_CANNOT = "cannot read the request to export traces"
_UNREADABLE = (ValueError, OverflowError, RecursionError)
"""What protobuf's reader raises beside errors of its own, for example of a kind that is 1e999."""
_IDS = ("traceId", "spanId", "parentSpanId")


@dataclass(frozen=True, slots=True)
class Export:
    """What a request holds."""

    spans: Sequence[Span]
    rejected: int
    """Spans that cannot be taken: `partialSuccess.rejectedSpans` of the answer."""
    why: str
    """The first reason."""
    body: bytes
    """The request as it came, no longer compressed."""
    content_type: str
    """JSON or PROTOBUF."""


def read(body: bytes, content_type: str, *, gzipped: bool = False) -> Export:
    """What is in a request, in either encoding.

    Raises IntertieError when it is faulty, larger than 10 MiB or has more than 50,000 spans.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in {JSON, PROTOBUF}:
        raise IntertieError(f"{_CANNOT}: expected {PROTOBUF} or {JSON}, not {kind!r:.100}")
    plain = inflate(body, MAX_BYTES, gzipped=gzipped)
    request = _decoded(plain, kind)
    total = sum(len(s.spans) for r in request.resource_spans for s in r.scope_spans)
    if total > MAX_SPANS:
        raise IntertieError(f"{_CANNOT}: it has {total:,} spans, more than {MAX_SPANS:,}")
    refused: list[str] = []
    spans = list(_taken(request, refused))
    return Export(spans, len(refused), refused[0] if refused else "", plain, kind)


def answer(export: Export) -> bytes:
    """What OTLP wants to hear, in the encoding of the request: what was not taken, if anything."""
    if export.content_type == JSON:
        told = {"rejectedSpans": str(export.rejected), "errorMessage": export.why}
        return json.dumps({"partialSuccess": told} if export.rejected else {}).encode()
    from opentelemetry.proto.collector.trace.v1 import (  # noqa: PLC0415 - an extra
        trace_service_pb2 as service,
    )

    found = service.ExportTraceServiceResponse()
    if export.rejected:
        found.partial_success.rejected_spans = export.rejected
        found.partial_success.error_message = export.why
    return found.SerializeToString()


def _taken(request: ExportTraceServiceRequest, refused: list[str]) -> Iterator[Span]:
    """A faulty span leaves the others alone."""
    for of in request.resource_spans:
        for scope in of.scope_spans:
            for span in scope.spans:
                try:
                    yield span_of(span, of.resource, scope.scope.name)
                except ValueError as exc:
                    refused.append(f"span {span.name[:100]!r}: {exc}")


def _decoded(body: bytes, kind: str) -> ExportTraceServiceRequest:
    try:
        from google.protobuf import json_format, message  # noqa: PLC0415 - an extra
        from opentelemetry.proto.collector.trace.v1 import (  # noqa: PLC0415
            trace_service_pb2 as service,
        )
    except ImportError as exc:
        told = "opentelemetry-proto is not installed; install intertie[service]"
        raise IntertieError(f"{_CANNOT}: {told}") from exc
    request = service.ExportTraceServiceRequest()
    try:
        if kind == JSON:
            json_format.ParseDict(
                _with_bytes(json.loads(body)), request, ignore_unknown_fields=True
            )
        else:
            request.ParseFromString(body)
    except (message.DecodeError, json_format.ParseError, *_UNREADABLE) as exc:
        raise IntertieError(f"{_CANNOT}: {' '.join(str(exc).split())[:200]}") from exc
    return request


def _with_bytes(told: object) -> dict[str, object]:
    """The request with ids as protobuf's own JSON has bytes: in base64.

    "The traceId and spanId byte arrays are represented as case-insensitive hex-encoded strings;
    they are not base64-encoded as is defined in the standard Protobuf JSON Mapping" (OTLP). Read
    as base64, 16 bytes become 24 without a complaint.
    """
    if not isinstance(told, dict):
        raise ValueError("expected a JSON object")
    request = cast("dict[str, object]", told)
    for of in _tables(request, "resourceSpans"):
        for scope in _tables(of, "scopeSpans"):
            for span in _tables(scope, "spans"):
                _recode(span)
                for link in _tables(span, "links"):
                    _recode(link)
    return request


def _tables(table: dict[str, object], key: str) -> list[dict[str, object]]:
    found = table.get(key)
    items = cast("list[object]", found) if isinstance(found, list) else []
    return [cast("dict[str, object]", each) for each in items if isinstance(each, dict)]


def _recode(table: dict[str, object]) -> None:
    for key in _IDS:
        value = table.get(key)
        if not isinstance(value, str):
            continue
        try:
            raw = binascii.unhexlify(value)
        except ValueError:
            raw = b"?"  # No id: the span is refused for its length, and the others are not.
        table[key] = base64.b64encode(raw).decode()
