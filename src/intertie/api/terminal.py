"""Terminals of services: what they show as a stream of bytes, what is typed as requests."""

from typing import Annotated

from fastapi import APIRouter, Body, Query, Response
from pydantic import Field

from intertie.api import live
from intertie.api.access import Use, Writer
from intertie.api.models import Body as Model
from intertie.api.models import LiveView

_LONGEST_INPUT = 64 * 1024

Index = Annotated[int, Query(alias="replica", ge=0, le=255)]
Side = Annotated[int, Field(ge=1, le=10_000)]
router = APIRouter(prefix="/api/services/{name}/terminal", tags=["terminals"])


class SizeBody(Model):
    """Of a terminal, in characters."""

    rows: Side
    columns: Side


@router.get("", status_code=200, response_class=live.ByteStream)
async def attach(control: Use, actor: Writer, name: str, index: Index = 0) -> Response:
    """The last 64 KiB it showed, then what follows, until the process ends."""
    control.terminals.require(actor, name, index)
    return live.ByteStream(control.terminals.attach(actor, name, index), bytes)


@router.post("/input")
async def write(
    control: Use,
    actor: Writer,
    name: str,
    data: Annotated[
        bytes, Body(media_type="application/octet-stream", min_length=1, max_length=_LONGEST_INPUT)
    ],
    index: Index = 0,
) -> LiveView:
    """Type the body, at most 64 KiB."""
    await control.terminals.write(actor, name, index, data)
    return LiveView()


@router.put("/size")
async def resize(
    control: Use, actor: Writer, name: str, body: SizeBody, index: Index = 0
) -> LiveView:
    """Give it another size; the program is told by SIGWINCH."""
    control.terminals.resize(actor, name, index, rows=body.rows, columns=body.columns)
    return LiveView()
