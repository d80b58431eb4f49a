"""REST routes of what is done when alerts fire."""

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query

from intertie.api.access import Reader, Use, Writer
from intertie.api.identity_route import IdentityRoute
from intertie.control.remediation import EntryView, ReplayView, RuleView

router = APIRouter(prefix="/api/remediation", tags=["remediation"], route_class=IdentityRoute)

_Id = Annotated[int, Path(ge=1, le=2**53)]
_State = Literal["all", "open", "ended"]
_WANTED: dict[_State, bool | None] = {"all": None, "open": True, "ended": False}


@router.get("/rules")
async def rules(control: Use, actor: Reader) -> Sequence[RuleView]:
    """All rules, with what became of their actions, or would have in shadow."""
    return await control.remediation.rules(actor)


@router.get("")
async def history(
    control: Use,
    actor: Reader,
    *,
    state: _State = "all",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Sequence[EntryView]:
    """What was done, proposed, refused and given up, the newest first."""
    return await control.remediation.history(actor, most=limit, is_open=_WANTED[state])


@router.get("/replay")
async def replay(
    control: Use,
    actor: Reader,
    *,
    since_s: Annotated[float, Query(gt=0, le=31_536_000)] = 604_800,
) -> ReplayView:
    """What the rules of now would have done about the alerts of so many seconds, at most."""
    return await control.remediation.replay(actor, since_s)


@router.post("/{id}/approve", status_code=202)
async def approve(control: Use, actor: Writer, id: _Id) -> EntryView:
    """Do what was proposed."""
    return await control.remediation.approve(actor, id)


@router.post("/{id}/decline")
async def decline(control: Use, actor: Writer, id: _Id) -> EntryView:
    """Do not do what was proposed."""
    return await control.remediation.decline(actor, id)
