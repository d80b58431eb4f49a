"""The suite's traces: taken in from its services and its gateway, and kept."""

import logging
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from time import time_ns
from typing import TYPE_CHECKING

from anyio import TASK_STATUS_IGNORED, Event, create_task_group, sleep
from anyio.abc import TaskGroup, TaskStatus

from intertie.control.traces import TracesControl
from intertie.errors import IntertieError
from intertie.runtime.component import Health, Status
from intertie.runtime.daemon import SERVICE
from intertie.suite.gateway import Tracing as GatewayTracing
from intertie.suite.model import Suite
from intertie.suite.tracing import TRACES, SuiteTracing, variables
from intertie.trace_context import Tracer

if TYPE_CHECKING:  # needed by suites that are traced only
    from intertie.monitor.span_address import Address
    from intertie.monitor.tracing import Tracing

log = logging.getLogger(__name__)

_AGAIN_S = 30.0
_MS_NS = 10**6


class SuiteTraces:
    """A component; nothing is loaded before the suite asks for traces.

    `wanted` is what the suite says now; `resolve` replaces references to secrets.
    """

    def __init__(
        self,
        folder: Path,
        *,
        wanted: Callable[[], SuiteTracing | None],
        resolve: Callable[[str], str],
        tracer: Tracer | None = None,
    ) -> None:
        self._folder = folder
        self._wanted = wanted
        self._resolve = resolve
        self._tracer = tracer or Tracer()
        self._bell = Event()
        self._listener: socket.socket | None = None
        self._serves = False
        self._trouble = ""
        self.address: Address | None = None
        """Where services and the gateway send; None: the suite was never traced."""
        self.tracing: Tracing | None = None
        """While the suite is traced."""

    def listen(self, config: SuiteTracing | None) -> None:
        """Have an address, if the suite is traced: before a service starts that is told of it.

        Raises StoreError, IntertieError.
        """
        if config is None or self._listener is not None:
            return
        from intertie.monitor.span_address import listen

        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._listener, self.address = listen(self._folder / "traces.json")

    def close(self) -> None:
        """Give the socket back, where `run` has not."""
        if self._listener is not None:
            self._listener.close()

    def variables(self, config: SuiteTracing | None) -> Mapping[str, str]:
        """What services are told; nothing where the suite is not traced."""
        if config is None or self.address is None:
            return {}
        return variables(self.address.url, self.address.token, config.sampling.rate)

    def renew(self) -> None:
        """The suite is another one."""
        self._bell.set()

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """See Component. The suite does not wait for it."""
        task_status.started()
        async with create_task_group() as group:
            while True:
                self._bell = Event()
                config = self._wanted()
                async with create_task_group() as inner:
                    if config is not None:
                        inner.start_soon(self._keep, config, group)
                    await self._bell.wait()
                    while self._wanted() == config:
                        self._bell = Event()
                        await self._bell.wait()
                    inner.cancel_scope.cancel()

    def health(self) -> Health:
        """Degraded while spans cannot be kept, or are not passed on."""
        forward = self.tracing.forward if self.tracing else None
        away = forward.count.reason if forward else ""
        why = self._trouble or (f"traces are not passed on: {away}" if away else "")
        return Health(Status.DEGRADED, why) if why else Health(Status.UP)

    async def _keep(self, config: SuiteTracing, group: TaskGroup) -> None:
        """Until cancelled; where it cannot, it tries again. `group` serves for longer."""
        while True:
            try:
                await self._serve(config, group)
                await self._keep_once(config)
            except* IntertieError as found:
                self._trouble = str(_first(found))
                log.error("traces are not kept", extra={"reason": self._trouble})
            await sleep(_AGAIN_S)

    async def _keep_once(self, config: SuiteTracing) -> None:
        from intertie.monitor.span_own import OwnSpans
        from intertie.monitor.tracing import Tracing

        assert self.address is not None, "a traced suite has an address"  # noqa: S101
        async with Tracing.open(
            config,
            self._folder,
            token=self.address.token,
            resolve=self._resolve,
            now_ms=lambda: time_ns() // _MS_NS,
        ) as tracing:
            self.tracing, self._trouble = tracing, ""
            own = OwnSpans(tracing, SERVICE)
            self._tracer.rate, self._tracer.keep = config.sampling.rate, own.put
            try:
                async with create_task_group() as group:
                    group.start_soon(own.run)
                    await tracing.run()
            finally:
                self._tracer.rate, self._tracer.keep = 0.0, None
                self.tracing = None

    async def _serve(self, config: SuiteTracing, group: TaskGroup) -> None:
        """Take spans in from now on, whatever becomes of the suite: services go on sending."""
        if self._serves:
            return
        self.listen(config)
        assert self._listener is not None, "a traced suite listens"  # noqa: S101
        from intertie.api.server import ApiServer
        from intertie.api.traces import intake

        control = TracesControl(lambda: self.tracing)
        await group.start(ApiServer(intake(control), self._listener).run)
        self._serves = True


def tracing_of(suite: Suite) -> SuiteTracing | None:
    """What a suite says of its traces; None: it has none."""
    return suite.monitoring.tracing if suite.monitoring is not None else None


def traced_gateway(suite: Suite, address: "Address | None") -> Suite:
    """The suite with a gateway that sends spans there, unless its file says where it does."""
    config, gateway = tracing_of(suite), suite.gateway
    if config is None or address is None or gateway is None or gateway.tracing is not None:
        return suite
    if not config.sampling.rate:
        return suite
    tracing = GatewayTracing(
        endpoint=address.url + TRACES,
        sampling=config.sampling.rate * 100,
        authorization=f"Bearer {address.token}",
    )
    update = {"gateway": gateway.model_copy(update={"tracing": tracing})}
    return suite.model_copy(update=update)


def _first(group: BaseExceptionGroup[IntertieError]) -> BaseException:
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found
