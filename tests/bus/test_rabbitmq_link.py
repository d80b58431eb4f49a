"""The connection to a real RabbitMQ, and to what is none."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from anyio import create_task_group, fail_after, sleep
from pamqp.commands import Basic

from intertie.bus.port import Subscription
from intertie.bus.rabbitmq import open_bus
from intertie.bus.rabbitmq_link import Link
from intertie.errors import BusError, BusUnavailableError
from intertie.suite.bus import QueueConfig
from intertie.testing.bus import consuming, message
from tests.bus.peers.rabbitmq import (
    PROGRAM,
    fresh,
    rabbitmq,
)
from tests.bus.peers.server import free_port
from tests.bus.peers.shared import shared

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.slow,
    pytest.mark.skipif(not PROGRAM.exists(), reason="rabbitmq-server is not installed"),
]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueueConfig]:
    """Its start takes seconds."""
    yield from shared(rabbitmq, tmp_path_factory.mktemp("rabbitmq"))


@pytest.fixture
def config(node: QueueConfig) -> QueueConfig:
    """An exchange of its own at the node."""
    return fresh(node)


async def test_a_broker_that_answers_nothing_is_told_in_time(config: QueueConfig) -> None:
    """A port that accepts is not a broker yet."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        away = replace(config, port=port, connect_timeout=0.3)
        with fail_after(5), pytest.raises(BusUnavailableError, match=r"no answer within 0\.3 s"):
            async with open_bus(away):
                pass


async def test_a_port_that_nobody_listens_on_is_told(config: QueueConfig) -> None:
    """With the system's reason."""
    away = replace(config, port=free_port())
    with pytest.raises(
        BusUnavailableError,
        match=rf"^cannot reach the bus at amqp://127\.0\.0\.1:{away.port}: Connection refused$",
    ):
        async with open_bus(away):
            pass


async def test_a_lost_connection_is_made_anew_with_the_next_call(config: QueueConfig) -> None:
    """The call that finds it lost says so."""
    link = Link(config)
    try:
        connection = await link.open()
        assert await link.open() is connection
        await connection.close()
        assert await link.open() is not connection
        assert await link.declare("made", {}) == 0
        await link.remove("made")
        with pytest.raises(BusUnavailableError, match="it did not take the message"):
            await link.send(b"x", Basic.Properties(message_id="1"), key="made", mandatory=True)
    finally:
        await link.close()


async def test_a_publish_that_waits_is_told_of_the_loss(config: QueueConfig) -> None:
    """It is neither cancelled nor left waiting."""
    link = Link(config)
    told: list[BaseException] = []

    async def publish() -> None:
        for _ in range(10_000):
            try:
                await link.send(b"x" * 100_000, Basic.Properties(), key="nowhere")
            except BusUnavailableError as exc:
                told.append(exc)
                return

    try:
        connection = await link.open()
        async with create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(publish)
            await sleep(0.05)
            await connection.close()
        assert len(told) == 8
    finally:
        await link.close()


async def test_a_virtual_host_is_a_world_of_its_own(config: QueueConfig) -> None:
    """Also one with a slash in its name."""
    other = replace(config, virtual_host="other/one")
    async with (
        open_bus(config) as bus,
        open_bus(other) as away,
        consuming(bus, Subscription("a", "g")) as inbox,
    ):
        await away.publish(message("a", b"away"))
        await bus.publish(message("a", b"here"))

        assert await inbox.bodies(1) == [b"here"]
        assert await inbox.is_quiet()
    with pytest.raises(BusUnavailableError, match="cannot reach the bus at amqp://127"):
        async with open_bus(replace(config, virtual_host="nowhere")):
            pass


async def test_tls_is_spoken_when_it_is_asked_for(config: QueueConfig, tmp_path: Path) -> None:
    """A broker that does not speak it is not reached, and a wrong file of authorities is told."""
    with pytest.raises(BusUnavailableError, match="cannot reach the bus at amqps://127"):
        async with open_bus(replace(config, tls=True, connect_timeout=1.0)):
            pass
    with pytest.raises(BusError, match=r"its ca_file .*no-such"):
        async with open_bus(replace(config, tls=True, ca_file=str(tmp_path / "no-such"))):
            pass
