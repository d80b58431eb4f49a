"""What answers the suite's alerts, changed with the file."""

import logging
from importlib import import_module
from typing import TYPE_CHECKING

from anyio import TASK_STATUS_IGNORED, Event, create_task_group, sleep, to_thread
from anyio.abc import TaskStatus

from intertie.errors import IntertieError
from intertie.runtime.component import Health, Status

if TYPE_CHECKING:  # with all that they import, needed by suites that ask for it only
    from intertie.app.orchestrator import Inner
    from intertie.automation.remediator import Remediator

log = logging.getLogger(__name__)

_REMEDYING = "intertie.app.remedying"
_AGAIN_S = 30.0


class SuiteRemediation:
    """A component; nothing is loaded before the suite asks for remediation."""

    def __init__(self, inner: "Inner") -> None:
        self._inner = inner
        self._bell = Event()
        self._trouble = ""
        self.remediator: Remediator | None = None
        """Once the suite asks for it."""

    def renew(self) -> None:
        """The suite is another one."""
        bell, self._bell = self._bell, Event()
        bell.set()
        if self.remediator is not None:
            self.remediator.look_again()

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """See Component. The suite does not wait for it."""
        task_status.started()
        while self._inner.orchestrator.suite.automation.remediation is None:
            await self._bell.wait()
        made = await to_thread.run_sync(import_module, _REMEDYING)
        while True:
            try:
                async with made.remedying(self._inner) as remediator, create_task_group() as group:
                    await group.start(remediator.run)
                    self.remediator, self._trouble = remediator, ""
                    group.start_soon(made.follow, self._inner.orchestrator.hub, remediator)
            except* IntertieError as faults:
                self._trouble = str(faults.exceptions[0])
                log.error("alerts are not answered", extra={"reason": self._trouble})
            finally:
                self.remediator = None
            await sleep(_AGAIN_S)

    def health(self) -> Health:
        """Degraded while alerts are not answered, or a person must act."""
        if self._trouble:
            return Health(Status.DEGRADED, self._trouble)
        return self.remediator.health() if self.remediator else Health(Status.UP)
