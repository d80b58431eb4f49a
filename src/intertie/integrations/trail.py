"""What calls did outside, in the audit trail: written behind the calls, in their order."""

import logging
from collections import deque

from anyio import TASK_STATUS_IGNORED, Event
from anyio.abc import TaskStatus

from intertie.errors import StoreError
from intertie.identity.audit import Actor, Audit, Detail
from intertie.integrations.call import Call

log = logging.getLogger(__name__)

_MOST = 10_000


class Trail:
    """An observer, and a coroutine that writes. Calls that only read are counted, not written."""

    def __init__(self, audit: Audit, *, most: int = _MOST) -> None:
        self._audit = audit
        self._most = most
        self._rows: deque[tuple[Actor, str, str, Detail]] = deque()
        self._bell = Event()
        self.lost = 0
        """Rows that came faster than they could be written."""

    def began(self, call: Call) -> None:
        """See Observer."""

    def ended(self, call: Call, mark: object, took_s: float, fault: Exception | None) -> None:
        """See Observer."""
        effect = call.operation.effect
        if effect == "read":
            return
        if len(self._rows) >= self._most:
            self.lost += 1
            return
        of = call.connection
        detail: dict[str, str | int | bool | None] = {
            "effect": effect,
            "attempts": call.attempt,
            "took_ms": round(took_s * 1000),
            "key": call.key,
            "fault": type(fault).__name__ if fault else None,
        }
        actor = Actor(of.label, via="integration")
        row = (actor, f"{of.kind}.{call.operation.name}", of.label, detail)
        self._rows.append(row)
        self._bell.set()

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """See Component."""
        task_status.started()
        while True:
            await self._bell.wait()
            self._bell = Event()
            await self.write()

    async def write(self) -> None:
        """All rows that wait."""
        while self._rows:
            actor, action, target, detail = self._rows[0]
            try:
                await self._audit.append(actor, action, target=target, detail=detail)
            except StoreError as exc:
                log.error("calls not written to the audit trail", extra={"why": str(exc)})
                return
            self._rows.popleft()
        if self.lost:
            log.error("calls missing in the audit trail", extra={"count": self.lost})
            self.lost = 0
