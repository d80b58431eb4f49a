"""Who calls, and what a route gets of the running suite."""

from typing import Annotated, cast

from fastapi import Depends, Header, Request

from intertie.control.actor import Actor
from intertie.control.use_cases import Control


def _control(request: Request) -> Control:
    return cast("Control", request.app.state.control)


async def _actor(
    request: Request, authorization: Annotated[str | None, Header(include_in_schema=False)] = None
) -> Actor:
    return _control(request).identify(authorization, via="rest")


async def _reader(actor: Annotated[Actor, Depends(_actor)]) -> Actor:
    actor.require_read()
    return actor


async def _writer(actor: Annotated[Actor, Depends(_actor)]) -> Actor:
    actor.require_write()
    return actor


Use = Annotated[Control, Depends(_control)]
Reader = Annotated[Actor, Depends(_reader)]
Writer = Annotated[Actor, Depends(_writer)]
