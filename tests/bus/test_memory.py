"""The bus inside one process keeps the contract of all others."""

import pytest

from intertie.suite.bus import QueueConfig, QueueType
from intertie.testing.bus import BusContract


@pytest.mark.slow
class TestMemory(BusContract):
    @pytest.fixture
    def config(self) -> QueueConfig:
        """It has no address."""
        return QueueConfig(QueueType.MEMORY)

    @pytest.mark.skip(reason="there is no broker to miss")
    async def test_a_broker_that_is_not_there_is_told(self, config: QueueConfig) -> None:
        """Nothing can be away."""
