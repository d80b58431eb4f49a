"""The orchestrator: what starts first is loaded first.

Services begin to start before the management API's framework is even imported: see `front`.
"""

import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Self

import anyio
from anyio import (
    CancelScope,
    Event,
    create_task_group,
    move_on_after,
    open_signal_receiver,
    to_thread,
)
from anyio.abc import TaskGroup, TaskStatus

from intertie.api.listen import bind
from intertie.app import edge
from intertie.app.addresses import addresses
from intertie.app.edge import Edge
from intertie.app.identity import AUTHZ_SOCKET, settings_of
from intertie.app.monitoring import SuiteMonitoring
from intertie.app.pausing import let_go
from intertie.app.tasks import SuiteTasks
from intertie.app.tracing import SuiteTraces, traced_gateway, tracing_of
from intertie.bus.background import Background
from intertie.bus.url import to_url
from intertie.control.actor import Actor
from intertie.control.declared import check as check_parts
from intertie.control.suite import SuiteControl, Wanted
from intertie.drivers import proc
from intertie.drivers.process import ProcessDriver
from intertie.errors import ConflictError, DaemonError, IntertieError, StoreError
from intertie.event import Event as SuiteEvent
from intertie.identity.api_key import ApiKey
from intertie.plan import Replica, active
from intertie.points.survey import PointsMonitor
from intertie.runtime.autoscale import Autoscaler
from intertie.runtime.bus_engine import BUS, BusEngine
from intertie.runtime.cascade import Cascade
from intertie.runtime.change import Changes
from intertie.runtime.daemon import Lock, log_to_stderr
from intertie.runtime.environment import Surroundings, inherited
from intertie.runtime.folder import STATE_FOLDER, Daemon, StateFolder, find_suite
from intertie.runtime.hub import EventHub
from intertie.runtime.journal import Journal
from intertie.runtime.ledger import Ledger
from intertie.runtime.ports import Ports
from intertie.runtime.remains import reap_all
from intertie.runtime.supervisor import Supervisor
from intertie.store import Records
from intertie.store.sqlite import SqliteRecords
from intertie.suite import load
from intertie.suite.bus import Bus, QueueConfig, QueueType
from intertie.suite.model import Suite
from intertie.suite.plugins import Plugins
from intertie.suite.points import IntegrationPoints
from intertie.suite.secret import lookup, resolve
from intertie.suite.topic_files import topic_schemas
from intertie.trace_context import Tracer

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from intertie.app.bus import SuiteSide
    from intertie.app.integrations import SuiteIntegrations
    from intertie.app.plugins import SuitePlugins
    from intertie.app.remediation import SuiteRemediation
    from intertie.control.identity_desk import Opened
    from intertie.identity.issuer import Issuer
    from intertie.plugins import PluginManager
    from intertie.runtime.rotation import Rotator

log = logging.getLogger(__name__)

_THE_DAEMON = Actor("up", may_read=True, may_write=True)
_THE_PROGRAM = Actor("program", may_read=True, may_write=True)
_FRONT = "intertie.app.front"
_IDENTITIES = "intertie.app.identities"
_WATCHERS = "intertie.app.watchers"
_PLUGINS = "intertie.app.plugins"
ENGINES = edge.ENGINES | {BUS}
_REMEMBERED = 1_000
_LAST_WORDS_S = 1.0
_HEAD_START_S = 0.3
"""How long the first change has the processor to itself, if it takes so long."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What one daemon is told by its command line."""

    file: Path
    environment: str | None
    folder: StateFolder
    profiles: tuple[str, ...] = ()
    insecure_local: bool = False
    lock: int | None = None
    """The descriptor of the folder's lock, when who starts this daemon took it already."""
    idle: bool = False
    """Start engines only; services start when told."""

    @classmethod
    def here(cls) -> Self:
        """For the suite file of this folder, or the nearest above. Raises DaemonError."""
        file = find_suite(None)
        folder = StateFolder(file.resolve().parent / STATE_FOLDER)
        return cls(file, None, folder, idle=True)


