"""Fixtures of the use cases."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.control.premises import Premises, open_premises


@pytest.fixture
async def premises(tmp_path: Path) -> AsyncIterator[Premises]:
    """A desk over a real identity store."""
    async with open_premises(tmp_path) as made:
        yield made
