"""What is not HTTP, through a real Envoy."""

import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trustme
from anyio import (
    TASK_STATUS_IGNORED,
    BrokenResourceError,
    EndOfStream,
    connect_tcp,
    create_connected_udp_socket,
    create_task_group,
    create_tcp_listener,
    create_udp_socket,
    fail_after,
    move_on_after,
    to_thread,
)
from anyio.abc import AnyByteStream, SocketAttribute, TaskStatus
from anyio.streams.tls import TLSListener

from intertie.gateway.streams import listeners
from intertie.runtime.engines import standing
from intertie.suite.gateway import Gateway
from intertie.suite.model import Suite
from tests.gateway.ports import PORTS
from tests.gateway.stage import door, suite_of

pytestmark = pytest.mark.anyio

LOCAL = "127.0.0.1"


def of(*streams: dict[str, Any], **gateway: Any) -> Gateway:
    """A gateway with these streams."""
    return Gateway.model_validate({"streams": streams, **gateway})


def suite_with(*streams: dict[str, Any], **gateway: Any) -> Suite:
    """A suite whose gateway also passes on these, to services of their own."""
    made = suite_of({"path": "/", "service": "web"}, streams=streams, **gateway)
    other = made.services["none"]
    names = {str(each["service"]): other for each in streams}
    return made.model_copy(update={"services": {**made.services, **names}})


