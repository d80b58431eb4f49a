"""REST routes of the message bus."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field, JsonValue
from starlette.responses import HTMLResponse

from intertie.api import live
from intertie.api.access import Reader, Use, Writer
from intertie.api.models import Body
from intertie.bus.port import DeadLetter, GroupStatus, Priority
from intertie.control.asyncapi_page import POLICY, page
from intertie.control.bus import BusInfo, readable
from intertie.event import Event

_GROUP = "^[A-Za-z0-9_-]{1,100}$"
_WORD = "[A-Za-z0-9_-]{1,64}"
_TOPIC = rf"^{_WORD}(\.{_WORD}){{0,15}}$"
_PATTERN = rf"^(({_WORD}|\*)(\.({_WORD}|\*)){{0,15}}(\.#)?|#)$"
Group = Annotated[str, Path(pattern=_GROUP)]

router = APIRouter(prefix="/api/bus", tags=["bus"])
pages = APIRouter(tags=["bus"])


class MessageBody(Body):
    """What to publish."""

    topic: Annotated[str, Field(json_schema_extra={"pattern": _TOPIC})]
    data: Annotated[dict[str, JsonValue], Field(default_factory=dict)]
    subject: Annotated[str, Field(max_length=1_000)] = ""
    key: Annotated[str, Field(max_length=1_000)] | None = None
    """Events of one key keep their order."""
    priority: Priority = "normal"


class Letter(BaseModel):
    """A message that a group could not deal with."""

    id: str
    group: str
    topic: str
    reason: str
    tries: int
    at: datetime
    message: JsonValue
    """Its envelope; text when it is not JSON."""


def _letter(found: DeadLetter) -> Letter:
    return Letter(
        id=found.id,
        group=found.group,
        topic=found.message.topic,
        reason=found.reason,
        tries=found.tries,
        at=found.at,
        message=readable(found.message.body),  # type: ignore[arg-type] # JSON, as it was parsed
    )


@router.get("")
async def info(control: Use, actor: Reader) -> BusInfo:
    """Which broker, whether it is reached, and what it can do."""
    return control.bus.info(actor)


@router.post("/messages", status_code=201)
async def publish(control: Use, actor: Writer, body: MessageBody) -> Event:
    """Publish an event; answered once the broker keeps it."""
    return await control.bus.publish(
        actor,
        body.topic,
        body.data,
        subject=body.subject,
        key=body.key,
        priority=body.priority,
    )


@router.get("/messages", status_code=200, response_class=live.EventStream)
async def tail(
    control: Use,
    actor: Reader,
    topic: Annotated[str, Query(json_schema_extra={"pattern": _PATTERN})] = "#",
) -> Response:
    """Events of a topic or pattern from now on, as server-sent events."""
    return live.EventStream(
        control.bus.tail(actor, topic),
        lambda event: live.frame(event.model_dump(mode="json"), event=event.type, id=event.id),
    )


@router.get("/groups")
async def groups(control: Use, actor: Reader) -> list[GroupStatus]:
    """Every group: how far behind, what is in hand, how many dead letters."""
    return list(await control.bus.groups(actor))


@router.get("/dead-letters")
async def dead_letters(
    control: Use,
    actor: Reader,
    group: Annotated[str | None, Query(pattern=_GROUP)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[Letter]:
    """Messages that a group could not deal with, oldest first."""
    return [_letter(each) for each in await control.bus.dead_letters(actor, group, limit=limit)]


@router.post("/dead-letters/{group}/{id}/replay", status_code=204)
async def replay(control: Use, actor: Writer, group: Group, id: str) -> None:
    """Deliver it to its group anew, as if for the first time."""
    await control.bus.replay(actor, group, id)


@router.delete("/dead-letters/{group}/{id}", status_code=204)
async def drop(control: Use, actor: Writer, group: Group, id: str) -> None:
    """Forget it."""
    await control.bus.drop(actor, group, id)


@pages.get("/asyncapi.json")
async def asyncapi(control: Use, _: Reader) -> dict[str, JsonValue]:
    """The suite's events and commands, as an AsyncAPI 3 document."""
    return control.bus.asyncapi()  # type: ignore[return-value] # JSON, as it was made


@pages.get("/asyncapi", response_class=HTMLResponse)
async def asyncapi_page(control: Use, _: Reader) -> HTMLResponse:
    """The same for a person to read."""
    headers = {"content-security-policy": POLICY, "cache-control": "no-store"}
    return HTMLResponse(page(control.bus.asyncapi()), headers=headers)
