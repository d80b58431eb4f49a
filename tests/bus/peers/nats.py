"""NATS with JetStream."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from intertie.suite.bus import QueueConfig, QueueType
from tests.bus.peers.server import Broker, free_port

USER, PASSWORD = "suite", "not-a-real-one"
JETSTREAM = 'jetstream { store_dir: "." }\n'
_LOGIN = f"authorization {{ user: {USER}, password: {PASSWORD} }}\n"


@asynccontextmanager
async def nats(
    folder: Path, *, server: str = JETSTREAM, **settings: object
) -> AsyncIterator[Broker]:
    """It keeps each confirmed message over SIGKILL. `server` configures it, but for logins."""
    port = free_port()
    config = QueueConfig(
        QueueType.NATS,
        host="127.0.0.1",
        port=port,
        username=USER,
        password=PASSWORD,
        **settings,  # type: ignore[arg-type] # checked by the model
    )
    (folder / "nats.conf").write_text(server + _LOGIN)
    program = Path(sys.executable).with_name("nats-server")
    argv = [str(program), "-a", "127.0.0.1", "-p", str(port), "-c", str(folder / "nats.conf")]
    broker = Broker(config, argv, folder)
    try:
        await broker.start()
        yield broker
    finally:
        await broker.kill()
