from pathlib import Path

import pytest

from intertie.automation.maintenance.temp_cleanup import TempCleanup
from tests.automation.maintenance.stage import make, staged

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_old_files_and_our_leftovers_go(tmp_path: Path) -> None:
    """Of the declared folders but caches, by a process of its own."""
    for name in ("web/tmp/old", "web/.cache/old", ".intertie/run/daemon.part"):
        make(tmp_path / name)
    fresh = make(tmp_path / "web" / "tmp" / "fresh", fresh=True)

    async with staged(tmp_path, temp_paths=["web/tmp", "web/.cache"], temp_age="7d") as around:
        done = await TempCleanup().run(around)

    assert (done.changed, done.faults) == (2, ())
    assert fresh.exists()
    assert (tmp_path / "web" / ".cache" / "old").exists()


async def test_a_folder_that_may_not_be_cleaned_is_told(tmp_path: Path) -> None:
    """The others are cleaned all the same."""
    make(tmp_path / "tmp" / "old")

    async with staged(tmp_path, temp_paths=["..", "tmp"]) as around:
        done = await TempCleanup().run(around)

    assert done.changed == 1
    assert done.faults[0].startswith("cannot clean '..': it is not below")
