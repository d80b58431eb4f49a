"""Which adapter an engine has."""

import sys

import pytest

from intertie.bus.engines import open_bus
from intertie.bus.memory import MemoryBus
from intertie.errors import BusError
from intertie.suite.bus import QueueConfig, QueueType

pytestmark = pytest.mark.anyio


async def test_memory_needs_no_broker() -> None:
    """It is open at once."""
    async with open_bus(QueueConfig(QueueType.MEMORY)) as bus:
        assert isinstance(bus, MemoryBus)


def test_an_embedded_bus_is_its_suite_s() -> None:
    """What to do is told."""
    with pytest.raises(BusError, match="INTERTIE_BUS_URL; or use MEMORY"):
        open_bus(QueueConfig())


@pytest.mark.parametrize(
    ("kind", "package"),
    [
        (QueueType.RABBITMQ, "aiormq"),
        (QueueType.KAFKA, "aiokafka"),
        (QueueType.NATS, "nats"),
    ],
)
def test_a_missing_client_names_the_extra(
    kind: QueueType, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a traceback of an import."""
    for name in [*sys.modules]:
        if name == package or name.startswith((f"{package}.", f"intertie.bus.{kind}")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(BusError, match=rf"{package} is not installed; .* intertie\[{kind}\]"):
        open_bus(QueueConfig(kind))
