import socket
from contextlib import closing

import pytest
from anyio import create_task_group, fail_after, lowlevel

from intertie.drivers.listen import Listener
from intertie.errors import DriverError
from tests.waiting import eventually


def connect(port: int) -> socket.socket:
    """A client."""
    return socket.create_connection(("127.0.0.1", port), timeout=5)


@pytest.mark.anyio
async def test_a_connection_is_told_and_left_alone() -> None:
    """It waits for whoever accepts it, with what the client said."""
    told: list[bool] = []

    async def wait() -> None:
        await listener.wait_connection()
        told.append(True)

    with Listener(0, service="api") as listener, fail_after(60):
        async with create_task_group() as group:
            group.start_soon(wait)
            await lowlevel.checkpoint()
            assert not told
            with closing(connect(listener.port)) as client:
                client.sendall(b"hello")
                await eventually(lambda: bool(told))
                await listener.wait_connection()  # still there

                with socket.socket(fileno=socket.dup(listener.fileno())) as service:
                    accepted, _ = service.accept()
                with closing(accepted):
                    assert accepted.recv(5) == b"hello"


@pytest.mark.anyio
async def test_connections_are_counted() -> None:
    """Before they are accepted, and until the client closes; other ports do not count."""
    with Listener(0, service="api") as listener, Listener(0, service="web") as other:
        assert listener.connections() == 0
        clients = [connect(listener.port) for _ in range(3)]

        await eventually(lambda: listener.connections() == 3)
        assert other.connections() == 0

        for client in clients:
            client.close()
        await eventually(lambda: listener.connections() == 0)


def test_a_taken_port_is_told() -> None:
    """With its number and the service."""
    with Listener(0, service="api") as listener, pytest.raises(DriverError) as caught:
        Listener(listener.port, service="web")

    assert str(caught.value) == (
        f"cannot start service 'web': its port {listener.port} cannot be held open on 127.0.0.1: "
        "Address already in use"
    )


def test_a_port_is_free_after_closing() -> None:
    """At once, though connections of before are in their last wait."""
    with Listener(0, service="api") as listener:
        connect(listener.port).close()
    listener.close()

    with Listener(listener.port, service="api") as again:
        assert again.port == listener.port
