"""Fixtures of the admin page."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.conftest import begun
from tests.identity.manor import Manor, open_manor


@pytest.fixture
async def manor(tmp_path: Path) -> AsyncIterator[Manor]:
    """A running suite with users and keys."""
    async with open_manor(tmp_path) as made:
        await begun(made.control)
        yield made
