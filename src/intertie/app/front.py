"""The front: all use cases, and the management API before them. Loaded while services start."""

import socket

from intertie.api.rest import create_app
from intertie.api.server import ApiServer
from intertie.app.addresses import host_names, is_loopback
from intertie.app.orchestrator import Inner
from intertie.control.changes import ChangeControl
from intertie.control.events import EventControl
from intertie.control.health import Health
from intertie.control.jobs import Jobs
from intertie.control.logs import Logs
from intertie.control.metrics import Metrics
from intertie.control.services import Services
from intertie.control.terminals import Terminals
from intertie.control.tokens import Tokens
from intertie.control.use_cases import Control
from intertie.runtime.logs import LogReader
from intertie.suite.model import Jwt


def server(inner: Inner, listener: socket.socket) -> ApiServer:
    """The management API of a running suite, on a socket that listens already."""
    host = inner.orchestrator.wanted.suite.api.host
    return ApiServer(create_app(control(inner), hosts=host_names(host)), listener)


def control(inner: Inner) -> Control:
    """All use cases over a running suite."""
    orchestrator = inner.orchestrator
    supervisor = orchestrator.supervisor
    services = Services(supervisor, inner.changes)

    def has_ended(service: str, replica: int) -> bool:
        return not supervisor.has_process(service, replica)

    def jwt() -> Jwt:
        gateway = orchestrator.suite.gateway
        return gateway.jwt if gateway else Jwt()

    reader = LogReader(orchestrator.folder.logs, ended=has_ended)
    return Control(
        key=inner.key,
        open_reads=is_loopback(orchestrator.wanted.suite.api.host),
        open_writes=orchestrator.settings.insecure_local,
        services=services,
        suite=inner.suite,
        changes=ChangeControl(inner.changes, orchestrator.hub),
        events=EventControl(orchestrator.hub),
        jobs=Jobs(services, reader),
        terminals=Terminals(supervisor),
        logs=Logs(services, reader),
        health=Health(supervisor.snapshot, lambda: inner.addresses, orchestrator.points.drifted),
        metrics=Metrics(supervisor.snapshot),
        tokens=Tokens(lambda: orchestrator.issuer, jwt),
    )
