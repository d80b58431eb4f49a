"""Spans of the daemon's own work: kept beside those of the services, and passed on with them."""

import json
import logging
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from anyio import CancelScope, Event, fail_after, sleep

from intertie.errors import IntertieError
from intertie.monitor.span_forward import Batch
from intertie.monitor.spans import Fields, Span, Value
from intertie.trace_context import Piece

if TYPE_CHECKING:
    from intertie.monitor.tracing import Tracing

log = logging.getLogger(__name__)

MOST_WAITING = 4096
EVERY_S = 1.0
_LAST_S = 2.0
_SCOPE = "intertie"
_KINDS = ("unset", "internal", "server", "client", "producer", "consumer")
_ERROR, _UNSET = 2, 0


class OwnSpans:
    """Nobody waits for it: when it cannot be kept, or too much comes, the oldest is lost."""

    def __init__(self, tracing: "Tracing", service: str, *, every_s: float = EVERY_S) -> None:
        self.lost = 0
        """Spans that were not kept."""
        self._tracing = tracing
        self._service = service
        self._every_s = every_s
        self._waiting: deque[Piece] = deque()
        self._bell = Event()

    def put(self, piece: Piece) -> None:
        """Keep it soon."""
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
            self.lost += 1
        self._waiting.append(piece)
        self._bell.set()

    async def run(self) -> None:
        """Until cancelled; what waits then is kept first."""
        try:
            while True:
                await self._bell.wait()
                self._bell = Event()
                await self.flush()
                await sleep(self._every_s)  # one write for many
        finally:
            with CancelScope(shield=True):
                try:
                    with fail_after(_LAST_S):
                        await self.flush()
                except TimeoutError:
                    self.lost += len(self._waiting)

    async def flush(self) -> None:
        """Keep what waits."""
        pieces = list(self._waiting)
        self._waiting.clear()
        if not pieces:
            return
        spans = [span_of(each, self._service) for each in pieces]
        try:
            await self._tracing.keep(spans)
        except IntertieError as exc:
            self.lost += len(spans)
            log.warning("spans not kept", extra={"spans": len(spans), "reason": str(exc)})


def span_of(piece: Piece, service: str) -> Span:
    """As it is kept."""
    context = piece.context
    return Span(
        trace_id=context.trace_text,
        span_id=context.span_text,
        parent_id=f"{context.parent:016x}" if context.parent else "",
        service=service,
        name=piece.name,
        kind=piece.kind,
        start_ns=piece.start_ns,
        end_ns=max(piece.start_ns, piece.end_ns),
        status="unset" if piece.failed is None else "error",
        message=piece.failed or "",
        route=piece.route,
        scope=_SCOPE,
        fields={**piece.fields, "service.name": service},
        resource={"service.name": service},
    )


def batch_of(spans: Sequence[Span]) -> Batch:
    """As another collector takes them: OTLP's JSON. All are of one service."""
    told = [_otlp(each) for each in spans]
    scopes = [{"scope": {"name": _SCOPE}, "spans": told}]
    resource = {"attributes": _pairs(spans[0].resource) if spans else []}
    body = {"resourceSpans": [{"resource": resource, "scopeSpans": scopes}]}
    return Batch(json.dumps(body).encode(), "application/json", len(spans))


def _otlp(span: Span) -> dict[str, object]:
    """Ids in hexadecimal, 64-bit numbers as text (OTLP, JSON Protobuf Encoding)."""
    failed = span.status == "error"
    return {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        **({"parentSpanId": span.parent_id} if span.parent_id else {}),
        "name": span.name,
        "kind": _KINDS.index(span.kind),
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns),
        "attributes": _pairs(span.fields),
        "status": {"code": _ERROR if failed else _UNSET, "message": span.message},
    }


def _pairs(fields: Fields) -> list[dict[str, object]]:
    return [{"key": name, "value": _value(value)} for name, value in fields.items()]


def _value(value: Value) -> dict[str, object]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": value}
