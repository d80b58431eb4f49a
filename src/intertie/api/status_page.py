"""REST routes of the status page; where the suite file says so they need no key."""

from fastapi import APIRouter
from starlette.responses import HTMLResponse

from intertie.api.access import Anyone, Use
from intertie.api.identity_route import IdentityRoute
from intertie.monitor.status_page import StatusReport

router = APIRouter(tags=["status"], route_class=IdentityRoute)


@router.get("/api/status")
async def status(control: Use, actor: Anyone) -> StatusReport:
    """How services are, the last 90 days of each and open incidents, for everybody to know.

    401 without a key, unless `monitoring.status_page` of the suite file is `public`.
    """
    return await control.status_page.report(actor)


@router.get("/status", response_class=HTMLResponse)
async def page(control: Use, actor: Anyone) -> HTMLResponse:
    """The same as a page for people."""
    body, policy = await control.status_page.page(actor)
    headers = {
        "content-security-policy": policy,
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }
    return HTMLResponse(body, headers=headers)
