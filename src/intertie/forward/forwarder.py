"""A component for each target: reads on, sends, and remembers how far it has come."""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from anyio import CancelScope, current_time, sleep, to_thread
from anyio.abc import TaskStatus

from intertie.errors import IntertieError
from intertie.forward.cursors import load, save
from intertie.forward.record import Record, Stamp
from intertie.forward.sender import BusyError, RefusedError, Sender
from intertie.forward.senders import open_sender
from intertie.runtime.component import Health, Status
from intertie.runtime.logs import Follower, LogLine, LogReader, Source, next_pause_s
from intertie.suite.logging import LogTarget

log = logging.getLogger(__name__)

_BATCH_LINES = 100
_MOST_LINES = 1000
"""In a batch, when there is more to send than one can wait for."""
_BATCH_S = 1.0
_BACKOFF_FIRST_S = 0.5
_BACKOFF_LAST_S = 60.0


class Forwarder:
    """Sends the lines of some services to one target, each at least once, in order for each log.

    What is sent is read from the files again and again until the target has accepted it, and only
    then is the cursor moved. So nothing is held in memory but one batch, and a daemon that is
    killed goes on where it was. What rotation removes before it was sent is lost, and is counted.
    """

    def __init__(
        self,
        name: str,
        target: LogTarget,
        *,
        reader: LogReader,
        services: Callable[[], Sequence[str]],
        resolve: Callable[[str], str],
        cursors: Path,
    ) -> None:
        """`resolve` replaces references to secrets; `cursors` is the file that outlives us."""
        self.name = name
        self._target = target
        self._reader = reader
        self._services = services
        self._resolve = resolve
        self._path = cursors
        self._cursors: dict[Source, int] = {}
        self._stamp = Stamp()
        self._trouble = ""
        self._follower: Follower | None = None
        self.sent_lines = 0
        self.lost_lines = 0
        """That the target refused for good, or threw away."""

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Go on from where the last one stopped."""
        self._cursors = await to_thread.run_sync(load, self._path)
        task_status.started()
        while True:
            try:
                async with open_sender(self._target, self._resolve) as sender:
                    await self._forward(sender)
            except IntertieError as exc:  # a secret that is not there yet
                self._trouble = str(exc)
                await sleep(_BACKOFF_LAST_S)

    def health(self) -> Health:
        """DEGRADED while the target takes nothing."""
        if not self._trouble:
            return Health(Status.UP)
        return Health(Status.DEGRADED, f"logs are not forwarded to {self.name!r}: {self._trouble}")

    def lag_bytes(self) -> int:
        """How much is in the logs that the target has not accepted. Asks for each file's size."""
        return sum(
            max(0, self._reader.size(source) - self._cursors.get(source, 0))
            for service in self._services()
            for source in self._reader.sources(service)
        )

    def lost_bytes(self) -> int:
        """How much rotation has removed before it was read, since the start."""
        return self._follower.lost_bytes() if self._follower else 0

    async def _forward(self, sender: Sender) -> None:
        async with self._reader.resume(self._services, self._cursors) as follower:
            self._follower = follower
            batches = _Batches(follower)
            while True:
                lines, offsets = await batches.next()
                records = await to_thread.run_sync(self._stamp, lines)
                await self._deliver(sender, records)
                self._cursors |= offsets
                # Shielded, so that what was accepted is not sent again after every stop.
                with CancelScope(shield=True):
                    await self._save()

    async def _save(self) -> None:
        try:
            await to_thread.run_sync(save, self._path, self._cursors)
        except OSError as exc:
            self._trouble = f"cannot save {self._path}: {exc.strerror}"

    async def _deliver(self, sender: Sender, records: Sequence[Record]) -> None:
        """Until all are accepted, or refused for good; halves a refused batch to find which."""
        waiting = [records]
        while waiting:
            batch = waiting.pop()
            try:
                await self._send(sender, batch)
            except RefusedError as exc:
                if len(batch) > 1:
                    middle = len(batch) // 2
                    waiting += [batch[middle:], batch[:middle]]
                    continue
                self.lost_lines += 1
                log.warning("log line refused", extra={"target": self.name, "why": str(exc)})

    async def _send(self, sender: Sender, batch: Sequence[Record]) -> None:
        attempt = 0
        while True:
            try:
                lost = await sender.send(batch)
            except BusyError as exc:
                self._tell(str(exc))
                pause_s = min(_BACKOFF_FIRST_S * 2**attempt, _BACKOFF_LAST_S)
                attempt = min(attempt + 1, 10)
                await sleep(max(pause_s, exc.after_s))
            else:
                self._tell("")
                self.lost_lines += lost
                self.sent_lines += len(batch) - lost
                return

    def _tell(self, trouble: str) -> None:
        if bool(trouble) != bool(self._trouble):
            word = "log forwarding stopped" if trouble else "log forwarding goes on"
            log.warning(word, extra={"target": self.name, "why": trouble})
        self._trouble = trouble


class _Batches:
    """Lines by the hundred or by the second, whichever is first."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self._pending: list[LogLine] = []

    async def next(self) -> tuple[Sequence[LogLine], Mapping[Source, int]]:
        """Lines, and where each of their logs goes on after them."""
        ends_at_s = math.inf
        pause_s = 0.0
        while len(self._pending) < _BATCH_LINES and current_time() < ends_at_s:
            found = await self._follower.read()
            self._pending += found
            if self._pending:
                ends_at_s = min(ends_at_s, current_time() + _BATCH_S)
            pause_s = 0.0 if found else next_pause_s(pause_s, most_s=_BATCH_S)
            await sleep(min(pause_s, max(0.0, ends_at_s - current_time())))
        return self._take()

    def _take(self) -> tuple[Sequence[LogLine], Mapping[Source, int]]:
        lines, self._pending = self._pending[:_MOST_LINES], self._pending[_MOST_LINES:]
        goes_on = dict(self._follower.offsets())
        for line in reversed(self._pending):
            goes_on[line.source] = line.offset
        return lines, {line.source: goes_on[line.source] for line in lines}


def forwarders(
    targets: Mapping[str, LogTarget],
    *,
    reader: LogReader,
    services: Callable[[str], Sequence[str]],
    resolve: Callable[[str], str],
    folder: Path,
) -> list[Forwarder]:
    """One for each target; `services` tells whose lines a target gets, asked again and again."""
    return [
        Forwarder(
            name,
            target,
            reader=reader,
            services=partial(services, name),
            resolve=resolve,
            cursors=folder / f"{name}.json",
        )
        for name, target in targets.items()
    ]