@dataclass(frozen=True, slots=True)
class Inner:
    """A running suite, for those who show it to the outside."""

    orchestrator: "SuiteOrchestrator"
    key: ApiKey
    changes: Changes
    suite: SuiteControl
    addresses: Mapping[str, str]
    records: Records
    journal: Journal
    opened: "Opened | None"
    """Users and keys; None where the suite has none."""


class SuiteOrchestrator:
    """One suite, running: the parts that live from the first moment to the last."""

    def __init__(self, settings: Settings | None = None) -> None:
        """Without settings: the suite file of this folder, to be opened by `open`.

        Raises SuiteError or IntertieError before anything is started.
        """
        self.settings = settings = settings or Settings.here()
        self.folder = settings.folder
        self.folder.create()
        self.stopping = Event()
        self.ledger = Ledger(self.folder.ledger)
        left = {entry.service: entry.port for entry in self.ledger.entries()}
        self.edge = Edge(self.folder, settings.file.parent, left=left)
        self._bus_engine = BusEngine(self.folder.bus)
        self._bus_port = left.get(BUS) or self._bus_engine.last_port
        self._journal: Journal | None = None
        self._bridged: SuiteSide | None = None
        self._background = Background()
        self.plugin_manager: PluginManager | None = None
        """Plugins to run in this process, in place of the suite's own in one of theirs."""
        self.asgi: ASGIApp | None = None
        """The management API, once it runs."""
        self.integrations: SuiteIntegrations | None = None
        """Connections to services outside, once it runs."""
        self.monitoring = SuiteMonitoring(self)
        """What is measured, once the suite asks for that."""
        self.rotator: Rotator | None = None
        """Keeps the logs, once it runs."""
        self.tasks = SuiteTasks(self)
        """What is done at set times, once the suite asks for that."""
        self.remediation: SuiteRemediation | None = None
        """Answers alerts, once it runs."""
        self.plugins: SuitePlugins | None = None
        """Once it runs, if there are any."""
        self._change: Callable[[Suite], Suite] = _as_it_is
        """What a program of one's own makes of the suite file."""
        self._control: SuiteControl | None = None
        self._over = Event()
        self._first: Suite | None = None
        """As the daemon was started: what `_require_same_parts` compares with."""
        self.tracer = Tracer()
        """Of the daemon's own work; it keeps nothing unless the suite is traced."""
        self.traces = SuiteTraces(
            self.folder.monitoring,
            wanted=lambda: tracing_of(self.suite),
            resolve=partial(resolve, find=lookup(os.environ, self.folder.secrets)),
            tracer=self.tracer,
        )
        self.wanted = self.load()
        self.suite = self.wanted.suite
        """As it was applied last."""
        self.on_apply: list[Callable[[], None]] = []
        """Called when another suite was applied."""
        self.hub = EventHub(f"intertie/{self.wanted.suite.suite}", now=_now, keep=self._keep)
        self.driver = ProcessDriver(self.folder.instance())
        self.supervisor = Supervisor(
            self.driver,
            self.hub,
            ledger=self.ledger,
            surroundings=self.surroundings(),
            before_stop=self._drained,
            tracer=self.tracer,
        )
        self.edge.build(self.suite, self.hub, self.supervisor.snapshot)
        self.points = PointsMonitor(self._integration_points, self.hub)

    def load(self) -> Wanted:
        """The suite file as it is now, with its engines. Raises SuiteError."""
        transform = self.plugins.hooks.load_config if self.plugins else None
        loaded = load(
            self.settings.file, environment=self.settings.environment, transform=transform
        )
        check_parts(loaded)
        suite = self.edge.with_documents(self._change(loaded.suite), loaded)
        suite = self.edge.with_port(suite)
        self.traces.listen(tracing_of(suite))
        suite = traced_gateway(suite, self.traces.address)
        self._require_same_parts(suite)
        services = self.edge.with_engines(suite, active(suite.services, self.settings.profiles))
        if suite.bus is not None and suite.bus.queue_type is QueueType.EMBEDDED:
            services[BUS] = self._bus_engine.service(self._port_of_the_bus(suite.bus))
        return Wanted(suite, services)

    async def run(self, *, task_status: TaskStatus[Daemon]) -> None:
        """Start everything, report once the API answers, live until `stopping`, stop everything."""
        key = ApiKey.create(self.folder.api_key)
        async with AsyncExitStack() as stack:
            stack.callback(self.folder.retire)
            stack.callback(self.traces.close)
            records = await stack.enter_async_context(SqliteRecords.open(self.folder.database))
            journal = self._journal = stack.enter_context(Journal.open(self.folder.journal))
            self.hub.remember(journal.latest(_REMEMBERED))
            if self.wanted.suite.bus is not None:
                journal.begin_reader(BUS)  # what happens from here on is told on the bus
            else:
                journal.forget_reader(BUS)
            changes = Changes(records, self.hub, now=_now, tracer=self.tracer)
            listener = stack.enter_context(bind(*self._api_address()))
            found = addresses(self.wanted.suite, listener)
            async with create_task_group() as components:
                await self._start_inner(components, changes)
                suite = self._control = self._suite_control(changes)
                only = ENGINES if self.settings.idle else None
                first = await suite.up(_THE_DAEMON, only=only)
                with move_on_after(_HEAD_START_S):
                    await changes.wait(first)
                opened = await self._identities(stack, components)
                inner = Inner(self, key, changes, suite, found, records, journal, opened)
                front = await to_thread.run_sync(import_module, _FRONT)
                for component in front.front(inner, listener):
                    await components.start(component.run)
                watchers = await to_thread.run_sync(import_module, _WATCHERS)
                for component in watchers.watchers(inner):
                    await components.start(component.run)
                task_status.started(self._announce(found, first))
                await self.stopping.wait()
                log.info("stopping")
                await self._stop_all(journal)
                self.ledger.forget_stopped()
                components.cancel_scope.cancel()

    async def _identities(self, stack: AsyncExitStack, components: TaskGroup) -> "Opened | None":
        if self.suite.gateway is None or self.suite.identity is None:
            return None
        made = await to_thread.run_sync(import_module, _IDENTITIES)
        settings = settings_of(self.suite, self.settings.file.parent)
        entered = made.open_identities(self.folder, settings)
        found, records = await stack.enter_async_context(entered)
        self.edge.revocations = made.Revocations(records, time)
        followed = made.Credentials(
            self.issuer,
            self.edge.revocations,
            self.edge.refresh,
            sealed=partial(self.edge.look_at_keys, found),
        )
        herald = made.Herald(self.hub.publish, self.folder.envoy / AUTHZ_SOCKET)
        await components.start(herald.run)
        described = made.Described(
            lambda: self.edge.imports or made.Imports(self.suite),
            self.service_addresses,
            server=settings.public_url,
            folder=self.folder.identity,
            hub=self.hub,
        )
        await components.start(described.run)
        await components.start(followed.run)
        opened: Opened = made.Opened(found, records, self.edge.revocations)
        return opened

    async def _stop_all(self, journal: Journal) -> None:
        """The bus last: until then services may speak, and their ends are told on it."""
        services = self.supervisor.snapshot().services
        await self.supervisor.stop([name for name in services if name != BUS])
        if BUS in services:
            with move_on_after(_LAST_WORDS_S):
                await journal.caught_up(BUS)
            await self.supervisor.stop([BUS])

    async def open(self) -> None:
        """Run in the background of this event loop until `close`; when it runs, do nothing.

        For programs of one's own; the command line's daemon is `serve`. Raises DaemonError when
        another daemon runs this suite.
        """
        if self._background.is_open:
            return

        async def enter(stack: AsyncExitStack) -> None:
            stack.enter_context(Lock(self.folder.lock))
            stack.push_async_callback(self._reap)

        async def live(*, task_status: TaskStatus[Daemon]) -> None:
            try:
                await self.run(task_status=task_status)
            finally:
                self._over.set()

        await self._background.open(enter)
        try:
            await self._background.start(live)
        except BaseException:
            with CancelScope(shield=True):
                await self._background.close()
            raise

    async def close(self) -> None:
        """Stop every service, and end."""
        if self._background.is_open:
            self.stopping.set()
            await self._over.wait()
        await self._background.close()

    async def _reap(self) -> None:
        """Nothing is left when the event loop ends without `close`."""
        with CancelScope(shield=True):
            await reap_all(self.driver, self.ledger)

    async def change_suite(self, change: Callable[[Suite], Suite]) -> None:
        """Bring the suite to what `change` makes of its file, and keep to that until it ends.

        Raises IntertieError; the suite is as before then.
        """
        if self._control is None:
            raise DaemonError("cannot change a suite that does not run: open the orchestrator")
        before, self._change = self._change, change
        try:
            await self._control.applied(_THE_PROGRAM)
        except BaseException:
            self._change = before
            raise

    def service_addresses(self) -> Mapping[str, str]:
        """Where each service of the suite that has a port is."""
        services = self.supervisor.snapshot().services.items()
        points = {name: each.endpoints for name, each in services if not edge.is_engine(name)}
        return {name: f"http://{p[0].host}:{p[0].port}" for name, p in points.items() if p}

    @property
    def bridged(self) -> "SuiteSide":
        """What a bridge to a message queue talks to. Raises DaemonError before `open`."""
        if self._bridged is None:
            raise DaemonError("cannot bridge a suite that does not run: open the orchestrator")
        return self._bridged

    @bridged.setter
    def bridged(self, side: "SuiteSide") -> None:
        self._bridged = side

    @property
    def bus_config(self) -> QueueConfig | None:
        """How to reach the suite's bus, password included; None when there is none."""
        bus = self.wanted.suite.bus
        if bus is None:
            return None
        find = lookup(os.environ, self.folder.secrets)
        config = bus.config(None if bus.password is None else resolve(bus.password, find))
        if bus.queue_type is not QueueType.EMBEDDED:
            return config
        return self._bus_engine.address(config, self._port_of_the_bus(bus))

    def _keep(self, event: SuiteEvent) -> bool:
        """A full disk is no reason to stop: the event is told, and not told again."""
        try:
            return self._journal is None or self._journal.append(event)
        except StoreError as exc:
            log.error("event not kept", extra={"type": event.type, "reason": str(exc)})
            return True

    def _port_of_the_bus(self, bus: Bus) -> int:
        """One port for ever, as far as others leave it free: services know it by its number."""
        if isinstance(bus.port, int):
            return bus.port
        if self._bus_port is None:
            self._bus_port = Ports().take(BUS)
        return self._bus_port

    def _bus_variables(self) -> Mapping[str, str]:
        config = self.bus_config
        if config is None or config.queue_type is QueueType.MEMORY:
            return {}
        topics = self.wanted.suite.bus.topics if self.wanted.suite.bus else {}
        schemas = topic_schemas(topics, self.settings.file.parent)
        if not schemas:
            return {"INTERTIE_BUS_URL": to_url(config)}
        self.folder.schemas.write_text(json.dumps(schemas))
        return {
            "INTERTIE_BUS_URL": to_url(config),
            "INTERTIE_BUS_SCHEMAS": str(self.folder.schemas.resolve()),
        }

    async def _start_inner(self, components: TaskGroup, changes: Changes) -> None:
        """Start what services need to live, and deal with what an earlier daemon left."""
        await components.start(self.driver.run)
        await to_thread.run_sync(let_go, self.folder.paused)
        await self._start_plugins(components)
        await components.start(changes.run)
        await components.start(self.supervisor.run)
        await components.start(Cascade(self.supervisor, changes, self.hub).run)
        await components.start(Autoscaler(self.supervisor, changes).run)
        await self.supervisor.adopt_or_reap(self.wanted.services, self.wanted.suite.orphans)
        await self.edge.start(components)

    async def _start_plugins(self, components: TaskGroup) -> None:
        """Before all else: they may change what the suite is."""
        section, folder = self.wanted.suite.plugins, self.settings.file.parent
        paths = [folder / path for path in (section or Plugins()).paths]
        if self.plugin_manager is None and section is None and not any(p.exists() for p in paths):
            return
        made = await to_thread.run_sync(import_module, _PLUGINS)
        plugins: SuitePlugins = made.suite_plugins(self, section or Plugins())
        self.plugins = plugins
        await components.start(plugins.run)
        self.wanted = await to_thread.run_sync(self.load)

    def _suite_control(self, changes: Changes) -> SuiteControl:
        return SuiteControl(
            self.supervisor,
            changes,
            load=self.load,
            set_routes=self._set_routes,
            stop=self.stopping,
        )

    @property
    def issuer(self) -> "Issuer":
        """Signs the gateway's tokens."""
        return self.edge.issuer

    def _require_same_parts(self, suite: Suite) -> None:
        """Raise ConflictError for a change that only a new daemon can make."""
        if self._first is None:
            self._first = suite
        self.edge.require_same(self._first, suite)
        if suite.bus != self._first.bus:
            raise ConflictError(
                "cannot change the bus of a running suite: run `intertie down`, then `up`"
            )
        if suite.api != self._first.api:
            raise ConflictError(
                "cannot move the management API of a running suite: run `intertie down`, then `up`"
            )

    def surroundings(self) -> Surroundings:
        """Where the services live."""
        find = lookup(os.environ, self.folder.secrets)
        return Surroundings(
            suite=self.wanted.suite.suite,
            folder=self.settings.file.parent,
            logs=self.folder.logs,
            data=self.folder.data,
            sockets=self.folder.run,
            env=_with_own_programs(inherited(os.environ)),
            bus={**self._bus_variables(), **self.traces.variables(tracing_of(self.wanted.suite))},
            find=self.edge.variables,
            resolve=partial(resolve, find=find),
        )

    def _integration_points(self) -> Mapping[str, IntegrationPoints]:
        services = self.suite.services.items()
        return {name: s.integration_points for name, s in services if s.integration_points}

    async def _drained(self, replica: Replica) -> None:
        await self.edge.drained(replica)

    async def _set_routes(self, suite: Suite) -> None:
        self.suite = suite
        for tell in self.on_apply:
            tell()
        await self.edge.set_suite(suite)

    def _api_address(self) -> tuple[str, int]:
        api = self.wanted.suite.api
        return api.host, 0 if api.port == "auto" else api.port

    def _announce(self, addresses: Mapping[str, str], first_change: str) -> Daemon:
        own = proc.identify(os.getpid())
        daemon = Daemon(
            pid=os.getpid(),
            start_ticks=own.start_ticks if own else 0,
            api_url=addresses["api"],
            gateway_url=addresses.get("gateway"),
            suite_file=str(self.settings.file),
            first_change=first_change,
        )
        self.folder.announce(daemon)
        return daemon


