"""The bus on a real Valkey."""

import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from intertie.bus.engines import open_bus
from intertie.bus.port import Bus, Subscription
from intertie.errors import BusUnavailableError
from intertie.suite.bus import QueueConfig
from intertie.testing.bus import BusContract, consuming, message
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


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("no right to mount a file system here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


async def test_a_full_disk_confirms_nothing_and_loses_nothing(small_disk: Path) -> None:
    """Valkey gives up rather than lie; once there is room, what it confirmed is there."""
    filler = small_disk / "filler"
    filler.write_bytes(bytes(12 << 20))
    confirmed: list[bytes] = []

    async def publish_until_it_fails(bus: Bus) -> None:
        while True:
            body = b"%d" % len(confirmed) + bytes(1_000_000)
            await bus.publish(message("a", body))
            confirmed.append(body)

    async with valkey(small_disk) as broker, open_bus(broker.config) as bus:
        async with consuming(bus, Subscription("a", "g")):
            pass
        with pytest.raises(BusUnavailableError):
            await publish_until_it_fails(bus)
        filler.unlink()
        await broker.kill()
        await broker.start()
        async with consuming(bus, Subscription("a", "g", prefetch=100)) as inbox:
            await bus.publish(message("a", b"room"))
            got = await inbox.bodies(len(confirmed) + 1)
        found = [body for body in got if body in confirmed or body == b"room"]

    assert found == [*confirmed, b"room"]
