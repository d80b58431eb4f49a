"""What the authorizer refuses, as events of the suite. Runs in the daemon."""

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from anyio import TASK_STATUS_IGNORED, sleep
from anyio.abc import TaskStatus
from pydantic import ValidationError

from intertie.drivers.unix import ask
from intertie.event import AuthRefused, Payload, QuotaExceeded
from intertie.gateway.authz.incidents import EVENTS, Incident, Incidents

POLL_S = 2.0
SUBJECT = "gateway"

log = logging.getLogger(__name__)

Ask = Callable[[int], Awaitable[Incidents | None]]


class Herald:
    """Asks the authorizer again and again; tells each incident once.

    What happened while no authorizer answered is not known, and what it told a daemon before this
    one may be told again: at least once, as on the bus.
    """

    def __init__(
        self,
        publish: Callable[[Payload, str], object],
        socket: Path,
        *,
        sleep_s: Callable[[float], Awaitable[None]] = sleep,
    ) -> None:
        self._publish = publish
        self._socket = socket
        self._sleep = sleep_s
        self._run = ""
        self._after = 0

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """Until cancelled; told once it has asked for the first time."""
        told = False
        while True:
            await self.poll()
            if not told:
                task_status.started()
                told = True
            await self._sleep(POLL_S)

    async def poll(self) -> None:
        """Ask once."""
        found = await self._ask(self._after)
        if found is not None and found.run != self._run and self._after:
            found = await self._ask(0)
        if found is None:
            return
        self._run = found.run
        for each in found.incidents:
            self._after = each.number
            self._publish(payload(each), SUBJECT)

    async def _ask(self, after: int) -> Incidents | None:
        try:
            answer = await ask(self._socket, EVENTS, query={"after": str(after)})
            return Incidents.model_validate_json(answer.content) if answer.is_good else None
        except OSError:
            return None
        except ValidationError as exc:
            log.error("incidents refused", extra={"reason": str(exc.errors()[0]["msg"])})
            return None


def payload(incident: Incident) -> Payload:
    """The event of an incident."""
    told = incident.model_dump(exclude={"number", "kind"})
    return QuotaExceeded(**told) if incident.kind == "quota" else AuthRefused(**told)
