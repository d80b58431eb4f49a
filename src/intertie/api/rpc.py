"""The management API by gRPC, as a component. Its library is loaded when it runs."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from anyio import CancelScope, move_on_after, sleep_forever, to_thread
from anyio.abc import TaskStatus

from intertie.control.use_cases import Control
from intertie.errors import DaemonError
from intertie.runtime.component import Health, Status
from intertie.trace_context import Tracer

if TYPE_CHECKING:
    from grpc.aio import Server

_MISSING = "cannot serve gRPC: its library is not there; install intertie[grpc]"
_GRACE_S = 1.0
_END_S = 5.0
_MAX_IN, _MAX_OUT = 1 << 20, 1 << 24
_MAX_CALLS = 200
_OPTIONS = (
    ("grpc.max_receive_message_length", _MAX_IN),
    ("grpc.max_send_message_length", _MAX_OUT),
    ("grpc.max_metadata_size", 16 << 10),
    ("grpc.max_concurrent_streams", 100),
    ("grpc.so_reuseport", 0),  # a port that another program has is told, not shared
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
)


class GrpcServer:
    """Serves `intertie.v1.ControlService` and `grpc.health.v1.Health`, without TLS."""

    def __init__(
        self, control: Control, host: str, port: int, *, tracer: Tracer | None = None
    ) -> None:
        """`port` 0 takes a free one."""
        self._tracer = tracer or Tracer()
        self._control = control
        self._host = f"[{host}]" if ":" in host else host
        self.port = port
        """Once it runs, the one that is bound."""
        self._running = False

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """See Component. Calls under way get a second to finish. Raises DaemonError."""
        make = await to_thread.run_sync(_load)
        server = make(self._control, self._tracer)
        try:
            self.port = server.add_insecure_port(f"{self._host}:{self.port}")
        except RuntimeError as exc:
            raise DaemonError(
                f"cannot listen on {self._host}:{self.port} for gRPC: it is taken, or not an"
                " address of this machine; set `api: {grpc_port: …}` in the suite file"
            ) from exc
        try:
            await server.start()
            self._running = True
            task_status.started()
            await sleep_forever()
        finally:
            self._running = False
            with CancelScope(shield=True):
                await _stop(server)

    def health(self) -> Health:
        """See Component."""
        return Health(Status.UP if self._running else Status.DOWN)


def _load() -> "Callable[[Control, Tracer], Server]":
    try:
        import grpc.aio  # noqa: PLC0415 - a large library, and need not be there

        from intertie.api import rpc_control, rpc_health, rpc_traced  # noqa: PLC0415 - they import it
    except ModuleNotFoundError as exc:
        if exc.name and exc.name.startswith("intertie"):
            raise
        raise DaemonError(_MISSING) from exc

    def make(control: Control, tracer: Tracer) -> "Server":
        server = grpc.aio.server(
            interceptors=[rpc_traced.Traced(tracer)],
            options=_OPTIONS,
            maximum_concurrent_rpcs=_MAX_CALLS,
        )
        methods = rpc_control.handlers(control)
        probes = rpc_health.HealthMethods(control.health).handlers()
        server.add_generic_rpc_handlers((methods, probes))
        return server

    return make


async def _stop(server: "Server") -> None:
    with move_on_after(_END_S):
        await server.stop(_GRACE_S)
