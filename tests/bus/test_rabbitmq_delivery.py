"""What a handler does with a message, and what becomes of one that it has for long."""

import sys
from collections.abc import Iterator

import pytest
from anyio import fail_after, open_process, sleep
from anyio.streams.buffered import BufferedByteReceiveStream

from intertie.bus.port import Subscription
from intertie.bus.rabbitmq import open_bus
from intertie.suite.bus import QueueConfig
from intertie.testing.bus import consuming, message
from tests.bus.peers.rabbitmq import (
    PASSWORD,
    PROGRAM,
    USER,
    fresh,
    rabbitmq,
)
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


LEASE_S = 1.5


async def test_a_handler_longer_than_the_lease_runs_once(config: QueueConfig) -> None:
    """The original is acked meanwhile, so the broker has no reason to close the channel."""
    async with open_bus(config, lease_after_s=LEASE_S, settle_s=0.0) as bus:
        async with consuming(bus, Subscription("a", "g")) as inbox:
            await bus.publish(message("a", b"slow"))
            held = await inbox.next()

            assert await inbox.is_quiet(for_s=6 * LEASE_S)
            (status,) = await bus.groups()
            assert (status.lag, status.pending) == (0, 1)
            await held.ack()
        async with consuming(bus, Subscription("a", "g")) as inbox:
            assert await inbox.is_quiet(for_s=3 * LEASE_S)


async def test_a_leased_message_can_be_retried_and_buried(config: QueueConfig) -> None:
    """As any other, and its copy is gone."""
    async with (
        open_bus(config, lease_after_s=LEASE_S, settle_s=0.0) as bus,
        consuming(bus, Subscription("a", "g")) as inbox,
    ):
        await bus.publish(message("a", b"slow", key="k"))
        for tries, after_s in ((1, 0.0), (2, 0.1)):
            held = await inbox.next()
            assert held.tries == tries
            await sleep(2 * LEASE_S)
            await held.retry(after_s)
        held = await inbox.next()
        await sleep(2 * LEASE_S)
        await held.bury("too slow")

        assert await inbox.is_quiet(for_s=3 * LEASE_S)
        (letter,) = await bus.dead_letters("g")
        assert (letter.message, letter.tries) == (held.message, 3)


async def test_a_leased_message_of_a_killed_consumer_comes_again(config: QueueConfig) -> None:
    """When the copy's time is up, as the next try."""
    async with open_bus(config) as bus:
        async with consuming(bus, Subscription("a", "g")):
            pass
        sent = message("a", b"slow", key="k")
        await bus.publish(sent)
        await kill_a_consumer(config, after_s=2 * LEASE_S)
        async with consuming(bus, Subscription("a", "g")) as inbox:
            again = await inbox.next()

            assert (again.message, again.tries) == (sent, 2)
            await again.ack()
            assert await inbox.is_quiet(for_s=3 * LEASE_S)


async def test_a_consumer_that_ends_gives_its_leased_messages_back(config: QueueConfig) -> None:
    """At once: nobody waits for the copy's time."""
    async with open_bus(config, lease_after_s=2.0, settle_s=0.0) as bus:
        async with consuming(bus, Subscription("a", "g")) as inbox:
            await bus.publish(message("a", b"slow"))
            await inbox.next()
            await sleep(2.8)
        async with consuming(bus, Subscription("a", "g")) as inbox:
            with fail_after(2.5):  # its copy is kept for 4 s
                assert (await inbox.next()).tries == 2


CONSUMER = """
import sys, anyio
from intertie.bus.port import Subscription
from intertie.bus.rabbitmq import open_bus
from intertie.suite.bus import QueueConfig, QueueType

port, exchange, user, password, lease_s = sys.argv[1:]
config = QueueConfig(QueueType.RABBITMQ, "127.0.0.1", int(port), user, password, exchange=exchange)

async def take(delivery):
    print("taken", flush=True)

async def main():
    async with open_bus(config, lease_after_s=float(lease_s), settle_s=0.0) as bus:
        subscription = Subscription("a", "g")
        await bus.consume(subscription, take, task_status=anyio.TASK_STATUS_IGNORED)

anyio.run(main)
"""


async def kill_a_consumer(config: QueueConfig, *, after_s: float) -> None:
    """Run one in a process of its own, and kill it so long after it took a message."""
    words = (str(config.port), config.exchange, USER, PASSWORD, str(LEASE_S))
    process = await open_process([sys.executable, "-c", CONSUMER, *words], stderr=None)
    async with process:
        assert process.stdout is not None
        with fail_after(20):
            said = BufferedByteReceiveStream(process.stdout)
            assert await said.receive_until(b"\n", 10) == b"taken"
        await sleep(after_s)
        process.kill()
