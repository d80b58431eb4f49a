"""REST routes of traces: what services send, and what is shown of it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, FastAPI, Header, Path, Query, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse
from pydantic import BaseModel, Field

from intertie.api.access import Reader, Use
from intertie.api.identity_route import IdentityRoute
from intertie.api.problem import Problem, install, problem_response
from intertie.control.actor import Actor
from intertie.control.traces import (
    CallView,
    TraceDetail,
    TracePage,
    TracesControl,
    TracesStanding,
    to_ns,
)
from intertie.errors import AccessDeniedError, IntertieError, NotFoundError, StoreError
from intertie.monitor.spans import Wanted

router = APIRouter(prefix="/api/traces", tags=["traces"], route_class=IdentityRoute)
pushed = APIRouter(tags=["traces"], include_in_schema=False)

_PUSHED_BYTES = 10 << 20
_NS_PER_MS = 10**6
_AGAIN_S = "2"
_Id = Annotated[str, Path(pattern=r"^[0-9a-fA-F]{32}$")]


class Asked(BaseModel):
    """Which traces, and which page of them."""

    service: Annotated[str | None, Field(max_length=500)] = None
    """Has a span of it."""
    route: Annotated[str | None, Field(max_length=500)] = None
    """Has a span of it, of `service` where both are given."""
    error: bool | None = None
    """Has a span that failed, or has none."""
    min_ms: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)] = 0.0
    """Took so long or longer."""
    since: datetime | None = None
    """Began then or later."""
    until: datetime | None = None
    """Began before."""
    page: Annotated[int, Field(ge=1, le=10_000)] = 1
    limit: Annotated[int, Field(ge=1, le=500)] = 50

    def wanted(self) -> Wanted:
        """In the words of the store."""
        return Wanted(
            service=self.service,
            route=self.route,
            failed=self.error,
            min_ns=round(self.min_ms * _NS_PER_MS),
            since_ns=to_ns(_aware(self.since)) if self.since else 0,
            until_ns=to_ns(_aware(self.until)) if self.until else None,
        )


@router.get("")
async def list_traces(control: Use, actor: Reader, asked: Annotated[Asked, Query()]) -> TracePage:
    """Traces that fit all that is given, those that began last first."""
    return await control.traces.find(actor, asked.wanted(), page=asked.page, limit=asked.limit)


@router.get("/calls")
async def calls(
    control: Use, actor: Reader, since: datetime | None = None, until: datetime | None = None
) -> Sequence[CallView]:
    """Which service called which, how often and how well; by default in the last hour."""
    end = _aware(until) if until else datetime.now(UTC)
    begin = _aware(since) if since else end - timedelta(hours=1)
    return await control.traces.calls(actor, since=begin, until=end)


@router.get("/status")
async def status(control: Use, actor: Reader) -> TracesStanding:
    """How many are kept, and what became of spans."""
    return await control.traces.standing(actor)


@router.get("/{trace_id}", response_model=TraceDetail)
async def show(
    *,
    control: Use,
    actor: Reader,
    trace_id: _Id,
    format: Literal["json", "html", "text"] = "json",
    width: Annotated[int, Query(ge=40, le=400)] = 100,
) -> TraceDetail | Response:
    """A trace with all its spans: as JSON, as a page, or as lines for a terminal."""
    if format == "text":
        return PlainTextResponse(await control.traces.text(actor, trace_id, width=width))
    if format == "html":
        from intertie.monitor.span_view import PAGE_POLICY  # noqa: PLC0415

        headers = {"content-security-policy": PAGE_POLICY, "referrer-policy": "no-referrer"}
        return HTMLResponse(await control.traces.page(actor, trace_id), headers=headers)
    return await control.traces.show(actor, trace_id)


@pushed.post("/v1/traces")
async def push(
    request: Request, control: Use, authorization: Annotated[str | None, Header()] = None
) -> Response:
    """Take what an OpenTelemetry SDK or collector exports over HTTP, as protobuf or JSON."""
    actor = None
    if not control.traces.knows(authorization):
        address = request.client.host if request.client else ""
        actor = control.identify(authorization, via="rest", address=address)
        actor.require_write()
    return await _take(control.traces, actor, request)


def intake(traces: TracesControl) -> FastAPI:
    """An application that does nothing but to take spans of the suite's own services."""
    app = FastAPI(openapi_url=None)
    install(app)

    @app.post("/v1/traces")
    async def take(
        request: Request, authorization: Annotated[str | None, Header()] = None
    ) -> Response:
        if traces.now_tracing() is None:
            return _later(IntertieError("cannot take spans: nothing keeps them now"))
        if not traces.knows(authorization):
            raise AccessDeniedError("cannot take spans: this is for services of the suite only")
        return await _take(traces, None, request)

    return app


async def _take(traces: TracesControl, actor: Actor | None, request: Request) -> Response:
    """OTLP knows what is faulty, 400, and what may be sent again, 503."""
    from intertie.monitor.tracing import BusyError  # noqa: PLC0415

    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _PUSHED_BYTES:
            return Response(status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    kind = request.headers.get("content-type", "")
    gzipped = request.headers.get("content-encoding", "").lower() == "gzip"
    try:
        taken = await traces.push(actor, bytes(body), kind, gzipped=gzipped)
    except (AccessDeniedError, NotFoundError):
        raise
    except (BusyError, StoreError) as exc:
        return _later(exc)
    except IntertieError as exc:
        return _problem(HTTPStatus.BAD_REQUEST, exc)
    return Response(taken.answer, media_type=taken.content_type)


def _later(exc: IntertieError) -> Response:
    answer = _problem(HTTPStatus.SERVICE_UNAVAILABLE, exc)
    answer.headers["retry-after"] = _AGAIN_S
    return answer


def _problem(status: HTTPStatus, exc: IntertieError) -> Response:
    return problem_response(Problem(title=status.phrase, status=status, detail=str(exc)))


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
