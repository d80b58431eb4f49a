"""What GraphQL does: one line of `control` each, as the REST routes have."""

from collections.abc import Mapping
from typing import cast

import strawberry
from graphql import GraphQLError
from strawberry.scalars import JSON

from intertie.api import graphql_types as types
from intertie.api.graphql_caller import MOST, Caller, Info, between

_MOST_REPLICAS = 256
_MOST_ROLES = 50
_LONGEST_SUBJECT = 200
_LONGEST_S = 2**31 - 1


async def start(info: Info, services: list[str], alone: bool = False) -> types.Change:
    """Start services and, unless `alone`, what they depend on."""
    caller, names = info.context, _named(services)
    id = await caller.control.services.start(caller.actor, names, alone=alone)
    return await _change(caller, id)


async def stop(info: Info, services: list[str]) -> types.Change:
    """Stop services, and first those that depend on them."""
    caller = info.context
    id = await caller.control.services.stop(caller.actor, _named(services))
    return await _change(caller, id)


async def restart(info: Info, services: list[str]) -> types.Change:
    """Restart services, one replica after the other."""
    caller = info.context
    id = await caller.control.services.restart(caller.actor, _named(services))
    return await _change(caller, id)


async def scale(info: Info, service: str, replicas: int) -> types.Change:
    """Have this many replicas until the next `apply`."""
    caller = info.context
    between(replicas, 1, _MOST_REPLICAS, "replicas")
    id = await caller.control.services.scale(caller.actor, service, replicas)
    return await _change(caller, id)


async def apply(info: Info) -> types.Change:
    """Read the suite file again and bring the suite to what it says."""
    caller = info.context
    return await _change(caller, await caller.control.suite.apply(caller.actor))


async def abort(info: Info, change: strawberry.ID) -> types.Change:
    """Stop doing a change; what was done stays done."""
    caller = info.context
    await caller.control.changes.abort(caller.actor, change)
    return await _change(caller, change)


async def mint_token(
    info: Info,
    subject: str,
    roles: list[str] | None = None,
    ttl_seconds: int | None = None,
) -> types.Token:
    """A token that the gateway accepts."""
    caller = info.context
    between(len(subject), 1, _LONGEST_SUBJECT, "subject (its length)")
    between(len(roles or []), 0, _MOST_ROLES, "roles (their number)")
    ttl_s = None if ttl_seconds is None else between(ttl_seconds, 1, _LONGEST_S, "ttlSeconds")
    mint = caller.control.tokens.mint
    token = mint(caller.actor, subject, roles=roles or [], ttl_s=ttl_s)
    return types.Token(access_token=token.access_token, expires_in=token.expires_in)


async def publish(info: Info, topic: str, data: JSON, subject: str = "") -> types.Event:
    """Publish an event; answered once the broker keeps it."""
    caller = info.context
    fields = _object(data)
    publish = caller.control.bus.publish
    event = await publish(caller.actor, topic, fields, subject=subject)
    return types.Event.of(event)


async def _change(caller: Caller, id: str) -> types.Change:
    return types.Change.of(await caller.control.changes.get(id))


def _named(services: list[str]) -> list[str]:
    between(len(services), 1, MOST, "services (their number)")
    return services


def _object(data: object) -> Mapping[str, object]:
    if not isinstance(data, dict):
        raise GraphQLError("cannot use data: it must be an object")
    return cast("Mapping[str, object]", data)
