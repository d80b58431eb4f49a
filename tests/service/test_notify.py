"""Telling the supervisor."""

import socket
from pathlib import Path

import pytest

from intertie.runtime.ports import Ports
from intertie.service.notify import listening, notify

pytestmark = pytest.mark.anyio


def test_the_supervisor_gets_the_state(tmp_path: Path) -> None:
    """One datagram, as sd_notify(3) says."""
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(path)

        notify(path, "READY=1")

        assert receiver.recv(100) == b"READY=1"


def test_a_supervisor_that_is_gone_harms_nobody(tmp_path: Path) -> None:
    """It is a warning in the log."""
    notify(str(tmp_path / "nobody"), "READY=1")


async def test_a_port_is_waited_for() -> None:
    """Until somebody accepts connections there."""
    port = Ports().take("listener")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))
        listener.listen()

        assert await listening(port)
