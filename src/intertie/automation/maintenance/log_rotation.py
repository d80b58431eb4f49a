"""Logs are rotated that are not large enough for it to happen by itself."""

from intertie.automation.maintenance.port import Around, Done
from intertie.suite.schedule import MaintenanceTask as TaskName

LEAST_BYTES = 1024 * 1024
"""A smaller log is not worth an archive: each takes the place of one that holds more."""


class LogRotation:
    """By the daemon's own rotator, which alone may touch logs that services write to."""

    name: TaskName = "log_rotation"

    async def run(self, around: Around) -> Done:
        """See MaintenanceTask."""
        count, freed = await around.rotate_logs(LEAST_BYTES)
        return Done(told=f"{count} logs rotated", changed=count, freed_bytes=freed)
