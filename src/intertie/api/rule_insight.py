"""REST routes of what rules would have told, and whether those that are there are good ones."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field

from intertie.api.access import Reader, Use, Writer
from intertie.api.identity_route import IdentityRoute
from intertie.api.models import Body
from intertie.control.replay_views import ReplayView, Which
from intertie.control.rule_drill import LONGEST_S, DrillView
from intertie.control.rule_quality import QualityView
from intertie.monitor.proof import Proof
from intertie.suite.monitoring import Severity

router = APIRouter(prefix="/api/alerts", tags=["alerts"], route_class=IdentityRoute)

_WEEK_S = 7 * 86_400.0
_QUARTER_S = 90 * 86_400.0
_Since = Annotated[float, Query(ge=60, le=366 * 86_400)]


class DrillBody(Body):
    """A page for practice."""

    severity: Severity = "critical"
    within_s: Annotated[float, Field(ge=1, le=LONGEST_S)] = 30.0
    """In which every channel is to have answered."""


@router.get("/replay")
async def replay(
    *,
    control: Use,
    actor: Reader,
    rule: Annotated[str | None, Query(max_length=200)] = None,
    since_s: _Since = _WEEK_S,
    rules: Which = "running",
) -> ReplayView:
    """What rules would have told, from stored samples: what fired, when, how long, who was told.

    `rules`: those that run, or those of the suite file as written and not applied yet. As much of
    the last `since_s` seconds is looked at as there is time for.
    """
    return await control.insight.replays.replay(actor, rule, since_s=since_s, which=rules)


@router.post("/drill")
async def drill(control: Use, actor: Writer, body: DrillBody) -> DrillView:
    """Tell people of a test, by a made-up sample that takes the way of real ones.

    It bears TEST in its name, leaves no trace in alerts, notices, incidents and objectives, and
    ends by itself.
    """
    return await control.insight.drills.drill(actor, body.severity, within_s=body.within_s)


@router.get("/quality")
async def quality(control: Use, actor: Reader, since_s: _Since = _QUARTER_S) -> QualityView:
    """What became of each rule's notices: looked after, ignored, noise, or never any."""
    return await control.insight.notices.quality(actor, since_s=since_s)


@router.get("/notices/{id}/proof")
async def proof(control: Use, actor: Reader, id: Annotated[str, Path(max_length=500)]) -> Proof:
    """The ledger's rows of a notice, chained by hashes: samples, evaluation, text and answer."""
    return await control.insight.notices.proof(actor, id)
