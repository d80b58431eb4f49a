"""The front: all use cases, and the management API before them. Loaded while services start."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime

from intertie.api.rest import create_app
from intertie.api.server import ApiServer
from intertie.app.addresses import host_names, is_loopback
from intertie.app.bus import LONGEST_S, BusLink, SuiteSide
from intertie.app.integrations import SuiteIntegrations
from intertie.app.orchestrator import ENGINES, Inner, SuiteOrchestrator
from intertie.bus.schemas import Schemas
from intertie.control.bus import BusControl
from intertie.control.cache import CacheControl
from intertie.control.callers import Callers
from intertie.control.changes import ChangeControl
from intertie.control.commands import Commands
from intertie.control.dashboard import DashboardControl
from intertie.control.events import EventControl
from intertie.control.health import Health
from intertie.control.heartbeats import Beats, HeartbeatControl
from intertie.control.identity import IdentityControl
from intertie.control.identity_desk import IdentityDesk, Rights
from intertie.control.incident_desk import IncidentControl, Sources
from intertie.control.incident_log import IncidentLog
from intertie.control.integrations import IntegrationControl
from intertie.control.jobs import Jobs
from intertie.control.logs import Logs
from intertie.control.metrics import Metrics
from intertie.control.monitoring import MonitoringControl
from intertie.control.on_call import Alarms, OnCallControl
from intertie.control.plugins import PluginControl
from intertie.control.remediation import RemediationControl, RemediationSources
from intertie.control.rule_insight import rule_insight
from intertie.control.schedule import TaskControl
from intertie.control.services import Services
from intertie.control.slo import SloControl
from intertie.control.status_page import StatusPageControl
from intertie.control.terminals import Terminals
from intertie.control.tokens import Tokens
from intertie.control.traces import TracesControl
from intertie.control.use_cases import Control
from intertie.runtime.component import Component
from intertie.runtime.logs import LogReader
from intertie.suite.bus import QueueType
from intertie.suite.gateway import Gateway
from intertie.suite.topic_files import topic_schemas

_NEAR_S = 0.2
"""To look for a bus of the suite's own costs nothing, and whoever hears that it is UP uses it."""
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
    who = Callers(
        lambda: orchestrator.issuer,
        lambda: (orchestrator.suite.gateway or Gateway()).jwt.audience,
        opened=inner.opened,
    )
    cases = control(inner, link, who)
    orchestrator.asgi = made = create_app(cases, hosts=host_names(host), tracer=orchestrator.tracer)
    yield who
    if cases.incidents.sources is not None:
        yield cases.incidents.sources.log
    yield ApiServer(made, listener)
    port = orchestrator.wanted.suite.api.grpc_port
    if port is not None:
        from intertie.api.rpc import GrpcServer

        number = 0 if port == "auto" else port
        yield GrpcServer(cases, host, number, tracer=orchestrator.tracer)
    if link is not None:
        yield link


def control(inner: Inner, link: BusLink | None, who: Callers) -> Control:
    """All use cases over a running suite."""
    orchestrator = inner.orchestrator
    supervisor = orchestrator.supervisor
    services = Services(supervisor, inner.changes)

    def has_ended(service: str, replica: int) -> bool:
        return not supervisor.has_process(service, replica)

    def gateway() -> Gateway:
        return orchestrator.suite.gateway or Gateway()

    hooks = orchestrator.plugins.hooks if orchestrator.plugins else None
    folder = orchestrator.settings.file.parent
    desk = _desk(inner)
    cache = CacheControl(
        lambda: orchestrator.suite,
        orchestrator.folder.envoy,
        orchestrator.hub.publish,
        desk=desk,
    )
    reader = LogReader(orchestrator.folder.logs, ended=has_ended)
    integrations = _integrations(inner)
    metrics = Metrics(supervisor.snapshot, hooks, cache.counted, integrations.all_counted)
    monitoring = orchestrator.monitoring
    monitoring.metrics = lambda: metrics
    monitoring.client = lambda: link.connected if link is not None else None
    health = Health(supervisor.snapshot, lambda: inner.addresses, orchestrator.points.drifted)
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
        health=health,
        metrics=metrics,
        monitoring=MonitoringControl(lambda: monitoring.watching),
        heartbeats=HeartbeatControl(
            lambda: Beats(it.listener, it.pulse) if (it := monitoring.watching) else None
        ),
        on_call=OnCallControl(
            lambda: Alarms(it.config, it.alerting, it.desk) if (it := monitoring.watching) else None
        ),
        dashboards=DashboardControl(lambda: monitoring.watching, lambda: orchestrator.suite),
        incidents=IncidentControl(_incident_sources(inner, reader)),
        status_page=StatusPageControl(
            lambda: orchestrator.suite, health, lambda: monitoring.watching
        ),
        traces=TracesControl(lambda: orchestrator.traces.tracing),
        insight=rule_insight(lambda: monitoring.watching, inner.suite.written),
        slo=SloControl(lambda: it.promised if (it := monitoring.watching) else None),
        tasks=TaskControl(
            lambda: orchestrator.tasks.tasks,
            lambda: orchestrator.tasks.checks,
            lambda: orchestrator.suite,
            inner.changes,
        ),
        remediation=RemediationControl(_remediation_sources(inner)),
        plugins=PluginControl(hooks),
        cache=cache,
        integrations=integrations,
        tokens=Tokens(lambda: orchestrator.issuer, gateway, desk),
        identity=IdentityControl.of(desk),
        who=who,
        rights=desk.rights,
    )


def _integrations(inner: Inner) -> IntegrationControl:
    orchestrator = inner.orchestrator

    def now() -> SuiteIntegrations | None:
        return orchestrator.integrations

    async def rotate() -> int:
        it = now()
        return await it.rotate_keys() if it else 0

    return IntegrationControl(
        lambda: it.registry if (it := now()) else None,
        lambda: orchestrator.suite,
        lambda: it.desk if (it := now()) else None,
        lambda: f"{inner.addresses['api']}/integrations/callback",
        lambda: it.refused if (it := now()) else {},
        rotate,
    )


def _incident_sources(inner: Inner, reader: LogReader) -> Sources:
    orchestrator = inner.orchestrator
    return Sources(
        inner.journal,
        inner.changes,
        orchestrator.supervisor.snapshot,
        IncidentLog(orchestrator.hub, reader, inner.records, now=_now),
        lambda: orchestrator.monitoring.watching,
    )


def _remediation_sources(inner: Inner) -> RemediationSources:
    orchestrator = inner.orchestrator
    return RemediationSources(
        lambda: it.remediator if (it := orchestrator.remediation) else None,
        lambda: orchestrator.suite,
        inner.journal,
        inner.changes,
        orchestrator.supervisor.snapshot,
    )


def _desk(inner: Inner) -> IdentityDesk:
    orchestrator = inner.orchestrator
    roles = orchestrator.suite.api.roles
    return IdentityDesk(
        inner.opened,
        lambda: orchestrator.suite,
        orchestrator.folder.envoy if orchestrator.suite.gateway else None,
        Rights(roles.write, roles.read),
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
        tracer=orchestrator.tracer,
        longest_s=_NEAR_S if bus.queue_type is QueueType.EMBEDDED else LONGEST_S,
    )


def _now() -> datetime:
    return datetime.now(UTC)
