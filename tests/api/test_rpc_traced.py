"""gRPC calls in traces."""

import pytest
from anyio import create_task_group, fail_after

from intertie.api.rpc import GrpcServer
from intertie.control.use_cases import Control
from intertie.trace_context import Piece, Tracer
from tests.w3c import PARENT, SPAN, TRACE

grpc = pytest.importorskip("grpc")
pytestmark = [pytest.mark.slow, pytest.mark.anyio]


async def _ask(port: int, method: str, *metadata: tuple[str, str]) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        await channel.unary_unary(method)(b"", metadata=metadata, timeout=30)


async def test_a_call_goes_on_in_the_trace_of_its_caller(control: Control) -> None:
    """A faulty one begins another; probes of health make no spans."""
    kept: list[Piece] = []
    tracer = Tracer(1.0, kept.append)
    server = GrpcServer(control, "127.0.0.1", 0, tracer=tracer)
    with fail_after(60):
        async with create_task_group() as group:
            await group.start(server.run)
            method = "/intertie.v1.ControlService/ListServices"
            await _ask(server.port, method, ("traceparent", PARENT))
            await _ask(server.port, method, ("traceparent", PARENT.upper()))
            await _ask(server.port, "/grpc.health.v1.Health/Check", ("traceparent", PARENT))
            group.cancel_scope.cancel()

    first, second = kept
    assert (first.name, first.kind) == (method.lstrip("/"), "server")
    assert (first.context.trace_text, f"{first.context.parent:016x}") == (TRACE, SPAN)
    assert second.context.trace_text != TRACE
