"""The front: all use cases, and the management API before them. Loaded while services start."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime

from intertie.api.rest import create_app
from intertie.api.server import ApiServer
from intertie.app.addresses import host_names, is_loopback
from intertie.app.bus import BusLink, SuiteSide
from intertie.app.orchestrator import ENGINES, Inner, SuiteOrchestrator
from intertie.bus.schemas import Schemas
from intertie.control.bus import BusControl
from intertie.control.changes import ChangeControl
from intertie.control.commands import Commands
from intertie.control.events import EventControl
from intertie.control.health import Health
from intertie.control.jobs import Jobs
from intertie.control.logs import Logs
from intertie.control.metrics import Metrics
from intertie.control.plugins import PluginControl
from intertie.control.services import Services
from intertie.control.terminals import Terminals
from intertie.control.tokens import Tokens
from intertie.control.use_cases import Control
from intertie.runtime.component import Component
from intertie.runtime.logs import LogReader
from intertie.suite.model import Jwt
from intertie.suite.topic_files import topic_schemas

_OF_A_PROGRAM = "queue"
"""The bridge of a program that runs the suite itself, beside the suite's own."""


def front(inner: Inner, listener: socket.socket) -> Iterator[Component]:
    """The management API of a running suite, on a socket that listens already; and its bus."""
    orchestrator = inner.orchestrator
    services = Services(orchestrator.supervisor, inner.changes)
    name = orchestrator.suite.suite
    commands = Commands(
        services, inner.changes, inner.records, orchestrator.hub, _now, suite=name, spared=ENGINES
    )
    orchestrator.bridged = SuiteSide(name, commands, inner.journal, reader=_OF_A_PROGRAM)
    link = _link(orchestrator, SuiteSide(name, commands, inner.journal))
    host = orchestrator.wanted.suite.api.host
    orchestrator.asgi = made = create_app(control(inner, link), hosts=host_names(host))
    yield ApiServer(made, listener)
    if link is not None:
        yield link


def control(inner: Inner, link: BusLink | None) -> Control:
    """All use cases over a running suite."""
    orchestrator = inner.orchestrator
    supervisor = orchestrator.supervisor
    services = Services(supervisor, inner.changes)

    def has_ended(service: str, replica: int) -> bool:
        return not supervisor.has_process(service, replica)

    def jwt() -> Jwt:
        gateway = orchestrator.suite.gateway
        return gateway.jwt if gateway else Jwt()

    hooks = orchestrator.plugins.hooks if orchestrator.plugins else None
    folder = orchestrator.settings.file.parent
    reader = LogReader(orchestrator.folder.logs, ended=has_ended)
    return Control(
        key=inner.key,
        open_reads=is_loopback(orchestrator.wanted.suite.api.host),
        open_writes=orchestrator.settings.insecure_local,
        services=services,
        suite=inner.suite,
        changes=ChangeControl(inner.changes, orchestrator.hub),
        events=EventControl(orchestrator.hub),
        bus=BusControl(link, orchestrator.wanted.suite, orchestrator.bus_config, folder),
        jobs=Jobs(services, reader),
        terminals=Terminals(supervisor),
        logs=Logs(services, reader),
        health=Health(supervisor.snapshot, lambda: inner.addresses, orchestrator.points.drifted),
        metrics=Metrics(supervisor.snapshot, hooks),
        plugins=PluginControl(hooks),
        tokens=Tokens(lambda: orchestrator.issuer, jwt),
    )


def _link(orchestrator: SuiteOrchestrator, side: SuiteSide) -> BusLink | None:
    config, bus = orchestrator.bus_config, orchestrator.wanted.suite.bus
    if config is None or bus is None:
        return None
    return BusLink(
        lambda: config,
        side,
        source=f"intertie/{orchestrator.suite.suite}",
        schemas=lambda: Schemas(topic_schemas(bus.topics, orchestrator.settings.file.parent)),
        obey=bus.commands,
    )


def _now() -> datetime:
    return datetime.now(UTC)
