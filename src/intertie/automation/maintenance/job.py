"""One run of maintenance: each of its tasks in order, whatever became of the one before."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from intertie.automation.maintenance.cache_cleanup import CacheCleanup
from intertie.automation.maintenance.index_optimization import IndexOptimization
from intertie.automation.maintenance.log_rotation import LogRotation
from intertie.automation.maintenance.port import Around, Done, MaintenanceTask, TaskReport
from intertie.automation.maintenance.temp_cleanup import TempCleanup
from intertie.automation.record import Outcome
from intertie.automation.runner import Attempt, Work
from intertie.errors import IntertieError
from intertie.suite.schedule import MaintenanceTask as TaskName

log = logging.getLogger(__name__)

TASKS: Mapping[TaskName, MaintenanceTask] = {
    "log_rotation": LogRotation(),
    "cache_cleanup": CacheCleanup(),
    "temp_cleanup": TempCleanup(),
    "index_optimization": IndexOptimization(),
}


class MaintenanceReport(BaseModel):
    """How a run went."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: datetime
    tasks: tuple[TaskReport, ...]

    @property
    def passed(self) -> bool:
        """Whether no task failed."""
        return all(task.outcome != "failed" for task in self.tasks)

    @property
    def freed_bytes(self) -> int:
        """By all tasks."""
        return sum(task.freed_bytes for task in self.tasks)

    @property
    def why(self) -> str:
        """What failed; nothing when all went well."""
        return "; ".join(f"{t.name}: {t.told}" for t in self.tasks if t.outcome == "failed")


async def maintain(around: Around) -> MaintenanceReport:
    """Do what `around.config.tasks` names. Never raises IntertieError."""
    reports = [await _one(TASKS[name], around) for name in around.config.tasks]
    return MaintenanceReport(at=around.now, tasks=tuple(reports))


def work(prepare: Callable[[Attempt], Around]) -> Work:
    """The same as the work of a scheduled task, whose output is the report as JSON."""

    async def run(attempt: Attempt) -> Outcome:
        report = await maintain(prepare(attempt))
        output = report.model_dump_json().encode()
        return Outcome(ok=report.passed, output=output, error=report.why)

    return run


async def _one(task: MaintenanceTask, around: Around) -> TaskReport:
    began_s = around.clock_s()
    try:
        done = await task.run(around)
    except (IntertieError, OSError) as exc:
        done = Done(faults=(str(exc),))
    report = _reported(task.name, done, took_s=around.clock_s() - began_s)
    fields = {"task": report.name, "outcome": report.outcome, "freed_bytes": report.freed_bytes}
    log.info("maintenance", extra={**fields, "told": report.told})
    return report


def _reported(name: TaskName, done: Done, *, took_s: float) -> TaskReport:
    is_idle = not done.changed and not done.freed_bytes
    return TaskReport(
        name=name,
        outcome="failed" if done.faults else "nothing" if is_idle else "done",
        told="; ".join(filter(None, (*done.faults, done.told))),
        freed_bytes=done.freed_bytes,
        changed=done.changed,
        took_s=took_s,
    )
