"""What GraphQL shows, and lets follow: one line of `control` each, as the REST routes have."""

from collections.abc import AsyncGenerator
from typing import cast

import strawberry
from anyio import to_thread
from strawberry.scalars import JSON

from intertie.api import graphql_types as types
from intertie.api.graphql_caller import MOST, Info, between, pages
from intertie.control.use_cases import Control
from intertie.runtime.log_filter import Filter


def health(info: Info) -> types.Health:
    """Health of every service."""
    return types.Health.of(info.context.control.health.report())


def services(info: Info, page: int = 1, limit: int = 100) -> types.ServicePage:
    """All services by name."""
    page, limit = pages(page, limit)
    found = info.context.control.services.list()
    items = [types.Service.of(each) for each in found[(page - 1) * limit : page * limit]]
    return types.ServicePage(items=items, page=page, limit=limit, total=len(found))


def service(info: Info, name: str) -> types.Service:
    """One service."""
    return types.Service.of(info.context.control.services.get(name))


async def changes(info: Info, page: int = 1, limit: int = 20) -> types.ChangePage:
    """Changes, newest first."""
    page, limit = pages(page, limit)
    found = await info.context.control.changes.list(page, limit)
    items = [types.Change.of(each) for each in found.items]
    return types.ChangePage(items=items, page=page, limit=limit, total=found.total)


async def change(info: Info, id: strawberry.ID) -> types.Change:
    """One change with its steps."""
    return types.Change.of(await info.context.control.changes.get(id))


async def events(
    info: Info, after: strawberry.ID | None = None, limit: int = 100
) -> list[types.Event]:
    """The newest events that are kept, oldest first."""
    between(limit, 1, MOST, "limit")
    async with info.context.control.events.read(after=after, follow=False) as events:
        found = [types.Event.of(event) async for event in events]
    return found[-limit:]


async def logs(
    info: Info,
    services: list[str] | None = None,
    tail: int = 100,
    grep: str | None = None,
) -> list[types.LogLine]:
    """The last lines of the services' logs; all when none is named."""
    between(tail, 1, MOST, "tail")
    reading = info.context.control.logs.read(
        services or [], tail=tail, follow=False, only=Filter(grep=grep)
    )
    async with reading as lines:
        return [types.LogLine.of(line) async for line in lines]


async def plan(info: Info) -> types.Plan:
    """Reads the suite file again and says what `apply` would do."""
    return types.Plan.of(await info.context.control.suite.plan())


def plugins(info: Info) -> list[types.Plugin]:
    """The plugins of the suite."""
    caller = info.context
    return [types.Plugin.of(each) for each in caller.control.plugins.list(caller.actor)]


def bus(info: Info) -> types.BusStatus:
    """Which broker, and whether it is reached."""
    caller = info.context
    return types.BusStatus.of(caller.control.bus.info(caller.actor))


async def topics(info: Info) -> list[types.BusTopic]:
    """Topics of the bus: Intertie's own, and those declared."""
    return await to_thread.run_sync(_topics, info.context.control)


async def groups(info: Info) -> list[types.BusGroup]:
    """How far each group of consumers is."""
    caller = info.context
    return [types.BusGroup.of(each) for each in await caller.control.bus.groups(caller.actor)]


async def metrics(info: Info) -> JSON:
    """Samples by name and service."""
    return JSON(await info.context.control.metrics.as_json())


def _topics(control: Control) -> list[types.BusTopic]:
    channels = control.bus.asyncapi()["channels"]
    found = cast("dict[str, dict[str, str]]", channels)
    return [
        types.BusTopic(name=name, description=each["description"]) for name, each in found.items()
    ]


async def follow_events(
    info: Info, after: strawberry.ID | None = None
) -> AsyncGenerator[types.Event, None]:
    """Events after that one, or all that are kept; then new ones."""
    async with info.context.control.events.read(after=after, follow=True) as events:
        async for event in events:
            yield types.Event.of(event)  # noqa: ASYNC119 - whoever reads closes it


async def follow_change(info: Info, id: strawberry.ID) -> AsyncGenerator[types.Change, None]:
    """The change now and each time it progresses; completes when it has ended."""
    async with info.context.control.changes.watch(id) as changes:
        async for found in changes:
            yield types.Change.of(found)  # noqa: ASYNC119 - whoever reads closes it
