"""Keeps Envoy's configuration at what the suite and its running replicas are."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from anyio import (
    TASK_STATUS_IGNORED,
    Lock,
    fail_after,
    move_on_after,
    run_process,
    to_thread,
)
from anyio.abc import TaskStatus

from intertie.errors import GatewayError
from intertie.event import (
    GatewayApplied,
    HealthChanged,
    ServiceFailed,
    ServiceStarted,
    ServiceStopped,
)
from intertie.gateway.envoy import Resources, translate
from intertie.gateway.files import FileSink
from intertie.gateway.listener import bootstrap, flat
from intertie.gateway.routes import build
from intertie.identity.issuer import ISSUER
from intertie.plan import Replica, Snapshot
from intertie.runtime.component import Health, Status
from intertie.runtime.engines import envoy_path
from intertie.runtime.hub import EventHub
from intertie.suite.model import Gateway, Suite

log = logging.getLogger(__name__)

_VALIDATE_S = 30.0
_DRAIN_S = 2.0
_MOVES = frozenset(
    event.type for event in (ServiceStarted, ServiceStopped, ServiceFailed, HealthChanged)
)


class GatewayController:
    """A component: follows the supervisor's events, and writes what Envoy reads."""

    def __init__(
        self,
        suite: Suite,
        folder: Path,
        *,
        hub: EventHub,
        snapshot: Callable[[], Snapshot],
        jwks: Mapping[str, Any],
    ) -> None:
        """`suite` has a gateway with a number as its port; `folder` is Envoy's working folder."""
        self._suite = suite
        self._folder = folder
        self._hub = hub
        self._snapshot = snapshot
        self._jwks = jwks
        self._sink = FileSink(folder)
        self._one_at_a_time = Lock()
        self._shape: Resources | None = None
        self._error = ""
        self._generation = ""

    async def prepare(self) -> None:
        """Write the bootstrap and the first generation, so that Envoy can start."""
        await to_thread.run_sync(self._write_bootstrap)
        resources = self._resources()
        await self._validate(resources)
        self._generation = await self._sink.write(resources)

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """See Component. Call `prepare` before."""
        async with self._hub.subscribe() as events:
            task_status.started()
            async for event in events:
                if event.type in _MOVES:
                    # One look serves all events that came meanwhile.
                    while events.statistics().current_buffer_used:
                        events.receive_nowait()
                    await self._refresh()

    def health(self) -> Health:
        """See Component."""
        return Health(Status.DEGRADED, self._error) if self._error else Health(Status.UP)

    async def set_suite(self, suite: Suite) -> None:
        """Use the routes of another suite. Raises GatewayError; the old ones are live then."""
        async with self._one_at_a_time:
            before, self._suite = self._suite, suite
            try:
                await self._publish()
            except GatewayError:
                self._suite = before
                raise

    async def drained(self, replica: Replica) -> None:
        """Return once Envoy sends nothing new to a replica that is marked as draining.

        Gives up after 2 s: a stop must not hang on the gateway.
        """
        with move_on_after(_DRAIN_S) as scope:
            await self._refresh()
        if scope.cancelled_caught:
            log.warning("replica not drained in time", extra={"service": replica.service})

    async def _refresh(self) -> None:
        async with self._one_at_a_time:
            try:
                await self._publish()
            except GatewayError as exc:
                log.error("gateway not changed", extra={"why": str(exc)})

    async def _publish(self) -> None:
        resources = self._resources()
        try:
            if self._is_new_shape(resources):
                await self._validate(resources)
            generation = await self._sink.publish(resources)
        except GatewayError as exc:
            self._error = str(exc)
            self._tell("", accepted=False, error=str(exc))
            raise
        self._error = ""
        if generation != self._generation:
            self._generation = generation
            self._tell(generation, accepted=True)

    def _resources(self) -> Resources:
        services = self._snapshot().services
        endpoints = {name: service.endpoints for name, service in services.items()}
        return translate(build(self._suite, endpoints, issuer=ISSUER, jwks=self._jwks))

    def _is_new_shape(self, resources: Resources) -> bool:
        """Whether anything but endpoints differs from what was validated last."""
        return self._shape is None or replace(resources, endpoints=()) != replace(
            self._shape, endpoints=()
        )

    async def _validate(self, resources: Resources) -> None:
        """Have Envoy itself judge the whole configuration. Raises GatewayError with its reason."""
        path = self._folder / "validate.json"
        text = json.dumps(flat(self._gateway, self._port, resources))
        await to_thread.run_sync(path.write_text, text)
        command = [str(envoy_path()), "--mode", "validate", "--config-path", str(path)]
        with fail_after(_VALIDATE_S):
            done = await run_process(
                [*command, "--use-dynamic-base-id"], cwd=self._folder, check=False
            )
        if done.returncode != 0:
            raise GatewayError(f"cannot change the gateway: {_reason(done.stderr)}")
        self._shape = resources

    def _write_bootstrap(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(bootstrap(self._gateway, self._port), indent=1, sort_keys=True)
        (self._folder / "bootstrap.json").write_text(text)

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


def _reason(stderr: bytes) -> str:
    """What Envoy says last is why it refused."""
    lines = stderr.decode(errors="replace").strip().splitlines()
    return lines[-1].partition("] ")[2].rpartition("] ")[2] if lines else "Envoy gave no reason"
