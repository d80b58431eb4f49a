"""The producer of a Kafka bus."""

from dataclasses import replace
from pathlib import Path

import pytest
from anyio import fail_after

from intertie.bus.kafka_producer import Producer
from intertie.errors import BusError, BusUnavailableError
from tests.bus.peers.kafka import desk, kafka
from tests.bus.peers.server import Broker

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_after_a_failure_it_connects_anew(tmp_path: Path) -> None:
    """A dead broker fails each message in time; once it is back the next arrives, and no other."""
    async with kafka(tmp_path) as broker:
        config = replace(broker.config, connect_timeout=1.0)
        async with desk(config) as with_:
            await with_.cluster.ensure("s.a", partitions=1)
            await with_.producer.send("s.a", b"1", key=None, headers=[])
            await broker.kill()
            with fail_after(10):
                for _ in range(2):
                    with pytest.raises(BusUnavailableError):
                        await with_.producer.send("s.a", b"2", key=None, headers=[])
            await broker.start()
            await with_.cluster.ensure("s.a", partitions=1)

            await with_.producer.send("s.a", b"3", key=None, headers=[])
            (partition,) = await with_.cluster.partitions(["s.a"])
            assert await with_.cluster.edges([partition]) == {partition: (0, 1)}


async def test_a_silent_broker_does_not_keep_it_from_closing(tmp_path: Path) -> None:
    """What it still holds is given up."""
    async with kafka(tmp_path) as broker:
        config = replace(broker.config, connect_timeout=1.0)
        async with desk(config) as with_:
            await with_.cluster.ensure("s.a", partitions=1)
        with fail_after(20):
            async with desk(config) as with_:
                with pytest.raises(BusUnavailableError):
                    await _send_until_paused(with_.producer, broker)


async def _send_until_paused(producer: Producer, broker: Broker) -> None:
    """The signal may reach the broker a moment later than the next message."""
    await producer.send("s.a", b"1", key=None, headers=[])
    await broker.pause()
    while True:
        await producer.send("s.a", b"2", key=None, headers=[])


async def test_a_message_too_large_is_refused_for_good(tmp_path: Path) -> None:
    """Trying again would not help, and the producer goes on with others."""
    async with kafka(tmp_path) as broker, desk(broker.config) as with_:
        await with_.cluster.ensure("s.a", partitions=1)
        with pytest.raises(BusError) as caught:
            await with_.producer.send("s.a", b"x" * (4 << 20), key=None, headers=[])

        assert not isinstance(caught.value, BusUnavailableError)
        await with_.producer.send("s.a", b"1", key=None, headers=[])
