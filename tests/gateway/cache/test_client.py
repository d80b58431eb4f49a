"""The cache as control sees it."""

from pathlib import Path

import pytest

from intertie.errors import GatewayError
from intertie.gateway.cache.client import CacheClient
from tests.gateway.cache.stage import Told, stage

pytestmark = pytest.mark.anyio


async def test_what_happened_is_counted(tmp_path: Path) -> None:
    """Hits, misses, bytes, and how full it is."""
    async with stage(tmp_path, lambda _: Told(headers={"cache-control": "max-age=60"})) as made:
        for _ in range(3):
            await made.get()
        await made.ask("POST", "/b")
        found = await made.admin.stats()

    assert (found["hits"], found["misses"], found["passed"]) == (2, 1, 1)
    assert (found["answers"], found["stored"], found["evicted"]) == (1, 1, 0)
    assert found["bytes_from_store"] == 14
    assert 0 < found["bytes"] <= found["max_bytes"]


async def test_a_cache_that_is_not_there_is_told(tmp_path: Path) -> None:
    """With the socket."""
    with pytest.raises(GatewayError, match=r"cannot reach the cache at .*none\.sock"):
        await CacheClient(tmp_path / "none.sock").stats()


async def test_what_it_refuses_is_told(tmp_path: Path) -> None:
    """In its own words."""
    async with stage(tmp_path, lambda _: Told()) as made:
        with pytest.raises(GatewayError, match="cannot manage the cache"):
            await made.admin.purge_url("")
