"""A real gRPC service, and what describes it."""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import grpc
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

PROTO = Path(__file__).parent / "proto"
SERVICE = "shop.v1.Orders"
Message = Any  # Any: messages are made while the test runs


class Say(Protocol):
    """Makes the service say whether it is well."""

    async def __call__(self, *, is_well: bool) -> None:
        """From now on."""


@cache
def descriptor() -> bytes:
    """As `protoc` writes it."""
    shared = distribution("googleapis-common-protos").locate_file("")
    with TemporaryDirectory() as folder:
        made = Path(folder) / "made.desc"
        command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}", f"-I{shared}"]
        flags = ["--include_imports", f"--descriptor_set_out={made}", "shop.proto"]
        subprocess.run([*command, *flags], check=True)
        return made.read_bytes()


@cache
def order_type() -> Message:
    """The class of its messages."""
    pool = DescriptorPool()
    for file in FileDescriptorSet.FromString(descriptor()).file:
        pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName("shop.v1.Order"))


async def _get(asked: Message, context: Any) -> Message:
    if asked.id == "none":
        await context.abort(grpc.StatusCode.NOT_FOUND, 'no order "none"')
    return order_type()(id=asked.id, item_count=len(asked.id))


async def _late(asked: Message, context: Any) -> AsyncIterator[Message]:
    for number in range(3):
        yield order_type()(id=asked.id, item_count=number)


async def _same(asked: Message, context: Any) -> Message:
    if asked.id == "taken":
        context.set_code(grpc.StatusCode.ALREADY_EXISTS)
        context.set_details("it is there")
    return asked


def _handlers() -> Iterator[tuple[str, Any]]:
    kind = order_type()
    forms = {
        "request_deserializer": kind.FromString,
        "response_serializer": lambda message: message.SerializeToString(),
    }
    yield "Get", grpc.unary_unary_rpc_method_handler(_get, **forms)
    yield "Make", grpc.unary_unary_rpc_method_handler(_same, **forms)
    yield "Echo", grpc.unary_unary_rpc_method_handler(_same, **forms)
    yield "Watch", grpc.unary_stream_rpc_method_handler(_late, **forms)


@asynccontextmanager
async def orders() -> AsyncIterator[tuple[int, Say]]:
    """A running one: its port, and what says whether it is well."""
    server, known = grpc.aio.server(), health.aio.HealthServicer()
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(SERVICE, dict(_handlers())),)
    )
    health_pb2_grpc.add_HealthServicer_to_server(known, server)

    async def say(*, is_well: bool) -> None:
        kinds = health_pb2.HealthCheckResponse
        await known.set("", kinds.SERVING if is_well else kinds.NOT_SERVING)

    await say(is_well=True)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port, say
    finally:
        await server.stop(None)
