"""Databases of the suite learn anew what is in them, and give back room that is free."""

from intertie.automation.maintenance.port import Around, Done
from intertie.automation.maintenance.upkeep import Upkeep
from intertie.errors import IntertieError
from intertie.suite.schedule import MaintenanceTask as TaskName


class IndexOptimization:
    """SQLite files in a process of their own; the store of samples by who has it open."""

    name: TaskName = "index_optimization"

    async def run(self, around: Around) -> Done:
        """See MaintenanceTask. One that fails does not keep the other from being done."""
        asked = Upkeep(state=around.state.root.resolve()).model_dump_json()
        tended = await around.apart(self.name, asked)
        if around.compact is None:
            return tended
        try:
            await around.compact()
        except IntertieError as exc:
            return tended.model_copy(update={"faults": (*tended.faults, str(exc))})
        return tended.model_copy(
            update={
                "told": f"{tended.told}; the store of samples compacted",
                "changed": tended.changed + 1,
            }
        )
