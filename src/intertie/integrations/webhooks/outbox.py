"""What the ledger holds goes out on a bus: at least once, and in order for each connection."""

import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from anyio import CapacityLimiter, create_task_group, move_on_after, sleep

from intertie.errors import BusError, BusUnavailableError, StoreError
from intertie.integrations.webhooks.ledger import Entry, Ledger
from intertie.integrations.webhooks.webhook import Arrival

log = logging.getLogger(__name__)

Publish = Callable[[str, Mapping[str, Any], str], Awaitable[None]]
"""Topic, data and key; returns once the bus keeps it. Any: JSON values.

Raises BusUnavailableError when trying again may help, BusError when it does not.
"""
_AT_ONCE = 256
_CONNECTIONS_AT_ONCE = 32
_LOOK_EVERY_S = 5.0
_TIDY_EVERY = timedelta(hours=1)
_KEEP = timedelta(days=30)
"""Longer than any vendor goes on trying."""
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 60.0
_WORD = 64
_WORDS = 14
_ODD = re.compile(r"[^A-Za-z0-9_-]+")


class Outbox:
    """One of them a ledger: two would publish twice, and out of order."""

    def __init__(
        self,
        ledger: Ledger,
        publish: Publish,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        pause: Callable[[float], Awaitable[None]] = sleep,
        keep: timedelta = _KEEP,
    ) -> None:
        self._ledger = ledger
        self._publish = publish
        self._clock = clock
        self._pause = pause
        self._keep = keep
        self._tidied: datetime | None = None
        self.sent = 0
        """Events since it began."""

    async def run(self) -> None:
        """Publish what is there and what comes, and forget what is old, for ever."""
        tries = 0
        while True:
            if await self.drain() and await self._tidy():
                tries = 0
                # Another process may have added something: that is no news here.
                with move_on_after(_LOOK_EVERY_S):
                    await self._ledger.news()
            else:
                tries += 1
                await self._pause(pause_s(tries))

    async def drain(self) -> bool:
        """Publish all that waits; False as soon as the bus or the ledger is away."""
        try:
            while batch := await self._ledger.waiting(_AT_ONCE):
                if not await self._send(batch):
                    return False
        except StoreError as exc:
            log.warning("ledger away", extra={"error": str(exc)})
            return False
        return True

    async def _tidy(self) -> bool:
        now = self._clock()
        if self._tidied is not None and now - self._tidied < _TIDY_EVERY:
            return True
        try:
            await self._ledger.purge(now, self._keep)
        except StoreError as exc:
            log.warning("ledger away", extra={"error": str(exc)})
            return False
        self._tidied = now
        return True

    async def _send(self, batch: Sequence[Entry]) -> bool:
        """All that is confirmed is noted in one go; whether that is everything."""
        by_connection: dict[tuple[str, str], list[Entry]] = {}
        for each in batch:
            by_connection.setdefault((each.event.tenant, each.event.name), []).append(each)
        confirmed: list[int] = []
        limiter = CapacityLimiter(_CONNECTIONS_AT_ONCE)
        away: list[str] = []

        async def one_after_the_other(entries: Sequence[Entry]) -> None:
            async with limiter:
                try:
                    for each in entries:
                        await self._one(each, confirmed)
                except BusUnavailableError as exc:
                    away.append(str(exc))

        async with create_task_group() as group:
            for entries in by_connection.values():
                group.start_soon(one_after_the_other, entries)
        await self._ledger.published(confirmed, self._clock())
        self.sent += len(confirmed)
        if away:
            log.warning("bus away", extra={"error": away[0]})
        return not away

    async def _one(self, entry: Entry, confirmed: list[int]) -> None:
        event = entry.event
        try:
            await self._publish(topic_of(event), data_of(event), f"{event.tenant}/{event.name}")
        except BusUnavailableError:
            raise
        except BusError as exc:
            # It would hold up all that come after it, for ever.
            told = {"integration": f"{event.tenant}/{event.name}", "event": event.id}
            log.error("event refused by the bus", extra={**told, "error": str(exc)})
            await self._ledger.faulty(entry.number, str(exc))
        else:
            confirmed.append(entry.number)


def pause_s(tries: int) -> float:
    """Seconds after so many tries in vain: each pause is twice the one before, up to a minute."""
    return min(_FIRST_PAUSE_S * 2.0 ** min(tries - 1, 10), _LONGEST_PAUSE_S)


def topic_of(event: Arrival) -> str:
    """`integrations.KIND.TYPE`, of letters, digits, `_` and `-`; dots of the type part words."""
    words = [_ODD.sub("_", each)[:_WORD] for each in event.type.split(".")]
    kind = _ODD.sub("_", event.kind)[:_WORD] or "unknown"
    return ".".join(
        ["integrations", kind, *([word for word in words if word][:_WORDS] or ["event"])]
    )


def data_of(event: Arrival) -> dict[str, Any]:
    """What is published; `body` is what the vendor says."""
    return {
        "id": event.id,
        "tenant": event.tenant,
        "integration": event.name,
        "kind": event.kind,
        "type": event.type,
        "received_at": event.received_at.isoformat(),
        "body": json.loads(event.payload),
    }
