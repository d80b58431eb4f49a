"""`grpc.health.v1`, asked by its own package's client."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from anyio import create_task_group, fail_after

from intertie.api.rpc import GrpcServer
from intertie.control.use_cases import Control
from tests.api.test_rpc import key_of

messages: Any = pytest.importorskip("grpc_health.v1.health_pb2")
services: Any = pytest.importorskip("grpc_health.v1.health_pb2_grpc")
pytestmark = [pytest.mark.slow, pytest.mark.anyio]
SERVING, NOT_SERVING, UNKNOWN = 1, 2, 3


@pytest.fixture
async def port(control: Control) -> AsyncIterator[int]:
    """Of a server that runs."""
    server = GrpcServer(control, "127.0.0.1", 0)
    with fail_after(60):
        async with create_task_group() as group:
            await group.start(server.run)
            yield server.port
            group.cancel_scope.cancel()


@pytest.mark.parametrize("name", ["", "echo", "intertie.v1.ControlService"])
async def test_what_is_well_serves(port: int, name: str) -> None:
    """The suite, a service of it, and the API itself, without a key."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        told = await services.HealthStub(channel).Check(messages.HealthCheckRequest(service=name))

    assert told.status == SERVING


async def test_a_service_that_is_not_there_is_not_found(port: int) -> None:
    """As the protocol has it; watched, it is unknown until it is there."""
    asked = messages.HealthCheckRequest(service="eco")
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = services.HealthStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.Check(asked)
        told = await stub.Watch(asked).read()

    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    assert told.status == UNKNOWN


async def test_a_watcher_hears_what_differs(port: int, control: Control) -> None:
    """Now, and after a stop."""
    actor = control.identify(f"Bearer {key_of(control)}", via="test")
    heard = []
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        watch = services.HealthStub(channel).Watch(messages.HealthCheckRequest(service="echo"))
        async for told in watch:
            heard.append(told.status)
            if told.status == NOT_SERVING:
                break
            await control.services.stop(actor, ["echo"])

    assert heard == [SERVING, NOT_SERVING]
