"""A task in a process of its own: nice, idle on the disk, and within its share of a processor."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from intertie.automation.command import Order, command
from intertie.automation.maintenance.port import Done, MaintenanceError
from intertie.automation.record import Outcome
from intertie.automation.runner import Attempt
from intertie.drivers import Driver
from intertie.suite.schedule import MaintenanceTask as TaskName
from intertie.suite.schedule import ResourceLimits

# -P: a file of the suite's folder is never taken for a module of ours.
_PROGRAM = (sys.executable, "-P", "-m", "intertie.automation.maintenance")
_SHOWN = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Helper:
    """Runs tasks in processes of their own; `helper.run` is an `Apart`."""

    driver: Driver
    folder: Path
    env: Mapping[str, str] = field(repr=False)
    limits: ResourceLimits
    attempt: Attempt
    """Of which run the processes are."""

    async def run(self, task: TaskName, asked: str) -> Done:
        """See Apart. Cancelled, it leaves no process."""
        order = Order((*_PROGRAM, task, asked), self.folder, self.env, self.limits)
        outcome = await command(self.driver, order)(self.attempt)
        return _read(task, outcome)


def _read(task: TaskName, outcome: Outcome) -> Done:
    lines = outcome.output.decode(errors="replace").strip().splitlines()
    last = lines[-1] if lines else ""
    if not outcome.ok:
        why = last[:_SHOWN] or outcome.error
        raise MaintenanceError(f"cannot do {task}: {why}")
    try:
        return Done.model_validate_json(last)
    except ValidationError as exc:
        raise MaintenanceError(f"cannot do {task}: its process did not say what it did") from exc
