"""A suite's folders, and maintenance in them with real processes."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from anyio import create_task_group

from intertie.automation.maintenance.apart import Helper
from intertie.automation.maintenance.port import Around
from intertie.automation.record import RunId
from intertie.automation.runner import Attempt
from intertie.drivers.process import ProcessDriver
from intertie.runtime.folder import StateFolder
from intertie.suite.schedule import Maintenance, ResourceLimits

NOW = datetime.now(UTC) + timedelta(days=30)
"""All that a test makes is a month old."""
LATER_S = NOW.timestamp()
GENTLE = ResourceLimits(nice_value=19, io_priority="low")
ATTEMPT = Attempt(RunId(7), "maintenance", NOW, 1, manual=False)


async def nothing_rotated(least: int) -> tuple[int, int]:
    """There are no logs."""
    del least
    return 0, 0


def helper(driver: ProcessDriver, root: Path, limits: ResourceLimits = GENTLE) -> Helper:
    """Processes with our own environment."""
    return Helper(driver=driver, folder=root, env=dict(os.environ), limits=limits, attempt=ATTEMPT)


@asynccontextmanager
async def staged(root: Path, **keys: object) -> AsyncIterator[Around]:
    """A suite with this in its `maintenance`, one month from now."""
    state = StateFolder(root / ".intertie")
    state.create()
    driver = ProcessDriver("test-maintenance")
    async with create_task_group() as group:
        await group.start(driver.run)
        yield Around(
            config=Maintenance.model_validate(keys),
            state=state,
            root=root,
            now=NOW,
            apart=helper(driver, root).run,
            rotate_logs=nothing_rotated,
        )
        group.cancel_scope.cancel()


def make(file: Path, size: int = 100, *, fresh: bool = False) -> Path:
    """A file of the present, or one that is fresh a month from now."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"x" * size)
    if fresh:
        os.utime(file, (LATER_S, LATER_S))
    return file
