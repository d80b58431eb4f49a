from pathlib import Path

import pytest

from intertie.errors import IntertieError
from intertie_media.health import (
    Verdict,
    _disk,
    program_check,
    storage_checks,
    worst,
)
from intertie_media.storage import Storage
from services.media.tests.kit import settings

pytestmark = pytest.mark.anyio


async def test_real_stores_are_really_tried(storage: Storage, tmp_path: Path) -> None:
    """Database, blobs and disk are there, and trying leaves no blob behind."""
    checks = storage_checks(storage, settings(tmp_path))
    for check in checks.values():
        await check.probe()

    assert set(checks) == {"database", "blobs", "disk", "disk-reserve"}
    assert await storage.blobs.keys("health") == []


async def test_blobs_that_cannot_be_written_are_found_out(storage: Storage, tmp_path: Path) -> None:
    """Before an upload is."""
    place = settings(tmp_path)
    place.blobs.rmdir()
    place.blobs.write_text("in the way")
    check = storage_checks(storage, place)["blobs"]

    assert check.critical
    with pytest.raises((IntertieError, OSError)):
        await check.probe()


async def test_a_full_disk_is_told_with_what_is_left(storage: Storage, tmp_path: Path) -> None:
    """A low one only degrades."""
    checks = storage_checks(storage, settings(tmp_path))

    assert (checks["disk"].critical, checks["disk-reserve"].critical) == (True, False)
    with pytest.raises(IntertieError, match="MiB left on the disk"):
        await _disk(tmp_path, 1 << 60)


async def test_a_program_has_to_be_executable(tmp_path: Path) -> None:
    """A file that cannot be run is no ffmpeg."""
    program = tmp_path / "ffmpeg"
    program.write_text("")
    check = program_check(lambda: program)
    with pytest.raises(IntertieError, match="cannot run"):
        await check.probe()
    program.chmod(0o700)
    await check.probe()


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ({}, "UP"),
        ({"a": "UP", "b": "DEGRADED"}, "DEGRADED"),
        ({"a": "DEGRADED", "b": "DOWN"}, "DOWN"),
    ],
)
def test_the_worst_verdict_decides(verdicts: dict[str, Verdict], expected: Verdict) -> None:
    """Nothing at all is well."""
    assert worst(verdicts) == expected
