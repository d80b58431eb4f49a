"""Rotation that maintenance asks for, by the daemon's own rotator."""

from dataclasses import replace
from pathlib import Path

import pytest
from anyio import create_task_group

from intertie.automation.maintenance.log_rotation import LEAST_BYTES, LogRotation
from intertie.runtime.log_archive import archives
from intertie.runtime.rotation import Rotator
from intertie.suite.logging import Logging
from tests.automation.maintenance.stage import staged

pytestmark = pytest.mark.anyio


async def test_large_logs_are_rotated_before_they_must_be(tmp_path: Path) -> None:
    """One archive each, all lines are there still; small ones stay as they are."""
    rules = {"api": Logging(max_files=3)}
    async with staged(tmp_path) as around, create_task_group() as group:
        rotator = Rotator(around.state.logs, lambda: rules)
        await group.start(rotator.run)
        large, small = (
            around.state.logs / "api" / "0.out.log",
            around.state.logs / "b" / "0.out.log",
        )
        for log, lines in ((large, 40_000), (small, 10)):
            log.parent.mkdir()
            log.write_bytes(b"a line of the log that is long enough\n" * lines)

        done = await LogRotation().run(replace(around, rotate_logs=rotator.rotate))
        group.cancel_scope.cancel()

    assert large.stat().st_size > LEAST_BYTES
    assert (done.changed, done.faults) == (1, ())
    assert done.freed_bytes > LEAST_BYTES / 2
    assert len(archives(large)) == 1
    assert archives(small) == []
