"""REST routes of connections to services outside."""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from intertie.api.access import Reader, Use, Writer
from intertie.api.identity_models import Resealed
from intertie.api.identity_route import IdentityRoute
from intertie.api.models import Body
from intertie.control.integrations import Availability, Consent, Counted, Standing
from intertie.errors import IntertieError
from intertie.runtime.component import Status
from intertie.suite.values import Name

router = APIRouter(prefix="/integrations", tags=["integrations"], route_class=IdentityRoute)

managed = APIRouter(prefix="/api/integrations", tags=["integrations"], route_class=IdentityRoute)

_Name = Annotated[str, Path(min_length=1, max_length=63)]


class IntegrationHealth(BaseModel):
    """Whether a connection works."""

    status: str
    """healthy, degraded, unhealthy, disabled, unknown."""
    kind: str
    error: str | None = None
    """Why it does not."""


class IntegrationsHealth(BaseModel):
    """All connections that the caller may see."""

    status: Status
    timestamp: str
    total: int
    healthy: int
    degraded: int
    integrations: dict[str, IntegrationHealth]
    """By name; with `TENANT/` before it for tenants but the default one."""


class IntegrationsStatus(BaseModel):
    """Everything that is known of them."""

    status: Status
    timestamp: str
    integrations: Sequence[Standing]
    availability: Sequence[Availability]
    """Of each tenant, since the suite was started."""


class IntegrationsMetrics(BaseModel):
    """Counts since the suite was started."""

    total_calls: int
    success_rate: float | None
    """From 0 to 1; None before the first call."""
    mean_response_ms: float | None
    operations: Sequence[Counted]


class WhoseBody(Body):
    """Whose connection it is."""

    tenant: Name | None = None
    """Where several tenants have one of this name."""


class ConnectBody(WhoseBody):
    """Which connection, and where the vendor sends people back to."""

    redirect_uri: Annotated[str, Field(max_length=2000)] | None = None
    """As it is registered at the vendor; None is this API's own."""


class Disconnected(BaseModel):
    """A grant was forgotten."""

    vendor_told: bool
    """Whether the vendor knows that it is over."""


class GrantView(BaseModel):
    """What is known of a grant."""

    granted: bool
    granted_at: datetime | None = None
    expires_at: datetime | None = None
    """Of the access token; it is renewed before."""
    scopes: Sequence[str] | None = None
    by: str | None = None
    """`consent` of a person, or `mint`: the program for itself."""
    renewable: bool | None = None
    trouble: str | None = None
    """Why it cannot be used or renewed now."""


@router.get("/health")
async def health(control: Use, actor: Reader, response: Response) -> IntegrationsHealth:
    """How all connections do; 503 when all of them are down."""
    report = control.integrations.report(actor)
    response.status_code = 503 if report.status is Status.DOWN else 200
    states = [each.status for each in report.integrations]
    return IntegrationsHealth(
        status=report.status,
        timestamp=report.timestamp,
        total=len(states),
        healthy=states.count("healthy"),
        degraded=states.count("degraded"),
        integrations={
            _shown(each): IntegrationHealth(status=each.status, kind=each.kind, error=each.error)
            for each in report.integrations
        },
    )


@router.get("/health/{integration_name}")
async def health_of(
    control: Use,
    actor: Reader,
    response: Response,
    *,
    integration_name: _Name,
    tenant: Name | None = None,
) -> dict[str, Any]:
    """Look at one now: whether it is healthy, and if not the cause and the cure; 503 then."""
    told = await control.integrations.check(actor, integration_name, tenant)
    response.status_code = 200 if told["healthy"] else 503
    return dict(told)


@router.get("/metrics")
async def metrics(control: Use, actor: Reader) -> IntegrationsMetrics:
    """Calls, failures and times of each operation."""
    found = control.integrations.counted(actor)
    calls = sum(each.calls for each in found)
    failed = sum(each.failed for each in found)
    total_s = sum(each.total_s for each in found)
    return IntegrationsMetrics(
        total_calls=calls,
        success_rate=(calls - failed) / calls if calls else None,
        mean_response_ms=total_s / calls * 1000 if calls else None,
        operations=found,
    )


@router.get("/status")
async def status(control: Use, actor: Reader) -> IntegrationsStatus:
    """How each connection does, its calls, and what tenants were promised and got."""
    report = control.integrations.report(actor)
    return IntegrationsStatus(
        status=report.status,
        timestamp=report.timestamp,
        integrations=report.integrations,
        availability=control.integrations.availability(actor),
    )


@router.get("/callback", include_in_schema=False)
async def callback(
    control: Use,
    state: Annotated[str, Query(max_length=500)] = "",
    code: Annotated[str, Query(max_length=4000)] = "",
    error: Annotated[str, Query(max_length=500)] = "",
) -> Response:
    """Where vendors send people back to. The state in the address is all that lets them in."""
    if error or not code:
        return _page("Not connected", f"The vendor said: {error or 'nothing'}.", 400)
    try:
        label = await control.integrations.finish(state, code)
    except IntertieError as exc:
        return _page("Not connected", f"{exc}.", 400)
    return _page("Connected", f"{label} is connected. You can close this page.", 200)


@managed.post("/rotate-keys")
async def rotate_keys(control: Use, actor: Writer) -> Resealed:
    """Seal all that is kept of integrations under new keys; what they open stays the same."""
    return Resealed(count=await control.integrations.rotate_keys(actor))


@managed.post("/{name}/connect")
async def connect(control: Use, actor: Writer, name: _Name, body: ConnectBody) -> Consent:
    """Begin a log-in at the vendor: the answer says where a person gives consent."""
    return await control.integrations.connect(
        actor, name, tenant=body.tenant, redirect_uri=body.redirect_uri or ""
    )


@managed.post("/{name}/disconnect")
async def disconnect(control: Use, actor: Writer, name: _Name, body: WhoseBody) -> Disconnected:
    """Give the grant back to the vendor, and forget it."""
    told = await control.integrations.disconnect(actor, name, body.tenant)
    return Disconnected(vendor_told=told)


@managed.get("/{name}/grant")
async def grant(control: Use, actor: Reader, name: _Name, tenant: Name | None = None) -> GrantView:
    """When it was granted, what it reaches, when it ends; nothing that opens anything."""
    found = await control.integrations.grant(actor, name, tenant)
    if found is None:
        return GrantView(granted=False)
    return GrantView(
        granted=True,
        granted_at=_moment(found.granted_at),
        expires_at=_moment(found.expires_at) if found.expires_at is not None else None,
        scopes=sorted(found.scopes) if found.scopes is not None else None,
        by=found.by,
        renewable=found.renewable,
        trouble=found.dead or found.trouble or None,
    )


def _page(title: str, text: str, status: int) -> Response:
    body = (
        f"<!doctype html><meta charset=utf-8><title>{escape(title)}</title>"
        f"<h1>{escape(title)}</h1><p>{escape(text)}</p>"
    )
    headers = {"content-security-policy": "default-src 'none'", "referrer-policy": "no-referrer"}
    return HTMLResponse(body, status, headers=headers)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _shown(standing: Standing) -> str:
    own = standing.tenant == "default"
    return standing.name if own else f"{standing.tenant}/{standing.name}"
