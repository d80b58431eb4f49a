"""Valkey, from the wheel that the embedded bus uses."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from intertie.runtime.bus_engine import valkey_program
from intertie.suite.bus import QueueConfig, QueueType
from tests.bus.peers.server import Broker, free_port

PASSWORD = "not-a-real-one"


@asynccontextmanager
async def valkey(
    folder: Path, *, password: str | None = PASSWORD, **settings: Any
) -> AsyncIterator[Broker]:
    """It keeps each confirmed write over SIGKILL."""
    port = free_port()
    config = QueueConfig(
        QueueType.REDIS, host="127.0.0.1", port=port, password=password, **settings
    )
    options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"]
    options += ["--appendfsync", "always"]
    if password is not None:
        options += ["--requirepass", password]
    argv = [valkey_program(), "--port", port, "--dir", folder, *options]
    broker = Broker(config, [str(word) for word in argv], folder, ready=partial(_serves, password))
    try:
        await broker.start()
        yield broker
    finally:
        await broker.kill()


async def _serves(password: str | None, port: int) -> bool:
    """Whether it has read its files: until then the port accepts, and each command is refused."""
    login = f"AUTH {password}\r\n" if password is not None else ""
    with socket.socket() as probe:
        probe.settimeout(2)
        try:
            probe.connect(("127.0.0.1", port))
            probe.sendall(f"{login}PING\r\nQUIT\r\n".encode())
            with probe.makefile("rb") as answers:
                return b"+PONG\r\n" in answers.read()
        except OSError:
            return False
