"""The gateway's cache forgets what has expired, and declared cache folders what is old."""

from intertie.automation.maintenance.places import is_cache
from intertie.automation.maintenance.port import Around, Done
from intertie.automation.maintenance.sweep import Sweep
from intertie.errors import IntertieError
from intertie.suite.schedule import MaintenanceTask as TaskName


class CacheCleanup:
    """Of `temp_paths`, the folders that are called `.cache` or `cache` are this task's."""

    name: TaskName = "cache_cleanup"

    async def run(self, around: Around) -> Done:
        """See MaintenanceTask. One that fails does not keep the other from being done."""
        forgotten, faults = 0, list[str]()
        if around.purge_cache is not None:
            try:
                forgotten = await around.purge_cache()
            except IntertieError as exc:
                faults.append(str(exc))
        swept = await self._folders(around)
        return Done(
            told=f"{forgotten} expired answers of the gateway; {swept.told}",
            changed=forgotten + swept.changed,
            freed_bytes=swept.freed_bytes,
            faults=(*faults, *swept.faults),
        )

    async def _folders(self, around: Around) -> Done:
        folders = tuple(path for path in around.config.temp_paths if is_cache(path))
        if not folders:
            return Done(told="no cache folder is declared")
        before_s = around.now.timestamp() - around.config.temp_age
        asked = Sweep.of(around, folders=folders, before_s=before_s)
        return await around.apart(self.name, asked.model_dump_json())
