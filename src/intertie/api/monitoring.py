"""REST routes of what is measured, and of what is alarming."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from intertie.api.access import OwnReader, OwnWriter, Reader, Use
from intertie.api.identity_route import IdentityRoute
from intertie.api.models import Body, Ttl
from intertie.control.monitoring import (
    AlertView,
    NoticeView,
    RuleView,
    SilenceView,
    Standing,
    Summaries,
)
from intertie.control.monitoring_reach import TenantUse
from intertie.suite.monitoring import Function, Step
from intertie.suite.values import LabelName

router = APIRouter(prefix="/api/monitoring", tags=["monitoring"], route_class=IdentityRoute)
alerts = APIRouter(prefix="/api/alerts", tags=["alerts"], route_class=IdentityRoute)
pushed = APIRouter(tags=["monitoring"], include_in_schema=False)

_PUSHED_BYTES = 10 << 20
_MOST_SELECTOR = 4000  # its UTF-8, percent-encoded, still fits into a request's target
_Selector = Annotated[str, Query(min_length=1, max_length=_MOST_SELECTOR)]
_Comment = Annotated[str, Field(min_length=1, max_length=500)]
_Matcher = Annotated[
    str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,99}(=|!=|=~|!~)", max_length=500)
]
_Metric = Annotated[str, Path(max_length=200)]
_Number = Annotated[float, Field(allow_inf_nan=False, strict=True)]
_Texts = Annotated[
    dict[LabelName, Annotated[str, Field(max_length=500)]],
    Field(max_length=5, json_schema_extra={"additionalProperties": False}),
]


class FeedBody(Body):
    """A figure of what the suite is for."""

    value: _Number
    """Added to a counter, or the new value of a gauge."""
    labels: Annotated[_Texts, Field(default_factory=dict[str, str])]


class SilenceBody(Body):
    """Which alerts nobody is told of, and for how long."""

    matchers: Annotated[list[_Matcher], Field(min_length=1, max_length=50)]
    """All must fit: `alertname=Down`, `service=~web|api`."""
    duration: Ttl
    comment: _Comment


class AcknowledgeBody(Body):
    """That somebody looks after it."""

    group: Annotated[str, Field(min_length=1, max_length=2000)]
    """Name of a rule, or the key of a group as notices have it."""
    comment: _Comment
    duration: Ttl | None = None
    """None: until there is another alert of the group, or none any more."""


@router.get("")
async def standing(control: Use, actor: Reader) -> Standing:
    """How monitoring itself does, and how much is kept."""
    return await control.monitoring.standing(actor)


@router.get("/tenants")
async def tenants(control: Use, actor: OwnReader) -> Sequence[TenantUse]:
    """How much each tenant sends and may send; a key of a tenant sees its own."""
    return control.monitoring.tenants(actor)


@router.get("/summaries")
async def summaries(
    *,
    control: Use,
    actor: OwnReader,
    selector: _Selector,
    step: Step = "5m",
    functions: Annotated[list[Function] | None, Query(max_length=4)] = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Sequence[Summaries]:
    """Average, maximum, minimum and 95th percentile of each interval of a series.

    `selector` is PromQL, such as `intertie_service_memory_bytes{service="web"}`; by default the
    last hour is summarised.
    """
    end = _aware(until) or datetime.now(UTC)
    begin = _aware(since) or end - timedelta(hours=1)
    return await control.monitoring.summaries(
        actor, selector, step=step, functions=functions, since=begin, until=end
    )


@router.post("/metrics/{name}", status_code=204)
async def feed(control: Use, actor: OwnWriter, name: _Metric, body: FeedBody) -> Response:
    """Feed a figure that `monitoring.metrics` declares."""
    control.monitoring.feed(actor, name, body.value, body.labels)
    return Response(status_code=204)


@alerts.get("")
async def list_alerts(control: Use, actor: OwnReader) -> Sequence[AlertView]:
    """What is alarming, or about to be, the worst first; and why nobody is told, if so."""
    return control.monitoring.alerts(actor)


@alerts.get("/rules/{name}")
async def rule(
    control: Use, actor: OwnReader, name: Annotated[str, Path(max_length=200)]
) -> RuleView:
    """A rule, what it gives now, and what became of it."""
    return await control.monitoring.explain(actor, name)


@alerts.get("/notices")
async def notices(
    control: Use, actor: OwnReader, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> Sequence[NoticeView]:
    """Who was told of what, the newest first."""
    return await control.monitoring.notices(actor, most=limit)


@alerts.post("/acknowledge", status_code=204)
async def acknowledge(control: Use, actor: OwnWriter, body: AcknowledgeBody) -> Response:
    """Say that somebody looks after it: no repeats, no escalation."""
    await control.monitoring.acknowledge(
        actor, body.group, duration_s=body.duration, comment=body.comment
    )
    return Response(status_code=204)


@alerts.get("/silences")
async def silences(control: Use, actor: OwnReader) -> Sequence[SilenceView]:
    """Those that have not ended."""
    return await control.monitoring.silences(actor)


@alerts.post("/silences", status_code=201)
async def silence(control: Use, actor: OwnWriter, body: SilenceBody) -> SilenceView:
    """Tell nobody of some alerts for a time."""
    return await control.monitoring.silence(
        actor, body.matchers, duration_s=body.duration, comment=body.comment
    )


@alerts.delete("/silences/{id}")
async def unsilence(
    control: Use, actor: OwnWriter, id: Annotated[str, Path(max_length=100)]
) -> SilenceView:
    """End a silence now."""
    return await control.monitoring.unsilence(actor, id)


@pushed.post("/api/v1/otlp/v1/metrics")
async def push(request: Request, control: Use, actor: OwnWriter) -> Response:
    """Take what an OpenTelemetry SDK or collector exports over HTTP, as protobuf or JSON."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _PUSHED_BYTES:
            return Response(status_code=413)
    kind = request.headers.get("content-type", "")
    gzipped = request.headers.get("content-encoding", "") == "gzip"
    taken = await control.monitoring.push(actor, bytes(body), kind, gzipped=gzipped)
    return Response(taken.as_otlp(kind), media_type=kind or "application/x-protobuf")


def _aware(at: datetime | None) -> datetime | None:
    return at if at is None or at.tzinfo is not None else at.replace(tzinfo=UTC)
