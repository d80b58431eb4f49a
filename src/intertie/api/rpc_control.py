"""The methods of `intertie.v1.ControlService`; one line of `control` each."""

from collections.abc import Sequence
from typing import Any

import grpc
from anyio import EndOfStream

from intertie.api import rpc_messages as messages
from intertie.api.pb import control_pb2 as pb
from intertie.api.rpc_calls import Asked, Call, InvalidError, Write, streaming, unary
from intertie.control.use_cases import Control

NAME = pb.DESCRIPTOR.services_by_name["ControlService"].full_name
_MOST, _MOST_REPLICAS, _MOST_ROLES, _LONGEST = 1_000, 256, 50, 200


def handlers(control: Control) -> grpc.GenericRpcHandler:
    """All methods."""
    table: dict[str, grpc.RpcMethodHandler[Any, Any]] = {  # Any: each has types of its own
        "ListServices": unary(control, list_services, pb.ListServicesRequest),
        "GetService": unary(control, get_service, pb.GetServiceRequest),
        "StartServices": unary(control, start, pb.StartServicesRequest),
        "StopServices": unary(control, stop, pb.StopServicesRequest),
        "RestartServices": unary(control, restart, pb.RestartServicesRequest),
        "ScaleService": unary(control, scale, pb.ScaleServiceRequest),
        "GetPlan": unary(control, get_plan, pb.GetPlanRequest),
        "Apply": unary(control, apply, pb.ApplyRequest),
        "ListChanges": unary(control, list_changes, pb.ListChangesRequest),
        "GetChange": unary(control, get_change, pb.GetChangeRequest),
        "WatchChange": streaming(control, watch_change, pb.WatchChangeRequest),
        "AbortChange": unary(control, abort, pb.AbortChangeRequest),
        "WatchEvents": streaming(control, watch_events, pb.WatchEventsRequest),
        "GetHealth": unary(control, get_health, pb.GetHealthRequest),
        "MintToken": unary(control, mint, pb.MintTokenRequest),
    }
    return grpc.method_handlers_generic_handler(NAME, table)


async def list_services(call: Call[pb.ListServicesRequest]) -> pb.ListServicesResponse:
    """A page of them."""
    page, limit = _page(call.request.page, call.request.limit, 100)
    found = call.control.services.list()
    some = found[(page - 1) * limit : page * limit]
    return pb.ListServicesResponse(
        services=[messages.service(each) for each in some], total=len(found)
    )


async def get_service(call: Call[pb.GetServiceRequest]) -> pb.Service:
    """One of them."""
    return messages.service(call.control.services.get(call.request.name))


async def start(call: Call[pb.StartServicesRequest]) -> pb.Change:
    """Begin to."""
    names = _named(call.request.services)
    services = call.control.services
    return await _change(call, await services.start(call.actor, names, alone=call.request.alone))


async def stop(call: Call[pb.StopServicesRequest]) -> pb.Change:
    """Begin to."""
    names = _named(call.request.services)
    return await _change(call, await call.control.services.stop(call.actor, names))


async def restart(call: Call[pb.RestartServicesRequest]) -> pb.Change:
    """Begin to."""
    names = _named(call.request.services)
    return await _change(call, await call.control.services.restart(call.actor, names))


async def scale(call: Call[pb.ScaleServiceRequest]) -> pb.Change:
    """Begin to."""
    count = _between(call.request.replicas, 1, _MOST_REPLICAS, "replicas")
    services = call.control.services
    return await _change(call, await services.scale(call.actor, call.request.service, count))


async def get_plan(call: Call[pb.GetPlanRequest]) -> pb.GetPlanResponse:
    """What Apply would do."""
    return messages.plan(await call.control.suite.plan())


async def apply(call: Call[pb.ApplyRequest]) -> pb.Change:
    """Begin to."""
    return await _change(call, await call.control.suite.apply(call.actor))


async def list_changes(call: Call[pb.ListChangesRequest]) -> pb.ListChangesResponse:
    """A page of them."""
    page, limit = _page(call.request.page, call.request.limit, 20)
    found = await call.control.changes.list(page, limit)
    return pb.ListChangesResponse(
        changes=[messages.change(each) for each in found.items], total=found.total
    )


async def get_change(call: Call[pb.GetChangeRequest]) -> pb.Change:
    """One of them."""
    return await _change(call, call.request.id)


async def watch_change(call: Call[pb.WatchChangeRequest], write: Write[pb.Change]) -> None:
    """Until it has ended."""
    async with call.control.changes.watch(call.request.id) as changes:
        async for found in changes:
            await write(messages.change(found))


async def abort(call: Call[pb.AbortChangeRequest]) -> pb.Change:
    """As it stands then."""
    await call.control.changes.abort(call.actor, call.request.id)
    return await _change(call, call.request.id)


async def watch_events(call: Call[pb.WatchEventsRequest], write: Write[pb.Event]) -> None:
    """Those that are kept, then new ones. Raises EndOfStream when the reader falls behind."""
    asked = call.request
    reading = call.control.events.read(after=asked.after or None, follow=not asked.kept_only)
    async with reading as events:
        async for found in events:
            await write(messages.event(found))
    if not asked.kept_only:
        raise EndOfStream


async def get_health(call: Call[pb.GetHealthRequest]) -> pb.Health:
    """Of every service."""
    return messages.health(call.control.health.report())


async def mint(call: Call[pb.MintTokenRequest]) -> pb.MintTokenResponse:
    """A token that the gateway accepts."""
    asked = call.request
    _between(len(asked.subject), 1, _LONGEST, "subject (its length)")
    _between(len(asked.roles), 0, _MOST_ROLES, "roles (their number)")
    _between(asked.ttl_seconds, 0, 2**31 - 1, "ttl_seconds")
    token = call.control.tokens.mint(
        call.actor, asked.subject, roles=list(asked.roles), ttl_s=asked.ttl_seconds or None
    )
    return pb.MintTokenResponse(
        access_token=token.access_token,
        token_type="Bearer",  # noqa: S106 - a scheme, not a secret
        expires_in=token.expires_in,
    )


async def _change(call: Call[Asked], id: str) -> pb.Change:
    return messages.change(await call.control.changes.get(id))


def _named(services: Sequence[str]) -> list[str]:
    _between(len(services), 1, _MOST, "services (their number)")
    return list(services)


def _page(page: int, limit: int, default: int) -> tuple[int, int]:
    """Of a request; 0, which is what is not given, has a meaning."""
    return (
        _between(page or 1, 1, 1_000_000, "page"),
        _between(limit or default, 1, _MOST, "limit"),
    )


def _between(value: int, least: int, most: int, name: str) -> int:
    if not least <= value <= most:
        raise InvalidError(f"cannot use {name}: {value}: it must be from {least} to {most}")
    return value
