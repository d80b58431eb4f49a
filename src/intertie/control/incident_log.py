"""What a service wrote last before it failed, kept at that moment.

Logs hold no times and go on after a restart: later nobody could tell where in them it failed.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from anyio.abc import TaskStatus

from intertie.control.incident import Excerpt
from intertie.control.incident_stretch import GAP
from intertie.errors import ConflictError, IntertieError, NotFoundError
from intertie.event import Event, HealthChanged, ServiceFailed
from intertie.runtime.component import Health, Status
from intertie.runtime.hub import EventHub
from intertie.runtime.logs import LogLine, LogReader
from intertie.store import Records

log = logging.getLogger(__name__)

COLLECTION = "incident-logs"
MOST_LINES = 20
_LONGEST_LINE = 1000
_KEPT = 200
_REMOVED_AT_ONCE = 10
_NEWS = timedelta(seconds=10)
_FROM_THE_FIRST = ""


class IncidentLog:
    """A component that keeps the last lines of each service that fails, and finds them again.

    Of a replica that fails again and again only the first time is kept: it tells the most.
    """

    def __init__(
        self,
        hub: EventHub,
        reader: LogReader,
        records: Records,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._hub = hub
        self._reader = reader
        self._records = records
        self._now = now
        self._failed_at: dict[tuple[str, int], datetime] = {}
        self._is_running = False

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """See Component. What failed just before it began is kept, too."""
        first = True
        while True:  # again, when so much happened at once that we were cut off
            async with self._hub.subscribe(_FROM_THE_FIRST if first else None) as events:
                if first:
                    first, self._is_running = False, True
                    task_status.started()
                async for event in events:
                    if event.time >= self._now() - _NEWS:
                        await self._hear(event)

    def health(self) -> Health:
        """See Component."""
        return Health(Status.UP if self._is_running else Status.DOWN)

    async def find(self, events: Iterable[str]) -> Sequence[Excerpt]:
        """What was kept as these events happened. Raises StoreError."""
        found: list[Excerpt] = []
        for id in events:
            try:
                record = await self._records.get(COLLECTION, id)
            except NotFoundError:
                continue
            it = record.document
            at, lines = datetime.fromisoformat(it["at"]), tuple(it["lines"])
            found.append(Excerpt(it["service"], it["replica"], at, lines))
        return found

    async def _hear(self, event: Event) -> None:
        is_down = event.type == HealthChanged.type and event.data.get("status") == "DOWN"
        if not is_down and event.type != ServiceFailed.type:
            return
        service, replica = event.data.get("service"), event.data.get("replica")
        if not isinstance(service, str) or not isinstance(replica, int):
            return
        last = self._failed_at.get((service, replica))
        self._failed_at[service, replica] = event.time
        if last is None or event.time - last > GAP:
            await self._keep(event, service, replica)

    async def _keep(self, event: Event, service: str, replica: int) -> None:
        try:
            found = await self._reader.tail(service, replica, lines=MOST_LINES)
            document = {
                "service": service,
                "replica": replica,
                "at": event.time.isoformat(),
                "lines": last_lines(found),
            }
            await self._records.put(COLLECTION, event.id, document, expect=0)
            await self._trim()
        except ConflictError:
            return  # kept before
        except (IntertieError, OSError) as exc:
            fields = {"service": service, "reason": str(exc)}
            log.warning("last lines of a failed service not kept", extra=fields)

    async def _trim(self) -> None:
        old = await self._records.find(COLLECTION, limit=_REMOVED_AT_ONCE, offset=_KEPT)
        for each in old.items:
            await self._records.delete(COLLECTION, each.id)


def last_lines(lines: Sequence[LogLine]) -> list[str]:
    """At most 20 in all; standard error goes first where there are more, for it tells more."""
    errors = [each.text for each in lines if each.stream == "err"]
    others = [each.text for each in lines if each.stream == "out"]
    room = max(MOST_LINES - len(errors), MOST_LINES // 4)
    chosen = others[-room:]
    chosen += errors[-(MOST_LINES - len(chosen)) :]
    return [text[:_LONGEST_LINE] for text in chosen]
