"""REST routes of the dashboards."""

from fastapi import APIRouter
from starlette.responses import HTMLResponse

from intertie.api.access import Reader, Use
from intertie.api.identity_route import IdentityRoute
from intertie.control.dashboard import Boards
from intertie.monitor.dashboard import SpanName

router = APIRouter(prefix="/api/monitoring", tags=["monitoring"], route_class=IdentityRoute)


@router.get("/dashboards")
async def dashboards(control: Use, actor: Reader, span: SpanName = "1h") -> Boards:
    """The charts of the dashboards, with the PromQL that each draws."""
    return control.dashboards.boards(actor, span)


@router.get("/page", response_class=HTMLResponse)
async def page(control: Use) -> HTMLResponse:
    """The dashboards as a page for people: system, application and business.

    It holds no figure: its script asks this API for them, with the key of whoever looks.
    """
    body, policy = control.dashboards.page()
    headers = {
        "content-security-policy": policy,
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }
    return HTMLResponse(body, headers=headers)
