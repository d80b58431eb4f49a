"""The gRPC server, asked by a client made from proto/ alone."""

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import grpc
import pytest
from anyio import TASK_STATUS_IGNORED, create_task_group, fail_after
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from intertie.api.listen import bind
from intertie.api.rpc import GrpcServer
from intertie.control.use_cases import Control
from intertie.errors import DaemonError
from intertie.runtime.component import Status
from tools.proto import compiled

pytestmark = pytest.mark.slow
SERVICE = "intertie.v1.ControlService"

Loose = Any  # Any: messages are made while the test runs


class Client:
    """Calls by name, with messages that are made from the .proto file here and now."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel
        self._pool = DescriptorPool()
        for file in FileDescriptorSet.FromString(compiled()["desc"]).file:
            self._pool.Add(file)

    def call(self, name: str, /, *, timeout: float = 30, key: str = "", **fields: Any) -> Loose:
        """What the method answers: to be awaited, or read."""
        method = self._pool.FindServiceByName(SERVICE).methods_by_name[name]
        asked, told = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
        make = self._channel.unary_stream if method.server_streaming else self._channel.unary_unary
        ask: Loose = make(
            f"/{SERVICE}/{name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=told.FromString,
        )
        metadata = (("authorization", f"Bearer {key}"),) if key else ()
        return ask(asked(**fields), timeout=timeout, metadata=metadata)

    def methods(self) -> list[str]:
        """Of the file."""
        return list(self._pool.FindServiceByName(SERVICE).methods_by_name)


def key_of(control: Control) -> str:
    """The management key of a suite."""
    return (control.bus.folder / ".intertie" / "run" / "api.token").read_text()


@asynccontextmanager
async def served(control: Control) -> AsyncIterator[Client]:
    """A server with these use cases, and a client of it."""
    server = GrpcServer(control, "127.0.0.1", 0)
    with fail_after(60):
        async with create_task_group() as group:
            await group.start(server.run)
            assert server.health().status is Status.UP
            async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
                yield Client(channel)
            group.cancel_scope.cancel()
    assert server.health().status is Status.DOWN


@pytest.mark.anyio
async def test_a_port_that_is_taken_is_told(control: Control) -> None:
    """With what to do about it."""
    listener = bind("127.0.0.1", 0)
    server = GrpcServer(control, "127.0.0.1", listener.getsockname()[1])

    with listener, pytest.raises(DaemonError, match="grpc_port"):
        await server.run(task_status=TASK_STATUS_IGNORED)


@pytest.mark.anyio
async def test_reads_and_writes_have_the_rules_of_the_rest_api(control: Control) -> None:
    """On the loopback interface reads are open, and writes need the key."""
    async with served(control) as client:
        listed = await client.call("ListServices")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await client.call("StopServices", services=["echo"], key="wrong")
        stopped = await client.call("StopServices", services=["echo"], key=key_of(control))
    async with served(replace(control, open_reads=False)) as client:
        with pytest.raises(grpc.aio.AioRpcError) as closed:
            await client.call("ListServices")

    assert [each.name for each in listed.services] == ["echo"]
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert "api.token" in (refused.value.details() or "")
    assert stopped.title == "stop echo"
    assert stopped.actor == "grpc"
    assert closed.value.code() is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.anyio
async def test_a_request_has_a_largest_size(control: Control) -> None:
    """A larger one is refused before it is read."""
    async with served(control) as client:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await client.call("GetService", name="x" * (1 << 21))

    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.anyio
async def test_programs_are_started_while_it_serves(control: Control) -> None:
    """Its library has threads, and a service is started all the same."""
    async with served(control) as client:
        change = await client.call("RestartServices", services=["echo"], key=key_of(control))
        seen = [each async for each in client.call("WatchChange", id=change.id)]

    assert seen[-1].status == 2  # done
    assert seen[-1].ended_at.seconds >= seen[-1].began_at.seconds > 0


def test_without_its_library_it_says_what_to_install() -> None:
    """And loads nothing else."""
    program = (
        "import sys; sys.modules['grpc'] = None\n"
        "import anyio; from intertie.api.rpc import GrpcServer\n"
        "from intertie.errors import DaemonError\n"
        "async def main():\n"
        "    server = GrpcServer(None, '127.0.0.1', 0)\n"
        "    try: await server.run(task_status=anyio.TASK_STATUS_IGNORED)\n"
        "    except DaemonError as exc: print(exc)\n"
        "anyio.run(main)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60
    )

    assert told.stdout.strip().endswith("install intertie[grpc]")
