"""What most tests of single sign-on need."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from intertie.identity.sealed import Sealer
from intertie.store.sqlite import SqliteRecords
from tests.api.login.site import MASTER, Clock


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[SqliteRecords]:
    """An empty database."""
    async with SqliteRecords.open(tmp_path / "records.db") as opened:
        yield opened


@pytest.fixture
def sealer() -> Sealer:
    """With the tests' key."""
    return Sealer.from_secret(MASTER)


@pytest.fixture
def clock() -> Clock:
    """The machine's, until it is moved."""
    return Clock()
