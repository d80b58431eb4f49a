"""RabbitMQ, from the system's package: a node with its own ports, folder, cookie, user and epmd."""

import base64
import hashlib
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from aiormq.channel import Channel
from aiormq.connection import Connection
from anyio import CancelScope, create_task_group, fail_after, open_process, sleep
from anyio.abc import TaskStatus

from intertie.bus.port import Bus, Delivery, Subscription, Take
from intertie.errors import BusUnavailableError
from intertie.suite.bus import QueueConfig, QueueType
from tests.bus.peers.server import Broker, free_port

PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
USER, PASSWORD = "suite", "not-a-real-one"


@asynccontextmanager
async def rabbitmq(folder: Path) -> AsyncIterator[Broker]:
    """It keeps each confirmed write over SIGKILL. Its start takes some 5 s."""
    port, epmd = free_port(), free_port()
    config = QueueConfig(
        QueueType.RABBITMQ,
        host="127.0.0.1",
        port=port,
        username=USER,
        password=PASSWORD,
    )
    env = _configure(folder, port=port, epmd=epmd)
    broker = Broker(config, [str(PROGRAM)], folder, env=env, ready=_greets)
    async with _epmd(epmd):
        try:
            await broker.start()
            yield broker
        finally:
            await broker.kill()


@asynccontextmanager
async def _epmd(port: int) -> AsyncIterator[None]:
    """The node would start one that outlives it."""
    argv = ["epmd", "-port", str(port), "-address", "127.0.0.1"]
    process = await open_process(argv, stdin=None, stdout=None, stderr=None)
    try:
        with fail_after(10):
            while not _listens(port):  # noqa: ASYNC110 — a port gives no event
                await sleep(0.01)
        yield
    finally:
        with CancelScope(shield=True):
            process.kill()
            await process.wait()
            await process.aclose()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _configure(folder: Path, *, port: int, epmd: int) -> dict[str, str]:
    """Write what the node reads; the variables that name it all."""
    (folder / "plugins").write_text("[].")
    (folder / "definitions.json").write_text(json.dumps(_definitions()))
    (folder / "rabbitmq.conf").write_text(
        f"listeners.tcp.1 = 127.0.0.1:{port}\nload_definitions = {folder}/definitions.json\n"
    )
    return {
        "HOME": str(folder),
        "RABBITMQ_NODENAME": f"t{port}@localhost",
        "RABBITMQ_DIST_PORT": str(free_port()),
        "ERL_EPMD_PORT": str(epmd),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1",
    }


def _definitions() -> dict[str, list[dict[str, object]]]:
    every = {"configure": ".*", "write": ".*", "read": ".*"}
    return {
        "users": [
            {
                "name": USER,
                "password_hash": _hashed(PASSWORD),
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": "",
            }
        ],
        "vhosts": [{"name": "/"}, {"name": "other/one"}],
        "permissions": [{"user": USER, "vhost": vhost, **every} for vhost in ("/", "other/one")],
    }


def _hashed(password: str) -> str:
    salt = b"salt"
    digest = hashlib.sha256(salt + password.encode()).digest()
    return base64.b64encode(salt + digest).decode()


@asynccontextmanager
async def channel_of(config: QueueConfig) -> AsyncIterator[Channel]:
    """Of a client that knows nothing of Intertie."""
    host, port = config.address
    connection = Connection(f"amqp://{USER}:{PASSWORD}@{host}:{port}/")
    await connection.connect()
    try:
        channel = await connection.channel()
        assert isinstance(channel, Channel)
        yield channel
    finally:
        await connection.close()


@asynccontextmanager
async def consuming_until_gone(bus: Bus, pattern: str = "a") -> AsyncIterator[list[Delivery]]:
    """A consumer that is told by the end of the block that the broker is gone; what it took."""
    taken: list[Delivery] = []

    async def take(delivery: Delivery) -> None:
        taken.append(delivery)

    async with create_task_group() as tasks:
        await tasks.start(lost, bus, Subscription(pattern, "g"), take)
        with fail_after(30):
            yield taken


async def lost(
    bus: Bus, subscription: Subscription, take: Take, *, task_status: TaskStatus[None]
) -> None:
    """Consume until the broker is gone."""
    with pytest.raises(BusUnavailableError, match="the connection was lost"):
        await bus.consume(subscription, take, task_status=task_status)


def fresh(config: QueueConfig) -> QueueConfig:
    """With an exchange of its own."""
    return replace(config, exchange=f"x{uuid4().hex[:10]}")


async def _greets(port: int) -> bool:
    """Whether it answers AMQP's first words; the port alone opens before the users are there."""
    with socket.socket() as probe:
        probe.settimeout(2)
        try:
            probe.connect(("127.0.0.1", port))
            probe.sendall(b"AMQP\0\0\x09\x01")
            return probe.recv(1) == b"\x01"
        except OSError:
            return False
