"""What the suite does at set times, changed with the file."""

import logging
from importlib import import_module
from typing import TYPE_CHECKING

from anyio import TASK_STATUS_IGNORED, Event, create_task_group, sleep, to_thread
from anyio.abc import TaskStatus

from intertie.errors import IntertieError
from intertie.runtime.component import Health, Status
from intertie.suite.model import Suite

if TYPE_CHECKING:  # with all that they import, needed by suites that have tasks only
    from intertie.app.orchestrator import SuiteOrchestrator
    from intertie.automation.health_checks import HealthChecks
    from intertie.control.schedule import Tasks

log = logging.getLogger(__name__)

_TASKING = "intertie.app.tasking"
_UPKEEP = "intertie.app.upkeep"
_AGAIN_S = 30.0


class SuiteTasks:
    """A component; nothing is loaded before the suite has a task."""

    def __init__(self, orchestrator: "SuiteOrchestrator") -> None:
        self._orchestrator = orchestrator
        self._bell = Event()
        self._trouble = ""
        self.tasks: Tasks | None = None
        """Once there are any."""
        self.checks: HealthChecks | None = None
        """Looks at the suite as a whole, while the suite wants that."""

    def renew(self) -> None:
        """The suite is another one."""
        bell, self._bell = self._bell, Event()
        bell.set()

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """See Component. The suite does not wait for it."""
        task_status.started()
        async with create_task_group() as group:
            group.start_soon(self._run_tasks)
            group.start_soon(self._run_checks)

    async def _run_checks(self) -> None:
        """Looks at the suite as a whole, as the file says now."""
        while True:
            config = self._orchestrator.suite.automation.health_checks
            async with create_task_group() as group:
                if config is not None and config.enabled:
                    made = await to_thread.run_sync(import_module, _UPKEEP)
                    checks: HealthChecks = made.health_checks(self._orchestrator, config)
                    self.checks = checks
                    await group.start(checks.run)
                while self._orchestrator.suite.automation.health_checks == config:
                    bell = self._bell
                    await bell.wait()
                group.cancel_scope.cancel()
            self.checks = None

    async def _run_tasks(self) -> None:
        while not has_tasks(self._orchestrator.suite):
            await self._bell.wait()
        made = await to_thread.run_sync(import_module, _TASKING)
        while True:
            try:
                async with made.tasking(self._orchestrator) as tasks:
                    self.tasks, self._trouble = tasks, ""
                    await self._live(tasks)
            except* IntertieError as group:
                self._trouble = str(group.exceptions[0])
                log.error("tasks do not run", extra={"reason": self._trouble})
            finally:
                self.tasks = None
            await sleep(_AGAIN_S)

    def health(self) -> Health:
        """Degraded while tasks cannot be seen to."""
        if self._trouble:
            return Health(Status.DEGRADED, self._trouble)
        return self.tasks.scheduler.health() if self.tasks else Health(Status.UP)

    async def _live(self, tasks: "Tasks") -> None:
        from intertie.app.tasking import jobs_of

        async with create_task_group() as group:
            await group.start(tasks.scheduler.run)
            while True:
                await self._bell.wait()
                tasks.scheduler.renew(jobs_of(self._orchestrator, tasks.backups))


def has_tasks(suite: Suite) -> bool:
    """Whether anything is done at set times."""
    return suite.automation.has_timings
