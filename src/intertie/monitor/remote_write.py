"""Sends samples on to Prometheus, VictoriaMetrics or any other receiver of remote write 1.0."""

import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import httpx
from anyio import (
    TASK_STATUS_IGNORED,
    Event,
    create_task_group,
    move_on_after,
    to_thread,
)
from anyio.abc import TaskStatus

from intertie.monitor.remote_post import Headers, Refusal, RemotePost
from intertie.monitor.remote_wire import Tick, write_request
from intertie.monitor.sample import Matcher, Sample, Series
from intertie.runtime.component import Health, Status

log = logging.getLogger(__name__)

QUEUED_TICKS = 600
BATCH_SAMPLES = 5000
_LAST_SENDS_S = 5.0
_LONGEST_WAIT_S = 30.0
_LONGEST_ASKED_S = 300.0
_OVERFLOW = "overflow"


@dataclass(frozen=True, slots=True)
class Counts:
    """What was done since it was made, in samples."""

    sent: int
    dropped: Mapping[str, int]
    """By reason: `overflow`, or the status that the receiver refused them with."""
    retries: int
    """Requests that were made again."""
    waiting: int
    """Samples not sent yet."""
    last_sent_at: datetime | None


class RemoteWrite:
    """The component of one receiver. What is not sent yet is in memory only."""

    def __init__(
        self,
        url: str,
        *,
        headers: Headers,
        client: httpx.AsyncClient,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[object]],
        only: Sequence[Sequence[Matcher]] | None = None,
    ) -> None:
        """`only`: series that fit all matchers of one of these are sent; None: all are.

        Raises IntertieError when `url` is no address.
        """
        self._post = RemotePost(url, headers, client)
        self._now = now
        self._sleep = sleep
        self._only = only
        self._queue: deque[Tick] = deque()
        self._batch: Sequence[Tick] = ()
        """On its way: kept until the receiver has said what it thinks of it."""
        self._queued = Event()
        self._sent = 0
        self._dropped: Counter[str] = Counter({_OVERFLOW: 0})
        self._retries = 0
        self._last_sent_at: datetime | None = None
        self._trouble = ""

    def offer(self, at_ms: int, samples: Sequence[Sample]) -> None:
        """Take a tick, later than the one before, and return at once.

        The oldest of `QUEUED_TICKS` gives way to it.
        """
        wanted = [each for each in samples if self._wants(each.series)]
        if not wanted:
            return
        if len(self._queue) == QUEUED_TICKS:
            lost = self._queue.popleft()
            self._drop(_OVERFLOW, len(lost.samples))
        self._queue.append(Tick(at_ms, wanted))
        self._queued.set()

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """Send until cancelled; what waits then has 5 s and one try."""
        task_status.started()
        try:
            while True:
                await self._queued.wait()
                self._queued = Event()
                await self._drain()
        finally:
            with move_on_after(_LAST_SENDS_S, shield=True):
                await self._drain(again=False)

    def health(self) -> Health:
        """Degraded while the receiver does not take what it is sent."""
        if not self._trouble:
            return Health(Status.UP)
        ticks = len(self._queue) + len(self._batch)
        waiting = f"; {ticks} ticks wait" if ticks else ""
        return Health(Status.DEGRADED, self._trouble + waiting)

    def counts(self) -> Counts:
        """As they are now."""
        waiting = sum(len(tick.samples) for tick in (*self._batch, *self._queue))
        dropped = dict(self._dropped)
        return Counts(self._sent, dropped, self._retries, waiting, self._last_sent_at)

    def _wants(self, series: Series) -> bool:
        return self._only is None or any(
            all(matcher.fits(series) for matcher in each) for each in self._only
        )

    async def _drain(self, *, again: bool = True) -> None:
        """Send all that is there, in order; without `again` only while it is taken at once."""
        while self._batch or self._queue:
            self._batch = self._batch or cut(self._queue)
            if not await self._deliver(again=again):
                return
            self._batch = ()

    async def _deliver(self, *, again: bool) -> bool:
        """Whether the batch is done with: taken, or refused for good."""
        body = await to_thread.run_sync(write_request, self._batch)
        count = sum(len(tick.samples) for tick in self._batch)
        tried = 1
        while (refusal := await self._post(body)) is not None:
            self._failed(refusal)
            if refusal.reason:
                self._drop(refusal.reason, count)
                return True
            if not again:
                return False
            await self._sleep(wait_s(tried, refusal.retry_after_s))
            tried += 1
            self._retries += 1
        self._sent += count
        self._last_sent_at = self._now()
        self._recovered()
        return True

    def _drop(self, reason: str, count: int) -> None:
        self._dropped[reason] += count

    def _failed(self, refusal: Refusal) -> None:
        """Keep why; it is told once, however often it is tried."""
        if not self._trouble:
            told = {"host": self._post.host, "reason": refusal.why, "dropped": bool(refusal.reason)}
            log.warning("cannot send samples", extra=told)
        self._trouble = f"cannot send samples to {self._post.host}: {refusal.why}"

    def _recovered(self) -> None:
        if self._trouble:
            log.info("samples are sent again", extra={"host": self._post.host})
        self._trouble = ""


