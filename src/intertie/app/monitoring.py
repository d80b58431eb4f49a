"""The suite's monitoring: measured, kept, judged and told, and changed with the file."""

import logging
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from anyio import TASK_STATUS_IGNORED, Event, create_task_group, sleep, to_thread
from anyio.abc import TaskStatus

from intertie.errors import IntertieError
from intertie.runtime.component import Health, Status
from intertie.suite.model import Suite
from intertie.suite.monitoring import Monitoring

if TYPE_CHECKING:  # with all that they import, needed by suites that are monitored only
    from intertie.app.orchestrator import SuiteOrchestrator
    from intertie.app.watching import Around
    from intertie.bus.client import Client
    from intertie.control.metrics import Metrics
    from intertie.control.monitoring import Watching

log = logging.getLogger(__name__)

_WATCHING = "intertie.app.watching"
_AGAIN_S = 30.0


class SuiteMonitoring:
    """A component; nothing is loaded before the suite asks for monitoring."""

    def __init__(self, orchestrator: "SuiteOrchestrator") -> None:
        self._orchestrator = orchestrator
        self._bell = Event()
        self._trouble = ""
        self.metrics: Callable[[], Metrics | None] = lambda: None
        """What the daemon counts itself."""
        self.client: Callable[[], Client | None] = lambda: None
        """The bus, while it is there."""
        self.watching: Watching | None = None
        """While the suite is monitored."""

    def renew(self) -> None:
        """The suite is another one."""
        self._bell.set()

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """See Component. The suite does not wait for it."""
        task_status.started()
        while True:
            self._bell = Event()
            wanted = _wanted(self._orchestrator.suite)
            config = self._orchestrator.suite.monitoring
            async with create_task_group() as group:
                if config is not None:
                    group.start_soon(self._watch, config)
                await self._bell.wait()
                while _wanted(self._orchestrator.suite) == wanted:
                    self._bell = Event()
                    await self._bell.wait()
                group.cancel_scope.cancel()

    def health(self) -> Health:
        """Degraded while something cannot be measured, kept or told."""
        if self._trouble:
            return Health(Status.DEGRADED, self._trouble)
        return self.watching.health() if self.watching else Health(Status.UP)

    async def _watch(self, config: Monitoring) -> None:
        """Until cancelled; where it cannot, it tries again."""
        made = await to_thread.run_sync(import_module, _WATCHING)
        around: Around = made.Around(self._orchestrator, self.metrics, self.client)
        while True:
            try:
                async with made.watching(config, around) as self.watching:
                    self._trouble = ""
                    await made.live(self.watching, around)
            except* IntertieError as group:
                self._trouble = str(_first(group))
                log.error("monitoring does not run", extra={"reason": self._trouble})
            finally:
                self.watching = None
            await sleep(_AGAIN_S)


def _wanted(suite: Suite) -> tuple[Monitoring | None, bool, bool]:
    """What it is built of: there are rules of its own for tasks and for backups."""
    automation = suite.automation
    return suite.monitoring, automation.has_timings, automation.backup is not None


def _first(group: BaseExceptionGroup[IntertieError]) -> BaseException:
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found
