"""Fixtures shared by every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import Bench
from tests.harness import bench as open_bench


@pytest.fixture
def anyio_backend() -> str:
    """Intertie runs on asyncio only."""
    return "asyncio"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """The command line in a folder of its own; whatever it starts is gone afterwards."""
    with open_bench(tmp_path) as made:
        yield made