def serve(settings: Settings) -> None:
    """Run a daemon in this process until SIGTERM, SIGINT or a shutdown over the API."""
    log_to_stderr()
    settings.folder.create()
    with Lock(settings.folder.lock, settings.lock):
        try:
            anyio.run(_serve, settings)
        except BaseExceptionGroup as exc:
            raise _one(exc) from exc


def reap(folder: StateFolder) -> int:
    """End everything a killed daemon left running, and withdraw what it announced; how many."""
    folder.create()
    with Lock(folder.lock):
        count = anyio.run(reap_all, ProcessDriver(folder.instance()), Ledger(folder.ledger))
        folder.retire()
    return count


def _one(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What went wrong, fit to be shown; the group itself when that is a fault of ours."""
    leaf: BaseException = group
    while isinstance(leaf, BaseExceptionGroup):
        leaf = leaf.exceptions[0]
    return leaf if isinstance(leaf, IntertieError) else group


async def _serve(settings: Settings) -> None:
    orchestrator = SuiteOrchestrator(settings)
    async with create_task_group() as signals:
        signals.start_soon(_stop_on_signal, orchestrator.stopping)
        async with create_task_group() as group:
            daemon = await group.start(orchestrator.run)
            log.info("serving", extra={"api": daemon.api_url, "suite": daemon.suite_file})
        signals.cancel_scope.cancel()


async def _stop_on_signal(stopping: Event) -> None:
    with open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            stopping.set()


def _as_it_is(suite: Suite) -> Suite:
    return suite


def _now() -> datetime:
    return datetime.now(UTC)


def _with_own_programs(env: Mapping[str, str]) -> Mapping[str, str]:
    """Programs of our own virtual environment are found first, as if it had been activated."""
    own = str(Path(sys.executable).parent)
    return {**env, "PATH": os.pathsep.join([own, env.get("PATH", os.defpath)])}
