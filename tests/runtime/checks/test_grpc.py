from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from anyio import Event, move_on_after, to_thread
from anyio.abc import SocketStream
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived, StreamEnded

from intertie.runtime.checks.grpc import GrpcCheck
from tests.runtime.checks.peer import Peer, answering, closed_port, serving
from tests.waiting import eventually

pytestmark = pytest.mark.anyio
grpc: Any = pytest.importorskip("grpc")
health: Any = pytest.importorskip("grpc_health.v1.health")
messages: Any = pytest.importorskip("grpc_health.v1.health_pb2")
services: Any = pytest.importorskip("grpc_health.v1.health_pb2_grpc")

SERVING = b"\0\0\0\0\2\x08\1"
LONG = "x" * 300


@contextmanager
def real_server(*, has_health: bool = True) -> Iterator[tuple[int, Any]]:
    """A gRPC server, its port and what it says about its health."""
    servicer = health.HealthServicer()
    server = grpc.server(ThreadPoolExecutor(2))
    if has_health:
        services.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port, servicer
    finally:
        server.stop(None).wait()


def check(port: int, service: str = "", interval_s: float = 1.0) -> GrpcCheck:
    """Asked often, unless it says otherwise."""
    return GrpcCheck(port, service, interval_s=interval_s)


async def test_a_serving_server_is_healthy() -> None:
    """As a whole, and each service by its name."""
    with real_server() as (port, servicer):
        servicer.set("", messages.HealthCheckResponse.SERVING)
        servicer.set("mail", messages.HealthCheckResponse.NOT_SERVING)
        servicer.set(LONG, messages.HealthCheckResponse.SERVING)
        servicer.set("new", messages.HealthCheckResponse.UNKNOWN)
        reasons = [await check(port, name)() for name in ("", LONG, "mail", "new", "gone")]

    assert reasons == [
        None,
        None,
        f"gRPC on port {port}: says NOT_SERVING",
        f"gRPC on port {port}: says UNKNOWN",
        f"gRPC on port {port}: does not know the service 'gone'",
    ]


async def test_a_change_is_seen_on_the_kept_connection() -> None:
    """In both directions."""
    with real_server() as (port, servicer):
        asked = check(port)
        assert await asked() is None
        servicer.set("", messages.HealthCheckResponse.NOT_SERVING)
        assert await asked() == f"gRPC on port {port}: says NOT_SERVING"
        servicer.set("", messages.HealthCheckResponse.SERVING)
        assert [await asked() for _ in range(50)] == [None] * 50


async def test_a_server_without_a_health_service_is_told() -> None:
    """That is a mistake of the suite file, not of the moment."""
    with real_server(has_health=False) as (port, _):
        reason = await check(port)()

    assert reason == f"gRPC on port {port}: the server has no health service"


async def test_a_server_that_was_restarted_is_asked_anew() -> None:
    """The kept connection went with the old one."""
    with real_server() as (port, _):
        asked = check(port)
        assert await asked() is None
    assert await asked() == f"port {port}: Connection refused"
    server = grpc.server(ThreadPoolExecutor(1))
    services.add_HealthServicer_to_server(health.HealthServicer(), server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        assert await asked() is None
    finally:
        await to_thread.run_sync(server.stop(None).wait)


async def test_a_closed_port_is_told() -> None:
    """With the system's reason."""
    port = closed_port()

    assert await check(port)() == f"port {port}: Connection refused"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "the answer is not HTTP/2"),
        (b"\xff" * 70_000, "the answer is not HTTP/2"),
        (b"\0\0\0\4", "the answer broke off"),
        (b"\0\0\0\4\0\0\0\0\0\xff\xff\xff", "no answer"),
        (b"\0\0\0\4\0\0\0\0\0" + b"\xff" * 70_000, "the answer is longer than 64 KiB"),
        (b"", "no answer"),
    ],
)
async def test_what_is_no_http2_is_told(answer: bytes, reason: str) -> None:
    """At once."""
    async with answering(answer) as peer:
        assert await check(peer.port)() == f"gRPC on port {peer.port}: {reason}"


