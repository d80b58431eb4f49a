"""All of the authorizer together: settings from a file, counters, and the socket."""

from functools import partial
from pathlib import Path

from anyio import TASK_STATUS_IGNORED, create_task_group
from anyio.abc import TaskStatus

from intertie.gateway.authz.authorizer import Authorizer
from intertie.gateway.authz.checks import Checks
from intertie.gateway.authz.journal import Journal
from intertie.gateway.authz.server import AuthzServer
from intertie.gateway.authz.settings import AuthzSettings, follow, load
from intertie.gateway.authz.signed import Signatures
from intertie.gateway.authz.sources import Sources
from intertie.limits.memory import MemoryCounters
from intertie.limits.shared import SharedCounters
from intertie.suite.bus import QueueConfig


async def serve(
    settings_file: Path,
    socket: Path,
    *,
    sources: Sources,
    counter_engine: QueueConfig | None = None,
    journal: Journal | None = None,
    signatures: Signatures | None = None,
    task_status: TaskStatus[Authorizer] = TASK_STATUS_IGNORED,
) -> None:
    """Answer Envoy until cancelled.

    `counter_engine` is needed where the limits say `counters: shared`: a Valkey or Redis that keeps
    its data. Raises GatewayError if the settings cannot be read.
    """
    settings = await load(settings_file)
    checks = Checks(settings_file.parent)
    await checks.prepare(settings.documents)
    counters = _counters(settings, counter_engine)
    authorizer = Authorizer(
        settings,
        sources=sources,
        counters=counters,
        journal=journal or Journal(),
        checks=checks,
        signatures=signatures,
    )

    async def prepare(told: AuthzSettings) -> None:
        await checks.prepare(told.documents)

    async with create_task_group() as group:
        if isinstance(counters, SharedCounters):
            await group.start(counters.run)
        await group.start(partial(follow, settings_file, authorizer.use, prepare=prepare))
        await group.start(AuthzServer(authorizer, counters, path=socket).run)
        task_status.started(authorizer)


def _counters(
    settings: AuthzSettings, engine: QueueConfig | None
) -> MemoryCounters | SharedCounters:
    """Of which kind is not changed while it runs: what was counted would be forgotten."""
    limits = settings.limits
    if limits is None or limits.counters == "local" or engine is None:
        return MemoryCounters()
    return SharedCounters(engine, outage=limits.outage, gateways=limits.gateways)
