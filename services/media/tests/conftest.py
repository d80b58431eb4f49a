"""Fixtures shared by every test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from intertie_media.assets import Assets
from intertie_media.storage import Storage, open_storage
from services.media.tests.kit import Clock, settings
from tests.harness import Bench
from tests.harness import bench as open_bench


@pytest.fixture
def anyio_backend() -> str:
    """Intertie runs on asyncio only."""
    return "asyncio"


@pytest.fixture
async def storage(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Storage]:
    """Real stores in a folder of the test's own."""
    async with open_storage(settings(tmp_path)) as opened:
        yield opened


@pytest.fixture
def clock() -> Clock:
    """A clock that the test sets."""
    return Clock()


@pytest.fixture
def assets(storage: Storage, clock: Clock) -> Assets:
    """The assets in `storage`."""
    return Assets(storage.records, now=clock)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """The command line in a folder of its own; whatever it starts is gone afterwards."""
    with open_bench(tmp_path) as made:
        yield made
