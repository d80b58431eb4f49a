"""REST routes of the audit trail."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic_core import from_json

from intertie.api import live
from intertie.api.access import Manager, Use
from intertie.api.identity_models import BrokenView, EntryPage, EntryView, VerdictView
from intertie.api.identity_route import IdentityRoute
from intertie.control.audit import Trail
from intertie.identity.audit import Entry
from intertie.suite.values import Name

Limit = Annotated[int, Query(ge=1, le=1000)]
Text = Annotated[str, Query(max_length=1000)]

router = APIRouter(prefix="/api/audit", tags=["audit"], route_class=IdentityRoute)


class Lines(live.Stream[str]):
    """JSON, a line each."""

    media_type = "application/x-ndjson"


@router.get("")
async def entries(
    *,
    control: Use,
    actor: Manager,
    tenant: Name | None = None,
    by: Text = "",
    target: Text = "",
    before: Annotated[int | None, Query(ge=1, le=2**53)] = None,
    limit: Limit = 100,
) -> EntryPage:
    """Who did what to what, newest first.

    A page begins below the row `before`, not at a number of a page: rows come in at the front.
    """
    wanted = Trail(tenant, by, target, before)
    found, after = await control.identity.audit.page(actor, wanted, limit=limit)
    return EntryPage(items=[_told(each) for each in found], limit=limit, next=after)


@router.get("/verify")
async def verify(
    control: Use,
    actor: Manager,
    anchor: Annotated[str | None, Query(pattern=r"^[0-9]{1,15}:[0-9a-f]{64}$")] = None,
) -> VerdictView:
    """Look at the whole chain, and whether it still goes through an anchor from before."""
    found = await control.identity.audit.verify(actor, anchor)
    wrong = found.broken
    broken = BrokenView(seq=wrong.seq, why=wrong.why) if wrong else None
    return VerdictView(intact=broken is None, broken=broken, anchor=str(found.anchor))


@router.get("/export", status_code=200, response_class=Lines)
async def export(control: Use, actor: Manager) -> Response:
    """Every row, oldest first, as a line of JSON; whoever has them can check the chain."""
    return Lines(control.identity.audit.export(actor), str.encode)


def _told(entry: Entry) -> EntryView:
    return EntryView.model_validate(
        {
            "seq": entry.seq,
            "at": entry.at,
            "actor": entry.actor,
            "action": entry.action,
            "target": entry.target,
            "outcome": entry.outcome,
            "detail": from_json(entry.detail),
            "via": entry.via,
            "address": entry.address,
            "previous": entry.previous,
            "hash": entry.hash,
        }
    )
