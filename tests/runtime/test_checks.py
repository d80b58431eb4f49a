import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from anyio import (
    BrokenResourceError,
    EndOfStream,
    create_task_group,
    create_tcp_listener,
    fail_after,
    move_on_after,
)
from anyio.abc import SocketAttribute, SocketStream

from intertie.drivers import Launch
from intertie.drivers.process import ProcessDriver
from intertie.runtime import checks
from intertie.suite.health import Healthcheck
from tests.runtime.dead import still_runs
from tests.waiting import eventually

pytestmark = pytest.mark.anyio

Answer = Callable[[SocketStream], Awaitable[None]]


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[int]:
    """A server for one request a connection; its port."""

    async def handle(stream: SocketStream) -> None:
        async with stream:
            with suppress(BrokenResourceError, EndOfStream):
                assert (await stream.receive()).startswith(b"GET /health HTTP/1.1\r\n")
                await answer(stream)

    listener = await create_tcp_listener(local_host="127.0.0.1")
    async with listener, create_task_group() as group:
        group.start_soon(listener.serve, handle)
        with fail_after(10):
            yield listener.extra(SocketAttribute.local_port)  # noqa: S610 — not Django's `extra`
        group.cancel_scope.cancel()


def closed_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ((b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",), None),
        ((b"HTTP/1.1 204 No Content\r\n\r\n",), None),
        ((b"HTTP/1.0 200\r\n\r\n",), None),
        ((b"HTTP/1.1 20", b"0 OK\r\nContent-Length: 2\r\n", b"\r\n", b"ok"), None),
        ((b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"0\r\n\r\n"), None),
        ((b"HTTP/1.1 503 Service Unavailable\r\n\r\n",), "GET /health: answered 503"),
        ((b"HTTP/1.1 302 Found\r\n\r\n",), "GET /health: answered 302"),
        ((b"SSH-2.0-OpenSSH\r\n",), "GET /health: the answer is not HTTP/1.1"),
        ((), "GET /health: no answer"),
    ],
)
async def test_http_is_healthy_at_2xx(parts: tuple[bytes, ...], reason: str | None) -> None:
    """However the answer is cut into pieces, its status decides."""

    async def answer(stream: SocketStream) -> None:
        for part in parts:
            await stream.send(part)

    async with serving(answer) as port:
        assert await checks.http(port, "/health") == reason


async def test_http_does_not_wait_for_a_connection_that_is_kept() -> None:
    """The announced length ends the answer."""

    async def answer(stream: SocketStream) -> None:
        await stream.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        await stream.receive()  # until the other side leaves

    async with serving(answer) as port:
        assert await checks.http(port, "/health") is None


async def test_http_does_not_read_an_endless_answer() -> None:
    """64 KiB are enough to know."""

    async def answer(stream: SocketStream) -> None:
        await stream.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await stream.send(b"x" * 65536)

    async with serving(answer) as port:
        assert await checks.http(port, "/health") is None


async def test_a_closed_port_is_told() -> None:
    """Both kinds name the port and the reason."""
    port = closed_port()

    assert await checks.tcp(port) == f"port {port}: Connection refused"
    assert await checks.http(port, "/") == f"port {port}: Connection refused"


async def test_an_open_port_is_healthy() -> None:
    """Accepting is enough."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert await checks.tcp(server.getsockname()[1]) is None


def check(folder: Path, *test: str) -> checks.Check:
    """A declared command, for a replica with X=1 in its environment."""
    env = {"PATH": os.environ["PATH"], "X": "1"}
    launch = Launch("api", 0, ("x",), env, folder, folder / "out", folder / "err", 15, 10.0)
    return checks.make_check(
        Healthcheck(test=test), None, driver=ProcessDriver(f"checks{folder}"), launch=launch
    )


@pytest.mark.parametrize(
    ("test", "reason"),
    [
        (("true",), None),
        (("CMD", "true"), None),
        (("CMD-SHELL", "test $X = 1 && true"), None),
        (("sh", "-c", "exit 3"), "sh: exit code 3"),
        (("CMD-SHELL", "kill -9 $$"), "/bin/sh: signal 9"),
    ],
)
async def test_a_command_is_healthy_at_exit_code_0(
    tmp_path: Path, test: tuple[str, ...], reason: str | None
) -> None:
    """It runs in the service's environment; Compose's prefixes are understood."""
    assert await check(tmp_path, *test)() == reason


async def test_a_command_that_is_not_there_is_unhealthy(tmp_path: Path) -> None:
    """The reason says so."""
    reason = await check(tmp_path, "no-such-program")()

    assert reason is not None
    assert "'no-such-program' is not found" in reason


async def test_a_command_that_is_cut_short_is_killed(tmp_path: Path) -> None:
    """With everything it started, at once, though it ignores SIGTERM."""
    child = tmp_path / "child"
    script = f"trap '' TERM; setsid sleep 1000 & echo $! > {child}.x; mv {child}.x {child}; wait"
    async with create_task_group() as group:
        with move_on_after(30) as limit:
            group.start_soon(_cut, child, limit.cancel)
            await check(tmp_path, "sh", "-c", script)()

    assert limit.cancelled_caught
    assert not still_runs(int(child.read_text()))


async def _cut(file: Path, cancel: Callable[[], None]) -> None:
    await eventually(file.exists)
    cancel()
