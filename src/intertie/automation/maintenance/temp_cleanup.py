"""Old files of the declared folders go, and what a daemon that was killed left half written."""

from intertie.automation.maintenance.places import is_cache
from intertie.automation.maintenance.port import Around, Done
from intertie.automation.maintenance.sweep import Sweep
from intertie.suite.schedule import MaintenanceTask as TaskName


class TempCleanup:
    """`temp_paths` but for caches, and our own leftovers in the state folder."""

    name: TaskName = "temp_cleanup"

    async def run(self, around: Around) -> Done:
        """See MaintenanceTask."""
        folders = tuple(path for path in around.config.temp_paths if not is_cache(path))
        before_s = around.now.timestamp() - around.config.temp_age
        asked = Sweep.of(around, folders=folders, before_s=before_s, own=True)
        return await around.apart(self.name, asked.model_dump_json())
