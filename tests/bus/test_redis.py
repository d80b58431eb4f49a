"""The bus on a real Valkey."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from intertie.suite.bus import QueueConfig
from intertie.testing.bus import BusContract
from tests.bus.chaos import BusChaos
from tests.bus.peers.server import Broker
from tests.bus.peers.shared import shared
from tests.bus.peers.valkey import valkey

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueueConfig]:
    """One Valkey for this module."""
    yield from shared(valkey, tmp_path_factory.mktemp("valkey"))


@pytest.mark.slow
class TestRedis(BusContract):
    @pytest.fixture
    def config(self, server: QueueConfig) -> QueueConfig:
        """Where it is."""
        return server


class TestRedisChaos(BusChaos):
    @pytest.fixture
    async def broker(self, tmp_path: Path) -> AsyncIterator[Broker]:
        """One to be killed."""
        async with valkey(tmp_path) as broker:
            yield broker