class RemoteWrites:
    """All receivers of a suite as one component, and the source of what they count."""

    name = "remote_write"

    def __init__(self, receivers: Mapping[str, RemoteWrite]) -> None:
        self._receivers = dict(receivers)

    def offer(self, at_ms: int, samples: Sequence[Sample]) -> None:
        """As `RemoteWrite.offer`, to each."""
        for each in self._receivers.values():
            each.offer(at_ms, samples)

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """None of them waits for another."""
        async with create_task_group() as group:
            for each in self._receivers.values():
                await group.start(each.run)
            task_status.started()

    def health(self) -> Health:
        """Degraded while one of them is."""
        found = {name: each.health() for name, each in self._receivers.items()}
        told = [f"{name}: {each.reason}" for name, each in found.items() if each.reason]
        return Health(Status.DEGRADED, "; ".join(told)) if told else Health(Status.UP)

    async def collect(self, at_ms: int) -> Sequence[Sample]:
        """As `Collects`: counters of each."""
        return [
            sample
            for name, each in self._receivers.items()
            for sample in _counted(name, each.counts())
        ]


def cut(queue: deque[Tick]) -> Sequence[Tick]:
    """The next batch, taken off a queue that is not empty: whole ticks while they fit.

    A tick that is larger than a batch is split. Ticks of one batch are in the order of time, so
    that one from a clock that was put back, which a receiver refuses, takes no other along.
    """
    first = queue.popleft()
    if len(first.samples) > BATCH_SAMPLES:
        queue.appendleft(Tick(first.at_ms, first.samples[BATCH_SAMPLES:]))
        return (Tick(first.at_ms, first.samples[:BATCH_SAMPLES]),)
    batch, free = [first], BATCH_SAMPLES - len(first.samples)
    while queue and len(queue[0].samples) <= free and queue[0].at_ms > batch[-1].at_ms:
        batch.append(queue.popleft())
        free -= len(batch[-1].samples)
    return tuple(batch)


def wait_s(tried: int, asked_s: float | None) -> float:
    """Seconds until the next try after `tried` of them: 1, 2, 4, up to 30.

    It is longer where the receiver asks for that, up to five minutes.
    """
    own = min(2.0 ** min(tried - 1, 10), _LONGEST_WAIT_S)
    return max(own, min(asked_s or 0.0, _LONGEST_ASKED_S))


def _counted(name: str, counts: Counts) -> Sequence[Sample]:
    def sample(metric: str, value: float, **labels: str) -> Sample:
        return Sample(Series.of(f"intertie_remote_write_{metric}", {"to": name, **labels}), value)

    return [
        sample("sent_samples_total", float(counts.sent)),
        sample("retries_total", float(counts.retries)),
        sample("waiting_samples", float(counts.waiting)),
        *(
            sample("dropped_samples_total", float(count), reason=reason)
            for reason, count in sorted(counts.dropped.items())
        ),
    ]
