import pytest

from intertie.monitor.collect.envoy import Gateway
from intertie.monitor.collect.events import Feeds
from intertie.monitor.collect.otlp import Intake
from intertie.monitor.collect.port import Collects
from intertie.monitor.collect.processes import Processes
from intertie.monitor.collect.system import System

pytestmark = pytest.mark.anyio


async def no_envoy() -> str | None:
    """Nobody answers."""
    return None


async def test_every_source_has_a_name_of_its_own() -> None:
    """Failures are counted by it."""
    sources: list[Collects] = [
        System(),
        Processes(tuple),
        Gateway(no_envoy, tuple),
        Intake(now_ms=lambda: 0),
        Feeds({}),
    ]

    names = [each.name for each in sources]

    assert len(set(names)) == len(names)