@asynccontextmanager
async def echo(name: str, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server on a free port that says its name, and then what it is told."""

    async def serve(*, task_status: TaskStatus[int] = TASK_STATUS_IGNORED) -> None:
        plain = await create_tcp_listener(local_host=LOCAL)
        task_status.started(plain.extra(SocketAttribute.local_port))  # noqa: S610 - not of Django
        listener = TLSListener(plain, context) if context else plain
        async with listener:
            await listener.serve(answer)

    async def answer(stream: AnyByteStream) -> None:
        with suppress(BrokenResourceError, ssl.SSLError):
            async with stream:
                await stream.send(f"{name}\n".encode())
                async for part in stream:
                    await stream.send(part)

    async with create_task_group() as group:
        yield await group.start(serve)
        group.cancel_scope.cancel()


@asynccontextmanager
async def echo_datagrams() -> AsyncIterator[int]:
    """The same for datagrams, without a name."""
    async with await create_udp_socket(local_host=LOCAL) as own, create_task_group() as group:

        async def serve() -> None:
            async for packet, (host, port) in own:
                await own.sendto(packet, host, port)

        group.start_soon(serve)
        yield own.extra(SocketAttribute.local_port)  # noqa: S610 - not of Django
        group.cancel_scope.cancel()


async def greeting(port: int) -> bytes:
    """What who answers there says first."""
    async with await connect_tcp(LOCAL, port) as stream:
        with fail_after(30):
            return await stream.receive()


def test_streams_of_one_port_are_one_listener() -> None:
    """Envoy takes a port once; UDP is another matter."""
    tls = {"port": 443, "service": "a", "protocol": "tls"}
    udp = {"port": 443, "service": "a", "protocol": "udp"}
    made = listeners(of({**tls, "hosts": "a.example"}, tls, udp, {"port": 53, "service": "a"}))

    assert [each["name"] for each in made] == ["stream.443", "stream.53", "stream.443.udp"]
    named, others = made[0]["filter_chains"]
    assert named["filter_chain_match"]["server_names"] == ["a.example"]
    assert others["filter_chain_match"] == {"transport_protocol": "tls"}


def test_another_stream_or_guard_is_another_envoy() -> None:
    """Listeners are read once."""
    stream = {"port": 5432, "service": "db"}
    denied = {"addresses": {"deny": "10.0.0.0/8"}}

    told = {standing(each) for each in (of(), of(stream), of(stream, security=denied))}
    assert len(told) == 3
    assert standing(of(security=denied)) == standing(of())


@pytest.mark.slow
async def test_connections_come_to_the_service_and_follow_it(tmp_path: Path) -> None:
    """Byte by byte; new ones to where its replicas are now."""
    port = PORTS.take("stream")
    suite = suite_with({"port": port, "service": "db"})
    async with (
        echo("one") as one,
        echo("two") as two,
        door(tmp_path, suite, {"db": [one]}) as made,
        await connect_tcp(LOCAL, port) as stream,
    ):
        first = await stream.receive()
        await made.moved("db", two)
        second = await greeting(port)
        await stream.send(b"still here")
        with fail_after(30):
            third = await stream.receive()

    assert (first, second, third) == (b"one\n", b"two\n", b"still here")


@pytest.mark.slow
@pytest.mark.parametrize(
    "addresses",
    [
        {"deny": f"{LOCAL}/32"},
        {"deny": ["0.0.0.0/0", "::/0"]},
        {"allow": "10.0.0.0/8"},
        {"allow": f"{LOCAL}/32", "deny": "127.0.0.0/8"},
    ],
)
async def test_who_may_not_use_the_gateway_may_not_use_its_streams(
    tmp_path: Path, addresses: dict[str, Any]
) -> None:
    """Also not to hear a service that speaks first; datagrams are dropped."""
    port, other = PORTS.take("stream"), PORTS.take("other")
    suite = suite_with(
        {"port": port, "service": "db"},
        {"port": other, "service": "dns", "protocol": "udp"},
        security={"addresses": addresses},
    )
    async with (
        echo("db") as db,
        echo_datagrams() as dns,
        door(tmp_path, suite, {"db": [db], "dns": [dns]}),
        await create_connected_udp_socket(LOCAL, other) as sender,
    ):
        with pytest.raises((EndOfStream, BrokenResourceError)):
            await greeting(port)
        await sender.send(b"hello")
        with move_on_after(0.3) as waiting:
            await sender.receive()

    assert waiting.cancelled_caught


@pytest.mark.slow
async def test_who_is_allowed_may_use_the_streams(tmp_path: Path) -> None:
    """The guard tells addresses apart."""
    port, other = PORTS.take("stream"), PORTS.take("other")
    suite = suite_with(
        {"port": port, "service": "db"},
        {"port": other, "service": "dns", "protocol": "udp"},
        security={"addresses": {"allow": "127.0.0.0/8", "deny": "127.7.0.0/16"}},
    )
    async with (
        echo("db") as db,
        echo_datagrams() as dns,
        door(tmp_path, suite, {"db": [db], "dns": [dns]}),
        await create_connected_udp_socket(LOCAL, other) as sender,
    ):
        await sender.send(b"hello")
        with fail_after(30):
            told = (await greeting(port), await sender.receive())

    assert told == (b"db\n", b"hello")


@pytest.mark.slow
async def test_datagrams_go_there_and_back(tmp_path: Path) -> None:
    """Each sender has its own conversation."""
    port = PORTS.take("stream")
    suite = suite_with({"port": port, "service": "dns", "protocol": "udp"})
    async with (
        echo_datagrams() as dns,
        door(tmp_path, suite, {"dns": [dns]}),
        await create_connected_udp_socket(LOCAL, port) as one,
        await create_connected_udp_socket(LOCAL, port) as two,
    ):
        with fail_after(30):
            await one.send(b"from one")
            await two.send(b"from two")
            told = (await one.receive(), await two.receive())

    assert told == (b"from one", b"from two")


@pytest.mark.slow
async def test_tls_is_passed_on_unread_by_the_name_asked_for(tmp_path: Path) -> None:
    """The service's own certificate is seen; a name of nobody, and no TLS at all, get nothing."""
    port, authority = PORTS.take("stream"), trustme.CA()
    names = ("a.example", "x.b.example")
    suite = suite_with(
        {"port": port, "service": "a", "protocol": "tls", "hosts": "a.example"},
        {"port": port, "service": "b", "protocol": "tls", "hosts": "*.b.example"},
    )
    client = ssl.create_default_context()
    authority.configure_trust(client)

    async with (
        echo("a", _server(authority, names[0])) as a,
        echo("b", _server(authority, names[1])) as b,
        door(tmp_path, suite, {"a": [a], "b": [b]}),
    ):
        told = [await to_thread.run_sync(_ask, client, port, name) for name in names]
        with pytest.raises(OSError, match=r"reset|EOF|closed"):
            await to_thread.run_sync(_ask, client, port, "c.example")

    assert told == [b"a\n", b"b\n"]


def _ask(context: ssl.SSLContext, port: int, name: str) -> bytes:
    """What the service of this name says. Raises OSError when nobody answers to it."""
    with (
        socket.create_connection((LOCAL, port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname=name) as stream,
    ):
        return stream.recv(100)


def _server(authority: trustme.CA, name: str) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(made)
    return made
