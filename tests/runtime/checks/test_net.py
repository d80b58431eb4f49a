import gc
import re
import socket
from pathlib import Path

import pytest
from anyio import create_task_group, move_on_after
from anyio.abc import SocketStream

from intertie.runtime.checks.net import NoAnswer, PeerError, connect, tcp
from tests.runtime.checks.peer import answering, closed_port, serving
from tests.waiting import eventually

pytestmark = pytest.mark.anyio
LINE = re.compile(rb"\n")


async def test_an_open_port_is_healthy() -> None:
    """Accepting is enough."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert await tcp(server.getsockname()[1]) is None


async def test_a_closed_port_is_told() -> None:
    """With the system's reason."""
    port = closed_port()

    assert await tcp(port) == f"port {port}: Connection refused"


async def test_a_server_that_accepts_nobody_is_waited_for() -> None:
    """Its queue is full: the caller's patience decides."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        port = server.getsockname()[1]
        waiting = [await connect(port)]  # what the queue holds
        with move_on_after(0.2) as patience:
            await tcp(port)
        waiting[0].close()

    assert patience.cancelled_caught


def port_range() -> tuple[int, int]:
    """Of the numbers that the kernel gives."""
    low, high = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    return int(low), int(high)


async def test_nobody_is_taken_for_a_server_because_the_kernel_gave_us_its_port() -> None:
    """TCP connects a port to itself when both ends are given the same number."""
    low, high = port_range()
    # The kernel gives listeners the odd numbers and connections the even ones.
    port = closed_port() + (1 - low % 2)

    reasons = {await tcp(port) for _ in range(high - low)}

    assert reasons == {f"port {port}: Connection refused"}


async def test_bytes_are_found_however_they_are_cut() -> None:
    """Lines, counts and the rest follow each other."""
    async with answering(b"one\ntw", b"o\nthr", b"eerest") as peer:
        with await connect(peer.port) as connection:
            await connection.send(b"?")
            assert await connection.receive_through(LINE, "a line") == b"one\n"
            assert await connection.receive_through(LINE, "a line") == b"two\n"
            assert await connection.await_bytes(2) == b"th"
            assert await connection.receive_exactly(5) == b"three"
            assert await connection.receive_rest(100) == b"rest"
            assert await connection.receive() == b""


async def test_no_answer_is_not_half_an_answer() -> None:
    """A caller may ask again after the first, not after the second."""
    async with answering() as peer, answering(b"half") as half:
        with await connect(peer.port) as connection:
            await connection.send(b"?")
            with pytest.raises(NoAnswer, match="no answer"):
                await connection.receive_exactly(1)
        with await connect(half.port) as connection:
            await connection.send(b"?")
            with pytest.raises(PeerError, match="the answer broke off") as caught:
                await connection.receive_exactly(5)

    assert not isinstance(caught.value, NoAnswer)


async def test_an_endless_line_is_not_read() -> None:
    """64 KiB are enough to know."""

    async def talk(stream: SocketStream) -> None:
        while True:
            await stream.send(b"x" * 10_000)

    longer = pytest.raises(PeerError, match="the name is longer than 64 KiB")
    async with serving(talk) as peer:
        with await connect(peer.port) as connection, longer:
            await connection.receive_through(LINE, "the name")


async def test_a_large_question_is_sent_whole() -> None:
    """Though the other side takes it slowly."""
    received = 0

    async def talk(stream: SocketStream) -> None:
        nonlocal received
        while received < 20_000_000:
            received += len(await stream.receive())
        await stream.send(b"!")

    async with serving(talk) as peer, create_task_group() as group:
        with await connect(peer.port) as connection:
            group.start_soon(connection.send, b"x" * 20_000_000)
            assert await connection.receive_exactly(1) == b"!"


async def test_a_kept_connection_is_quiet_until_something_comes() -> None:
    """Bytes that nobody asked for, or its end."""
    more = [b"late", b""]

    async def talk(stream: SocketStream) -> None:
        await stream.receive()
        if data := more.pop(0):
            await stream.send(data)

    async with serving(talk) as peer:
        for _ in range(2):
            with await connect(peer.port) as connection:
                assert connection.is_quiet()
                await connection.send(b"now")
                await eventually(lambda c=connection: not c.is_quiet())  # type: ignore[misc]


async def test_a_forgotten_connection_is_closed() -> None:
    """Whoever keeps one need not say so at the end."""
    async with answering() as peer:
        connection = await connect(peer.port)
        await eventually(lambda: peer.connections == 1)
        del connection
        gc.collect()
        await eventually(lambda: peer.gone == 1)
