"""Asks all sources each interval: into the ring at once, into the store when it is ready."""

import logging
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import anyio
from anyio import Event, create_task_group, fail_after, move_on_after
from anyio.abc import TaskStatus

from intertie.monitor.collect.port import Collects
from intertie.monitor.ring import Ring
from intertie.monitor.sample import Sample, Series
from intertie.runtime.component import Health, Status

log = logging.getLogger(__name__)

QUEUED_TICKS = 120
_LONGEST_LOOK_S = 10.0
_LAST_WRITES_S = 5.0


async def _nothing(_: int) -> Sequence[Sample]:
    return ()


@dataclass(frozen=True, slots=True)
class Outlets:
    """Where samples go."""

    ring: Ring
    keep: Callable[[int, Sequence[Sample]], Awaitable[None]]
    """Into the store, one tick at a time; it may take long and may fail."""
    after: Callable[[int], Awaitable[None]]
    """Called as soon as the ring has a tick: rules are evaluated."""
    offer: Callable[[int, Sequence[Sample]], None] = lambda *_: None
    """Called with each tick too; it returns at once."""
    derive: Callable[[int], Awaitable[Sequence[Sample]]] = _nothing
    """Called once the ring has a tick: what is computed of it, and put there, belongs to it."""


def wall_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Collector:
    """The component. Ticks are at multiples of the interval since 1970."""

    def __init__(
        self,
        sources: Sequence[Collects],
        outlets: Outlets,
        *,
        interval_s: float,
        now_ms: Callable[[], int] = wall_ms,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._sources = tuple(sources)
        self._outlets = outlets
        self._step_ms = round(interval_s * 1000)
        self._look_s = min(interval_s, _LONGEST_LOOK_S)
        self._now_ms = now_ms
        self._sleep = sleep
        self._queue: deque[tuple[int, Sequence[Sample]]] = deque()
        self._queued = Event()
        names = [*(each.name for each in sources), "records", "rules", "store"]
        self._failures: Counter[str] = Counter(dict.fromkeys(names, 0))
        self._dropped = 0
        self._failing: dict[str, str] = {}
        """What does not work now, and why."""

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Tick until cancelled; what is queued then has 5 s to reach the store."""
        async with create_task_group() as group:
            group.start_soon(self._write)
            task_status.started()
            await self._tick_for_ever()

    def health(self) -> Health:
        """Degraded while a source, the rules or the store fail."""
        if not self._failing:
            return Health(Status.UP)
        told = (f"{name}: {why}" for name, why in sorted(self._failing.items()))
        return Health(Status.DEGRADED, "; ".join(told))

    async def tick(self, at_ms: int) -> None:
        """Ask everybody, and hand on what came in time."""
        found: dict[str, Sequence[Sample]] = {}
        async with create_task_group() as group:
            for source in self._sources:
                group.start_soon(self._ask, source, at_ms, found)
        given = (found[each.name] for each in self._sources if each.name in found)
        samples = _merged([*given, list(self._own())])
        self._outlets.ring.append(at_ms, samples)
        if derived := await self._derived(at_ms):
            samples = _merged([derived, samples])
        self._outlets.offer(at_ms, samples)
        self._enqueue(at_ms, samples)
        await self._fenced("rules", partial(self._outlets.after, at_ms))

    async def _derived(self, at_ms: int) -> Sequence[Sample]:
        found: list[Sample] = []

        async def derive() -> None:
            found.extend(await self._outlets.derive(at_ms))

        await self._fenced("records", derive)
        return found

    async def _tick_for_ever(self) -> None:
        last_ms = self._now_ms() // self._step_ms * self._step_ms
        while True:
            now_ms = self._now_ms()
            at_ms = due_ms(now_ms, self._step_ms, last_ms)
            if at_ms > now_ms:
                await self._sleep((at_ms - now_ms) / 1000)
                continue
            last_ms = at_ms
            await self.tick(at_ms)

    async def _ask(self, source: Collects, at_ms: int, found: dict[str, Sequence[Sample]]) -> None:
        async def look() -> None:
            with fail_after(self._look_s):
                found[source.name] = await source.collect(at_ms)

        await self._fenced(source.name, look)

    async def _fenced(self, name: str, act: Callable[[], Awaitable[None]]) -> None:
        """Do it; a failure is counted and told once, and stops nobody else."""
        try:
            await act()
        except Exception as exc:  # the fence: what one source does may not stop the others
            why = "it took too long" if isinstance(exc, TimeoutError) else str(exc) or repr(exc)
            self._failures[name] += 1
            self._failed(name, why)
        else:
            self._failing.pop(name, None)

    def _failed(self, name: str, why: str) -> None:
        if name not in self._failing:
            log.warning("cannot collect", extra={"source": name, "reason": why})
        self._failing[name] = why

    def _own(self) -> Iterator[Sample]:
        for name, count in self._failures.items():
            series = Series.of("intertie_collect_failures_total", {"source": name})
            yield Sample(series, float(count))
        yield Sample(Series("intertie_monitor_dropped_total"), float(self._dropped))

    def _enqueue(self, at_ms: int, samples: Sequence[Sample]) -> None:
        if len(self._queue) == QUEUED_TICKS:
            self._queue.popleft()
            self._dropped += 1
            self._failed("store", f"it is {QUEUED_TICKS} ticks behind, and the oldest are dropped")
        self._queue.append((at_ms, samples))
        self._queued.set()

    async def _write(self) -> None:
        try:
            while True:
                await self._queued.wait()
                self._queued = Event()
                await self._drain()
        finally:
            with move_on_after(_LAST_WRITES_S, shield=True):
                await self._drain()

    async def _drain(self) -> None:
        while self._queue:
            before = self._failures["store"]
            await self._fenced("store", partial(self._outlets.keep, *self._queue.popleft()))
            self._dropped += self._failures["store"] - before


def due_ms(now_ms: int, step_ms: int, last_ms: int) -> int:
    """The tick to do next: the multiple of the step that is now, if it is not done yet.

    What passed meanwhile is left out. A clock that was put back goes on from where it is.
    """
    current_ms = now_ms // step_ms * step_ms
    return current_ms + step_ms if current_ms == last_ms else current_ms


def _merged(given: Sequence[Sequence[Sample]]) -> list[Sample]:
    """All of them; of a series that several tell, the first."""
    found: dict[Series, Sample] = {}
    for samples in given:
        for sample in samples:
            found.setdefault(sample.series, sample)
    return list(found.values())
