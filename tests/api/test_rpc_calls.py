"""One gRPC call: its fence and its deadline."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from anyio import EndOfStream

from intertie.api.pb import control_pb2 as pb
from intertie.api.problem import OUR_FAULT
from intertie.api.rpc_calls import Call, Write, streaming, unary
from intertie.control.use_cases import Control
from intertie.errors import BusUnavailableError, SuiteError

pytestmark = [pytest.mark.slow, pytest.mark.anyio]

Asked = pb.GetServiceRequest


@asynccontextmanager
async def served(
    table: dict[str, Any],
) -> AsyncIterator[Any]:  # Any: calls of its channel are of bytes
    """A server with these methods."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("x", table),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
    finally:
        await server.stop(0)


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (BusUnavailableError("cannot reach it"), grpc.StatusCode.UNAVAILABLE, "cannot reach it"),
        (SuiteError([]), grpc.StatusCode.INVALID_ARGUMENT, ""),
        (KeyError("a secret"), grpc.StatusCode.INTERNAL, OUR_FAULT),
        (TimeoutError(), grpc.StatusCode.DEADLINE_EXCEEDED, "cannot finish this in time"),
    ],
)
async def test_errors_become_statuses(
    control: Control,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    code: grpc.StatusCode,
    words: str,
) -> None:
    """A fault of ours tells nothing of itself but to the log."""
    caplog.set_level(logging.CRITICAL)

    async def fail(call: Call[Asked]) -> pb.Service:
        raise error

    async with served({"y": unary(control, fail, Asked)}) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await channel.unary_unary("/x/y")(b"")

    assert refused.value.code() is code
    assert refused.value.details() == words


async def test_a_stream_whose_reader_falls_behind_says_so(control: Control) -> None:
    """What was sent has come; the client may ask again."""

    async def lose(call: Call[Asked], write: Write[pb.Service]) -> None:
        await write(pb.Service(name="first"))
        raise EndOfStream

    async with served({"y": streaming(control, lose, Asked)}) as channel:
        stream = channel.unary_stream("/x/y")(b"")
        first = pb.Service.FromString(await stream.read())
        with pytest.raises(grpc.aio.AioRpcError) as over:
            await stream.read()

    assert first.name == "first"
    assert over.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_bytes_that_are_no_message_are_refused(control: Control) -> None:
    """Without a word of what failed inside."""

    async def answer(call: Call[Asked]) -> pb.Service:
        return pb.Service()

    async with served({"y": unary(control, answer, Asked)}) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await channel.unary_unary("/x/y")(b"\xff\xff\xff")

    assert refused.value.code() in {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}
    assert "Traceback" not in (refused.value.details() or "")
