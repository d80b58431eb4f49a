from dataclasses import replace
from pathlib import Path

import pytest

from intertie.automation.maintenance.cache_cleanup import CacheCleanup
from intertie.errors import GatewayError
from tests.automation.maintenance.stage import make, staged

pytestmark = pytest.mark.anyio


async def three_answers() -> int:
    """Were forgotten."""
    return 3


async def no_answer() -> int:
    """The cache is not there."""
    raise GatewayError("cannot reach the cache")


async def test_without_a_cache_there_is_nothing_to_do(tmp_path: Path) -> None:
    """No process is started."""
    async with staged(tmp_path, temp_paths=["tmp"]) as around:
        done = await CacheCleanup().run(around)

    assert (done.changed, done.freed_bytes, done.faults) == (0, 0, ())


@pytest.mark.slow
async def test_answers_and_declared_cache_folders_are_cleaned(tmp_path: Path) -> None:
    """Other folders of `temp_paths` are another task's."""
    make(tmp_path / "web" / ".cache" / "old", 5000)
    make(tmp_path / "tmp" / "old")

    async with staged(tmp_path, temp_paths=["web/.cache", "tmp"]) as around:
        done = await CacheCleanup().run(replace(around, purge_cache=three_answers))

    assert (done.changed, done.faults) == (4, ())
    assert done.freed_bytes >= 5000
    assert (tmp_path / "tmp" / "old").exists()


@pytest.mark.slow
async def test_folders_are_cleaned_though_the_cache_does_not_answer(tmp_path: Path) -> None:
    """Both are told."""
    make(tmp_path / "cache" / "old")

    async with staged(tmp_path, temp_paths=["cache"]) as around:
        done = await CacheCleanup().run(replace(around, purge_cache=no_answer))

    assert (done.changed, done.faults) == (1, ("cannot reach the cache",))
