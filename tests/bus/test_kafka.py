"""The bus on a broker that speaks Kafka's protocol."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from intertie.suite.bus import QueueConfig
from intertie.testing.bus import BusContract
from tests.bus.chaos import BusChaos
from tests.bus.peers.kafka import kafka
from tests.bus.peers.server import Broker
from tests.bus.peers.shared import shared

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueueConfig]:
    """One broker for this module: each test has an exchange of its own."""
    yield from shared(kafka, tmp_path_factory.mktemp("kafka"))


@pytest.mark.slow
class TestKafka(BusContract):
    @pytest.fixture
    def config(self, server: QueueConfig) -> QueueConfig:
        """Where it is."""
        return server


class TestKafkaChaos(BusChaos):
    survives = False

    @pytest.fixture
    async def broker(self, tmp_path: Path) -> AsyncIterator[Broker]:
        """One to be paused."""
        async with kafka(tmp_path) as broker:
            yield broker
