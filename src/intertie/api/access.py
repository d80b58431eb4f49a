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
    address = request.client.host if request.client else ""
    return _control(request).identify(authorization, via="rest", address=address)


async def _reader(actor: Annotated[Actor, Depends(_actor)]) -> Actor:
    actor.require_read()
    return actor


async def _writer(actor: Annotated[Actor, Depends(_actor)]) -> Actor:
    actor.require_write()
    return actor


async def _own_reader(actor: Annotated[Actor, Depends(_actor)]) -> Actor:
    actor.require_own_read()
    return actor


async def _own_writer(actor: Annotated[Actor, Depends(_actor)]) -> Actor:
    actor.require_own_write()
    return actor


async def _observer(actor: Annotated[Actor, Depends(_actor)]) -> Actor:
    actor.require_sight()
    return actor


async def _manager(actor: Annotated[Actor, Depends(_actor)]) -> Actor:
    actor.require_management()
    return actor


Use = Annotated[Control, Depends(_control)]
Anyone = Annotated[Actor, Depends(_actor)]
"""Who may do nothing yet: the use case asks what it may."""
Reader = Annotated[Actor, Depends(_reader)]
Writer = Annotated[Actor, Depends(_writer)]
OwnReader = Annotated[Actor, Depends(_own_reader)]
"""Sees what is its tenant's at least: what is asked must show it nothing else."""
OwnWriter = Annotated[Actor, Depends(_own_writer)]
"""Changes what is its tenant's at least: what is asked must change nothing else."""
Observer = Annotated[Actor, Depends(_observer)]
"""Sees groups, roles and tenants."""
Manager = Annotated[Actor, Depends(_manager)]
"""Sees and changes users and keys, of its own tenant at least."""
