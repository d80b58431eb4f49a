"""Keeps the sidecars at what the suite and its running replicas are, and their certificates new."""

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from anyio import (
    TASK_STATUS_IGNORED,
    EndOfStream,
    Lock,
    create_task_group,
    move_on_after,
    to_thread,
)
from anyio.abc import TaskStatus
from anyio.streams.memory import MemoryObjectReceiveStream

from intertie.errors import GatewayError
from intertie.event import Event, HealthChanged, ServiceFailed, ServiceStarted, ServiceStopped
from intertie.gateway.mesh import secrets
from intertie.gateway.mesh.certificates import Certificates
from intertie.gateway.mesh.envoy import Domain, bootstrap, translate
from intertie.gateway.mesh.layout import Layout
from intertie.gateway.mesh.policy import GATEWAY, members, merged
from intertie.gateway.mesh.sink import Sink
from intertie.gateway.xds import Json
from intertie.plan import Replica, Snapshot
from intertie.runtime.component import Health, Status
from intertie.runtime.hub import EventHub
from intertie.suite.mesh import Mesh
from intertie.suite.model import Suite

log = logging.getLogger(__name__)

_DRAIN_S = 2.0
_RETRY_S = 5.0
_MOVES = frozenset(
    event.type for event in (ServiceStarted, ServiceStopped, ServiceFailed, HealthChanged)
)


def domain_of(suite: Suite, mesh: Mesh, layout: Layout, *, beside: Domain | None = None) -> Domain:
    """All that sidecars know of each other, with a port for everything. Raises DriverError.

    `beside` is what is live, while services change: nobody loses a right before it is replaced.
    """
    found = members(suite, mesh)
    if beside is not None:
        found = merged(beside.members, found)
    return Domain(suite.suite, doors=layout.arrange(found), members=found)


class MeshController:
    """A component: follows the supervisor's events, and writes what the sidecars read.

    Each sidecar has a folder of its own, named after its service, below `folder`. `gateway` is
    the working folder of the suite's gateway, which gets its identity there.
    """

    def __init__(
        self,
        domain: Domain,
        folder: Path,
        *,
        hub: EventHub,
        snapshot: Callable[[], Snapshot],
        certificates: Certificates,
        gateway: Path | None = None,
    ) -> None:
        self._domain = domain
        self._folder = folder
        self._hub = hub
        self._snapshot = snapshot
        self._certificates = certificates
        self._gateway = gateway
        self._sinks: dict[str, Sink] = {}
        self._one_at_a_time = Lock()
        self._errors: dict[str, str] = {}

    @property
    def domain(self) -> Domain:
        """As it was set last."""
        return self._domain

    async def prepare(self) -> None:
        """Write all that sidecars and gateway start from; those that run are brought to it.

        Raises GatewayError.
        """
        async with self._one_at_a_time:
            await self._publish()
            self._raise()

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """See Component. Call `prepare` before."""
        task_status.started()
        while True:
            # The hub ends a subscription that fell too far behind; the next begins with a look.
            async with self._hub.subscribe() as events:
                await self._refresh()
                while await self._has_news(events):
                    await self._refresh()

    def health(self) -> Health:
        """See Component."""
        errors = "; ".join(self._errors[name] for name in sorted(self._errors))
        return Health(Status.DEGRADED, errors) if errors else Health(Status.UP)

    async def set_domain(self, domain: Domain) -> None:
        """Let these call each other from now on. Raises GatewayError; the old rules are live then.

        Call it before services that are new are started.
        """
        async with self._one_at_a_time:
            before, self._domain = self._domain, domain
            await self._publish()
            if self._errors:
                self._domain = before
                try:
                    self._raise()
                finally:
                    await self._publish()

    async def drained(self, replica: Replica) -> None:
        """Return once nothing new comes to a replica that is marked as draining, or after 2 s."""
        if replica.service not in self._domain.members:
            return
        with move_on_after(_DRAIN_S) as scope:
            await self._refresh()
        if scope.cancelled_caught:
            log.warning("replica not drained in time", extra={"service": replica.service})

    async def _has_news(self, events: MemoryObjectReceiveStream[Event]) -> bool:
        """Wait until replicas have moved, or something is due; False at the end."""
        with move_on_after(self._pause_s()):
            try:
                while (await events.receive()).type not in _MOVES:
                    pass
                # One look serves all that came meanwhile.
                while events.statistics().current_buffer_used:
                    events.receive_nowait()
            except EndOfStream:
                return False
        return True

    def _pause_s(self) -> float | None:
        due_s = self._certificates.due_s()
        if not self._errors:
            return due_s
        return _RETRY_S if due_s is None else min(due_s, _RETRY_S)

    async def _refresh(self) -> None:
        async with self._one_at_a_time:
            await self._publish()

    async def _publish(self) -> None:
        """Each sidecar by itself: what one refuses does not concern the others."""
        self._errors.clear()
        names = {*self._domain.members, *((GATEWAY,) if self._gateway else ())}
        self._certificates.keep(names)
        async with create_task_group() as group:
            for name in sorted(names):
                group.start_soon(self._publish_one, name)

    async def _publish_one(self, name: str) -> None:
        try:
            if name == GATEWAY and self._gateway is not None:
                await to_thread.run_sync(secrets.put, self._gateway, self._secrets(name))
            else:
                await self._publish_sidecar(name)
        except (GatewayError, OSError) as exc:
            self._errors[name] = str(exc)
            log.error("sidecar not changed", extra={"service": name, "why": str(exc)})

    async def _publish_sidecar(self, name: str) -> None:
        folder = self._folder / name
        await to_thread.run_sync(_write_bootstrap, folder, name)
        sink = self._sinks.setdefault(name, Sink(folder))
        await sink.renew(self._secrets(name))
        status = self._snapshot().services.get(name)
        replicas = status.endpoints if status else ()
        await sink.publish(translate(self._domain.members[name], self._domain, replicas))

    def _secrets(self, name: str) -> Mapping[str, Json]:
        """Whom to trust first: then what one shows."""
        return {
            secrets.AUTHORITIES: secrets.authorities(secrets.AUTHORITIES, self._certificates.root),
            secrets.IDENTITY: secrets.certificate(
                secrets.IDENTITY, self._certificates.current(name)
            ),
        }

    def _raise(self) -> None:
        for error in self._errors.values():
            raise GatewayError(error)


def _write_bootstrap(folder: Path, name: str) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / "bootstrap.json"
    text = json.dumps(bootstrap(name), indent=1, sort_keys=True)
    if not file.exists() or file.read_text() != text:
        part = folder / "bootstrap.part"
        part.write_text(text)
        part.replace(file)
