"""REST routes of what is promised."""

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import HTMLResponse, Response

from intertie.api.access import OwnReader, Use
from intertie.api.identity_route import IdentityRoute
from intertie.control.slo import SloView
from intertie.monitor.slo_facts import SloReport

router = APIRouter(prefix="/api/slo", tags=["slo"], route_class=IdentityRoute)

_Month = Annotated[str | None, Query(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$")]


@router.get("")
async def standing(control: Use, actor: OwnReader) -> Sequence[SloView]:
    """Each objective over its window up to now, and what is left of its budget."""
    return await control.slo.standing(actor)


@router.get(
    "/report",
    response_model=SloReport,
    responses={200: {"content": {"text/html": {"schema": {"type": "string"}}}}},
)
async def report(
    *,
    control: Use,
    actor: OwnReader,
    month: _Month = None,
    format: Literal["json", "html"] = "json",
) -> SloReport | Response:
    """What was promised and what was kept in a month of UTC, by day, with the evidence.

    Without `month` it is this one so far. As `html` it is one file that needs nothing else.
    """
    if format == "json":
        return await control.slo.report(actor, month)
    body, policy = await control.slo.page(actor, month)
    headers = {"content-security-policy": policy, "cache-control": "no-store"}
    return HTMLResponse(body, headers=headers)