@asynccontextmanager
async def scripted(
    *bodies: bytes, status: str = "200", code: str | None = "0", goaway: int | None = None
) -> AsyncIterator[Peer]:
    """An HTTP/2 server: these bodies in turn, then the trailers; GOAWAY after so many answers."""
    answers = iter(bodies)

    async def talk(stream: SocketStream) -> None:
        http2, count = H2Connection(H2Configuration(client_side=False)), 0
        http2.initiate_connection()
        while True:
            for event in http2.receive_data(await stream.receive()):
                if isinstance(event, RequestReceived):
                    http2.send_headers(event.stream_id, [(":status", status)])
                    http2.send_data(event.stream_id, next(answers))
                elif isinstance(event, StreamEnded):
                    count += 1
                    trailers = [("grpc-message", "no%20luck"), ("grpc-status", code or "")]
                    http2.send_headers(
                        event.stream_id, trailers[: 2 if code else 1], end_stream=True
                    )
            await stream.send(http2.data_to_send())
            if count == goaway:
                http2.close_connection(last_stream_id=2 * count - 1)
                await stream.send(http2.data_to_send())
                return

    async with serving(talk) as peer:
        yield peer


@pytest.mark.parametrize(
    ("body", "keys", "reason"),
    [
        (SERVING, {}, None),
        (b"\0\0\0\0\0", {}, "says UNKNOWN"),
        (b"\0\0\0\0\2\x08\3", {}, "says SERVICE_UNKNOWN"),
        (b"\0\0\0\0\2\x08\x09", {}, "says 9"),
        (b"\0\0\0\0\2\x12\1", {}, "the answer is not a HealthCheckResponse"),
        (b"\1\0\0\0\2\x08\1", {}, "the answer is not a HealthCheckResponse"),
        (b"", {}, "the answer is not a HealthCheckResponse"),
        (SERVING, {"code": "14"}, "answered with status 14: no luck"),
        (SERVING, {"code": None}, "answered with status (none): no luck"),
        (SERVING, {"status": "404"}, "answered with HTTP status 404"),
    ],
)
async def test_only_serving_is_healthy(
    body: bytes, keys: dict[str, Any], reason: str | None
) -> None:
    """With status 0, in a whole message."""
    async with scripted(body, **keys) as peer:
        told = await check(peer.port)()

    assert told == (reason and f"gRPC on port {peer.port}: {reason}")


async def test_a_server_that_takes_leave_is_no_failure() -> None:
    """The next question goes over a new connection."""
    async with scripted(*[SERVING] * 4, goaway=1) as peer:
        asked = check(peer.port)
        for times in range(1, 5):
            assert await asked() is None
            await eventually(lambda times=times: peer.gone == times)  # type: ignore[misc]

    assert peer.connections == 4


@pytest.mark.parametrize(("interval_s", "connections"), [(1.0, 1), (5.0, 3)])
async def test_a_connection_is_kept_for_frequent_checks(
    interval_s: float, connections: int
) -> None:
    """As with http."""
    async with scripted(*[SERVING] * 3) as peer:
        asked = check(peer.port, interval_s=interval_s)
        assert [await asked() for _ in range(3)] == [None] * 3

    assert peer.connections == connections


async def test_a_check_that_was_given_up_takes_its_connection_along() -> None:
    """Its answer is not the next one's."""
    asked_twice = Event()

    async def talk(stream: SocketStream) -> None:
        while True:
            await stream.receive()
            asked_twice.set()

    async with serving(talk) as peer:
        asked = check(peer.port)
        with move_on_after(0.05) as patience:
            await asked()
        await eventually(lambda: peer.gone == 1)

    assert patience.cancelled_caught
    assert asked_twice.is_set()
