"""The composition root: the one place that builds everything, and runs it."""

import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import anyio
from anyio import Event, create_task_group, open_signal_receiver
from anyio.abc import TaskStatus

from intertie.api.rest import create_app
from intertie.api.server import ApiServer, bind
from intertie.control import Actor, Control
from intertie.control.changes import ChangeControl
from intertie.control.events import EventControl
from intertie.control.health import Health
from intertie.control.logs import Logs
from intertie.control.metrics import Metrics
from intertie.control.services import Services
from intertie.control.suite import SuiteControl, Wanted
from intertie.control.tokens import Tokens
from intertie.drivers import proc
from intertie.drivers.process import ProcessDriver
from intertie.errors import ConflictError
from intertie.gateway.controller import GatewayController
from intertie.identity.api_key import ApiKey
from intertie.identity.issuer import Issuer
from intertie.plan import Replica, active
from intertie.runtime.change import Changes
from intertie.runtime.daemon import Lock, log_to_stderr
from intertie.runtime.engines import GATEWAY, gateway_service
from intertie.runtime.environment import Surroundings, inherited
from intertie.runtime.folder import Daemon, StateFolder
from intertie.runtime.hub import EventHub
from intertie.runtime.ledger import Ledger
from intertie.runtime.logs import LogReader, Source, log_path
from intertie.runtime.ports import Ports
from intertie.runtime.remains import reap_all
from intertie.runtime.supervisor import Supervisor
from intertie.store.sqlite import SqliteRecords
from intertie.suite import load
from intertie.suite.model import Jwt, Suite
from intertie.suite.secret import lookup, resolve

log = logging.getLogger(__name__)

