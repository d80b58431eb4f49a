"""The pages of services, changes, events and routes."""

import json
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from anyio import to_thread
from starlette.responses import Response

from intertie.api.admin.wire import Caller
from intertie.api.login import pages
from intertie.api.portal import sheet
from intertie.control.health import status_of
from intertie.control.routes import RouteLine, list_routes
from intertie.errors import NotFoundError
from intertie.event import Event
from intertie.plan import Replica, ServiceStatus
from intertie.runtime.change import Change
from intertie.suite.load import Loaded
from intertie.suite.model import Suite
from intertie.suite.rules import RESERVED
from intertie.suite.tree import Place, Places

_CHANGES = 15
_EVENTS = 30
_MAX_DATA = 300


async def services(caller: Caller) -> Response:
    """The suite at a glance."""
    caller.actor.require_read()
    control = caller.control
    changes = await control.changes.list(1, _CHANGES)
    return caller.page(
        "Services",
        sheet.section(
            "Now",
            sheet.table(
                ("Service", "State", "Replicas", ""),
                [_service(caller, each) for each in control.services.list()],
            ),
        ),
        sheet.section(
            "Last changes",
            sheet.table(
                ("Began", "Change", "By", "State", ""),
                [_change(caller, each) for each in changes.items],
            ),
        ),
        sheet.section(
            "Last events",
            sheet.table(
                ("Time", "Event", "Of", ""), [_event(each) for each in await _last(caller)]
            ),
        ),
    )


async def act(caller: Caller) -> Response:
    """Start, stop or restart a service. Raises NotFoundError."""
    name, verb = caller.request.path_params["name"], caller.request.path_params["verb"]
    control = caller.control.services
    verbs: dict[str, Callable[..., Awaitable[str]]] = {
        "start": control.start,
        "stop": control.stop,
        "restart": control.restart,
    }
    if verb not in verbs:
        raise NotFoundError("cannot do this with a service: choose start, stop or restart")
    await verbs[verb](caller.actor, [name])
    return caller.back()


async def abort(caller: Caller) -> Response:
    """Stop doing a change."""
    await caller.control.changes.abort(caller.actor, caller.request.path_params["id"])
    return caller.back()


async def routes(caller: Caller) -> Response:
    """The gateway's routes, in the order it tries them."""
    caller.actor.require_read()
    control = caller.control
    # Of a suite without identities, their use cases do not know the suite either.
    suite = control.identity.people.desk.suite() or control.cache.suite()
    if suite is None or suite.gateway is None:
        return caller.page("Routes", pages.paragraph("The suite has no gateway."))
    lines = await to_thread.run_sync(list_routes, _loaded(suite))
    heads = ("Path", "Methods", "To", "Open to", "Rate", "Cached")
    return caller.page(
        "Routes", sheet.section("As applied", sheet.table(heads, map(_route, lines)))
    )


def _loaded(suite: Suite) -> Loaded:
    """A suite of which nobody asks where it is written."""
    return Loaded(suite, Path(), None, (), Places({(): Place(Path(), 0, 0)}))


def _service(caller: Caller, found: ServiceStatus) -> Sequence[str]:
    replicas = "<br>".join(_replica(each) for each in found.replicas)
    buttons = ""
    # Engines come and go with what needs them.
    if caller.actor.may_write and found.name not in RESERVED:
        for verb in ("restart", "stop", "start"):
            buttons += caller.button(f"services/{found.name}/{verb}", verb.capitalize())
    return sheet.code(found.name), sheet.text(status_of(found).value), replicas, buttons


def _replica(replica: Replica) -> str:
    told = f"{replica.index}: {replica.state}"
    if replica.pid is not None:
        told += f", pid {replica.pid}"
    if replica.port is not None:
        told += f", port {replica.port}"
    if replica.restarts:
        told += f", {replica.restarts} restarts"
    if replica.reason:
        told += f" ({replica.reason})"
    return sheet.text(told)


def _change(caller: Caller, change: Change) -> Sequence[str]:
    told = change.status + (f": {change.error}" if change.error else "")
    doing = change.status == "doing" and caller.actor.may_write
    return (
        sheet.moment(change.began_at),
        sheet.text(change.title),
        sheet.text(change.actor),
        sheet.text(told),
        caller.button(f"changes/{change.id}/abort", "Abort") if doing else "",
    )


async def _last(caller: Caller) -> list[Event]:
    """The newest first."""
    found: deque[Event] = deque(maxlen=_EVENTS)
    async with caller.control.events.read(after=None, follow=False) as events:
        async for event in events:
            found.appendleft(event)
    return list(found)


def _event(event: Event) -> Sequence[str]:
    data = json.dumps(event.data, ensure_ascii=False, default=str)
    return (
        sheet.moment(event.time),
        sheet.code(event.type),
        sheet.text(event.subject),
        sheet.code(data if len(data) <= _MAX_DATA else f"{data[:_MAX_DATA]}…"),
    )


def _route(line: RouteLine) -> Sequence[str]:
    who = ", ".join(line.auth) or "everybody"
    return (
        sheet.code(line.path),
        sheet.text(", ".join(line.methods)),
        sheet.text(line.target),
        sheet.text(f"{who}; roles {', '.join(line.roles)}" if line.roles else who),
        sheet.text(line.rate),
        "yes" if line.cached else "",
    )
