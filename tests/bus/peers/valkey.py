"""Valkey, from the wheel that the embedded bus uses."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
    broker = Broker(config, [str(word) for word in argv], folder)
    await broker.start()
    try:
        yield broker
    finally:
        await broker.kill()