_THE_DAEMON = Actor("up", may_read=True, may_write=True)
_LOOPBACK_NAMES = ["localhost", "127.0.0.1", "[::1]"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What one daemon is told by its command line."""

    file: Path
    environment: str | None
    folder: StateFolder
    profiles: tuple[str, ...] = ()
    insecure_local: bool = False


class SuiteOrchestrator:
    """One suite, running: the parts that live from the first moment to the last."""

    def __init__(self, settings: Settings) -> None:
        """Raises SuiteError or IntertieError before anything is started."""
        self.settings = settings
        self.folder = settings.folder
        self.folder.create()
        self.stopping = Event()
        self._gateway_port: int | None = None
        self._first: Suite | None = None
        """As the daemon was started: what `_require_same_parts` compares with."""
        self.wanted = self.load()
        self.hub = EventHub(f"intertie/{self.wanted.suite.suite}", now=_now)
        self.issuer = Issuer.open(self.folder.keys)
        self.driver = ProcessDriver(self.folder.instance())
        self.supervisor = Supervisor(
            self.driver,
            self.hub,
            ledger=Ledger(self.folder.ledger),
            surroundings=self._surroundings(),
            before_stop=self._drained,
        )
        self.gateway = self._gateway()

    def load(self) -> Wanted:
        """The suite file as it is now, with its engines. Raises SuiteError."""
        loaded = load(self.settings.file, environment=self.settings.environment)
        suite = self._with_gateway_port(loaded.suite)
        self._require_same_parts(suite)
        services = active(suite.services, self.settings.profiles)
        if suite.gateway is not None:
            services[GATEWAY] = gateway_service(suite.gateway, self.folder.envoy)
        return Wanted(suite, services)

    async def run(self, *, task_status: TaskStatus[Daemon]) -> None:
        """Start everything, report once the API answers, live until `stopping`, stop everything."""
        key = ApiKey.create(self.folder.api_key)
        async with AsyncExitStack() as stack:
            stack.callback(self.folder.retire)
            records = await stack.enter_async_context(SqliteRecords.open(self.folder.database))
            changes = Changes(records, self.hub, now=_now)
            listener = stack.enter_context(bind(*self._api_address()))
            addresses = self._addresses(listener)
            control = self._control(key, changes, addresses)
            app = create_app(control, hosts=self._host_names())
            async with create_task_group() as components:
                await components.start(self.driver.run)
                await components.start(changes.run)
                await components.start(self.supervisor.run)
                await self.supervisor.adopt_or_reap(self.wanted.services, "adopt")
                if self.gateway is not None:
                    await self.gateway.prepare()
                    await components.start(self.gateway.run)
                await components.start(ApiServer(app, listener).run)
                first = await control.suite.apply(_THE_DAEMON, title="up")
                task_status.started(self._announce(addresses, first))
                await self.stopping.wait()
                log.info("stopping")
                await self.supervisor.stop(self.supervisor.snapshot().services)
                components.cancel_scope.cancel()

    def _control(self, key: ApiKey, changes: Changes, addresses: Mapping[str, str]) -> Control:
        services = Services(self.supervisor, changes)
        snapshot = self.supervisor.snapshot
        return Control(
            key=key,
            open_reads=_is_loopback(self.wanted.suite.api.host),
            open_writes=self.settings.insecure_local,
            services=services,
            suite=SuiteControl(
                self.supervisor,
                changes,
                load=self.load,
                set_routes=self._set_routes,
                stop=self.stopping,
            ),
            changes=ChangeControl(changes, self.hub),
            events=EventControl(self.hub),
            logs=Logs(services, LogReader(self.folder.logs, ended=self._has_ended)),
            health=Health(snapshot, lambda: addresses),
            metrics=Metrics(snapshot),
            tokens=Tokens(self.issuer, self._jwt),
        )

    def _gateway(self) -> GatewayController | None:
        if self.wanted.suite.gateway is None:
            return None
        return GatewayController(
            self.wanted.suite,
            self.folder.envoy,
            hub=self.hub,
            snapshot=self.supervisor.snapshot,
            jwks=self.issuer.jwks(),
            log_file=log_path(self.folder.logs, Source(GATEWAY, 0, "err")),
        )

    def _require_same_parts(self, suite: Suite) -> None:
        """Raise ConflictError for a change that only a new daemon can make."""
        if self._first is None:
            self._first = suite
        if (suite.gateway is None) != (self._first.gateway is None):
            what = "take the gateway away from" if suite.gateway is None else "add a gateway to"
            raise ConflictError(f"cannot {what} a running suite: run `intertie down`, then `up`")
        if suite.api != self._first.api:
            raise ConflictError(
                "cannot move the management API of a running suite: run `intertie down`, then `up`"
            )

    def _with_gateway_port(self, suite: Suite) -> Suite:
        """`auto` becomes one port for this daemon's life, so that clients keep their address."""
        if suite.gateway is None or suite.gateway.port != "auto":
            return suite
        if self._gateway_port is None:
            self._gateway_port = Ports().take(GATEWAY)
        gateway = suite.gateway.model_copy(update={"port": self._gateway_port})
        return suite.model_copy(update={"gateway": gateway})

    def _surroundings(self) -> Surroundings:
        find = lookup(os.environ, self.folder.secrets)
        return Surroundings(
            suite=self.wanted.suite.suite,
            folder=self.settings.file.parent,
            logs=self.folder.logs,
            data=self.folder.data,
            env=_with_own_programs(inherited(os.environ)),
            resolve=partial(resolve, find=find),
        )

    async def _drained(self, replica: Replica) -> None:
        if self.gateway is not None:
            await self.gateway.drained(replica)

    async def _set_routes(self, suite: Suite) -> None:
        if self.gateway is not None:
            await self.gateway.set_suite(suite)

    def _has_ended(self, service: str, replica: int) -> bool:
        return not self.supervisor.has_process(service, replica)

    def _jwt(self) -> Jwt:
        gateway = self.wanted.suite.gateway
        return gateway.jwt if gateway else Jwt()

    def _api_address(self) -> tuple[str, int]:
        api = self.wanted.suite.api
        return api.host, 0 if api.port == "auto" else api.port

    def _addresses(self, listener: socket.socket) -> Mapping[str, str]:
        """Where a client on this machine finds the parts."""
        host, port = listener.getsockname()[:2]
        found = {"api": f"http://{_reachable(host)}:{port}"}
        gateway = self.wanted.suite.gateway
        if gateway is not None:
            found = {"gateway": f"http://{_reachable(gateway.host)}:{gateway.port}", **found}
        return found

    def _host_names(self) -> list[str]:
        """Host headers the API answers; all when it listens beyond this machine, with a key."""
        host = self.wanted.suite.api.host
        return _LOOPBACK_NAMES if _is_loopback(host) else ["*"]

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
    with Lock(settings.folder.run / "lock"):
        anyio.run(_serve, settings)


def reap(folder: StateFolder) -> int:
    """End everything a killed daemon left running, and withdraw what it announced; how many."""
    folder.create()
    with Lock(folder.run / "lock"):
        count = anyio.run(reap_all, ProcessDriver(folder.instance()), Ledger(folder.ledger))
        folder.retire()
    return count


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


def _now() -> datetime:
    return datetime.now(UTC)


def _with_own_programs(env: Mapping[str, str]) -> Mapping[str, str]:
    """Programs of our own virtual environment are found first, as if it had been activated."""
    own = str(Path(sys.executable).parent)
    return {**env, "PATH": os.pathsep.join([own, env.get("PATH", os.defpath)])}


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _reachable(host: str) -> str:
    """An address to connect to for an address to listen on."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not bound here
    return f"[{name}]" if ":" in name else name
