"""REST routes of incidents."""

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Path, Query, Response

from intertie.api.access import OwnReader, Use
from intertie.api.identity_route import IdentityRoute
from intertie.api.moment import Moment
from intertie.control.incident import Incident
from intertie.control.incident_desk import Brief
from intertie.control.incident_text import as_markdown

router = APIRouter(prefix="/api/incidents", tags=["incidents"], route_class=IdentityRoute)

MARKDOWN = "text/markdown"


@router.get("")
async def list_incidents(
    control: Use, actor: OwnReader, since: Moment | None = None, until: Moment | None = None
) -> Sequence[Brief]:
    """Those that were not over at `since` and had begun by `until`, the newest first."""
    return await control.incidents.list(actor, since, until)


@router.get(
    "/{id}",
    response_model=Incident,
    responses={200: {"content": {MARKDOWN: {"schema": {"type": "string"}}}}},
)
async def incident(
    *,
    control: Use,
    actor: OwnReader,
    id: Annotated[str, Path(max_length=100)],
    format: Annotated[Literal["json", "markdown"] | None, Query()] = None,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Incident | Response:
    """One incident: its timeline, what was done, who was told, and what was written last.

    As Markdown for `Accept: text/markdown` or `format=markdown`.
    """
    found = await control.incidents.get(actor, id)
    if format == "markdown" or (format is None and prefers_markdown(accept)):
        vary = {"vary": "accept"}
        return Response(as_markdown(found), media_type=f"{MARKDOWN}; charset=utf-8", headers=vary)
    return found


def prefers_markdown(accept: str) -> bool:
    """Whether Markdown is named and JSON is not named with more weight (RFC 9110 section 12.5)."""
    weights = dict[str, float]()
    for part in accept.split(","):
        kind, *parameters = (each.strip().lower() for each in part.split(";"))
        weights[kind] = next((_weight(p[2:]) for p in parameters if p.startswith("q=")), 1.0)
    wanted = weights.get(MARKDOWN, 0.0)
    return wanted > 0 and wanted >= weights.get("application/json", 0.0)


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
