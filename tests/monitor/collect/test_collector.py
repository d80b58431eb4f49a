import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from anyio import Event, create_task_group, sleep_forever
from anyio.lowlevel import checkpoint

from intertie.errors import IntertieError, StoreError
from intertie.monitor.collect.collector import QUEUED_TICKS, Collector, Outlets, due_ms
from intertie.monitor.collect.system import System
from intertie.monitor.ring import Ring
from intertie.monitor.sample import Matcher, Sample, Series
from intertie.runtime.component import Status
from tests.waiting import eventually

pytestmark = pytest.mark.anyio

Act = Callable[[int], Awaitable[Sequence[Sample]]]


@dataclass
class Source:
    """One that does as the test wants."""

    name: str
    act: Act

    async def collect(self, at_ms: int) -> Sequence[Sample]:
        """As it was told to."""
        return await self.act(at_ms)


async def good(at_ms: int) -> Sequence[Sample]:
    """One that works."""
    return [Sample(Series("good"), float(at_ms))]


async def broken(at_ms: int) -> Sequence[Sample]:
    """One that cannot look."""
    raise IntertieError("cannot look: it is dark")


async def buggy(at_ms: int) -> Sequence[Sample]:
    """One with a mistake."""
    raise KeyError("x")


async def late(at_ms: int) -> Sequence[Sample]:
    """One that never answers."""
    await sleep_forever()
    return []


class Clock:
    """Time that passes only when somebody waits, or when the test says so."""

    def __init__(self, now_ms: int = 10_300) -> None:
        self.now_ms = now_ms
        self.end_ms = now_ms + 5000
        self.slept: list[float] = []

    def __call__(self) -> int:
        """Now."""
        return self.now_ms

    async def sleep(self, for_s: float) -> None:
        """Let it pass, up to the end."""
        if self.now_ms + for_s * 1000 > self.end_ms:
            await sleep_forever()
        self.slept.append(for_s)
        self.now_ms += round(for_s * 1000)
        await checkpoint()


@dataclass
class Made:
    """A collector, its clock and where its samples went."""

    clock: Clock = field(default_factory=Clock)
    ring: Ring = field(default_factory=Ring)
    kept: list[tuple[int, Sequence[Sample]]] = field(default_factory=list)
    evaluated: list[int] = field(default_factory=list)

    async def keep(self, at_ms: int, samples: Sequence[Sample]) -> None:
        """The store."""
        self.kept.append((at_ms, samples))

    async def after(self, at_ms: int) -> None:
        """The rules."""
        self.evaluated.append(at_ms)

    def collector(self, *sources: Source, interval_s: float = 1) -> Collector:
        """One that runs by this clock."""
        outlets = Outlets(self.ring, self.keep, self.after)
        return Collector(
            sources, outlets, interval_s=interval_s, now_ms=self.clock, sleep=self.clock.sleep
        )

    async def found(self, name: str, **labels: str) -> list[float]:
        """What the ring has of a series."""
        matchers = [Matcher("__name__", "=", name)]
        matchers += [Matcher(label, "=", value) for label, value in labels.items()]
        found = await self.ring.select(matchers, 0, 10**15)
        return [value for each in found for value in each.values.tolist()]


@asynccontextmanager
async def running(collector: Collector) -> AsyncIterator[None]:
    """It is cancelled afterwards."""
    async with create_task_group() as group:
        await group.start(lambda task_status: collector.run(task_status=task_status))
        yield
        group.cancel_scope.cancel()


async def test_ticks_are_at_multiples_of_the_interval() -> None:
    """Whenever it was started; the ring, the store and the rules get each of them."""
    made = Made()
    async with running(made.collector(Source("a", good))):
        await eventually(lambda: len(made.kept) == 5)

    expected = [11_000, 12_000, 13_000, 14_000, 15_000]
    assert await made.found("good") == expected
    assert made.evaluated == [at_ms for at_ms, _ in made.kept] == expected
    assert made.clock.slept == [0.7, 1, 1, 1, 1]


async def test_a_late_tick_is_left_out_not_doubled() -> None:
    """A look that takes two and a half intervals costs two ticks, and nothing drifts."""
    made = Made()

    async def slow_once(at_ms: int) -> Sequence[Sample]:
        if at_ms == 12_000:
            made.clock.now_ms = 14_500
        return await good(at_ms)

    async with running(made.collector(Source("a", slow_once))):
        await eventually(lambda: 15_000 in made.evaluated)

    assert made.evaluated[:4] == [11_000, 12_000, 14_000, 15_000]


@pytest.mark.parametrize(
    ("now_ms", "last_ms", "expected"),
    [
        (10_300, 10_000, 11_000),
        (11_000, 10_000, 11_000),
        (11_001, 10_000, 11_000),
        (13_999, 10_000, 13_000),
        (5_500, 10_000, 5_000),
    ],
)
def test_the_tick_to_do_next(now_ms: int, last_ms: int, expected: int) -> None:
    """The one that is now, else the next; a clock put back does not stop it."""
    assert due_ms(now_ms, 1000, last_ms) == expected


@pytest.mark.parametrize(("act", "why"), [(broken, "it is dark"), (buggy, "x"), (late, "too long")])
async def test_a_source_that_fails_stops_no_other(act: Act, why: str) -> None:
    """It is counted and told by the collector's health, until it works again."""
    made = Made()
    first, second = Source("first", act), Source("second", good)
    collector = made.collector(first, second, interval_s=0.05)

    await collector.tick(1000)
    failed = collector.health()
    first.act = good
    await collector.tick(2000)

    assert await made.found("good") == [1000, 2000]
    assert failed.status is Status.DEGRADED
    assert "first: " in failed.reason
    assert why in failed.reason
    assert collector.health().status is Status.UP
    assert await made.found("intertie_collect_failures_total", source="first") == [1, 1]
    assert await made.found("intertie_collect_failures_total", source="second") == [0, 0]


async def test_sources_are_asked_at_the_same_time() -> None:
    """Each waits here for the other."""
    made, one, other = Made(), Event(), Event()

    async def first(at_ms: int) -> Sequence[Sample]:
        one.set()
        await other.wait()
        return [Sample(Series("first"), 1)]

    async def second(at_ms: int) -> Sequence[Sample]:
        other.set()
        await one.wait()
        return [Sample(Series("second"), 1)]

    await made.collector(Source("a", first), Source("b", second)).tick(1000)

    assert await made.found("first") == await made.found("second") == [1]


async def test_of_a_series_that_two_sources_tell_the_first_counts() -> None:
    """The store has one value of each in a tick."""

    async def other(at_ms: int) -> Sequence[Sample]:
        return [Sample(Series("good"), math.inf)]

    made = Made()
    await made.collector(Source("a", good), Source("b", other)).tick(1000)

    assert await made.found("good") == [1000]


async def test_a_store_that_hangs_delays_nobody() -> None:
    """Rules go on being evaluated; what the queue cannot hold is dropped, oldest first."""
    made, gate = Made(), Event()
    made.clock.end_ms = 10_300 + 200_000
    written: list[int] = []

    async def keep(at_ms: int, samples: Sequence[Sample]) -> None:
        await gate.wait()
        written.append(at_ms)

    outlets = Outlets(made.ring, keep, made.after)
    collector = Collector(
        [Source("a", good)],
        outlets,
        interval_s=1,
        now_ms=made.clock,
        sleep=made.clock.sleep,
    )
    async with running(collector):
        await eventually(lambda: len(made.evaluated) == 200)
        behind = collector.health()
        gate.set()
        await eventually(lambda: len(written) == 1 + QUEUED_TICKS)

    assert written == [made.evaluated[0], *made.evaluated[-QUEUED_TICKS:]]
    dropped = await made.found("intertie_monitor_dropped_total")
    assert "store: it is 120 ticks behind" in behind.reason
    assert collector.health().status is Status.UP
    assert dropped[-1] == 200 - 1 - QUEUED_TICKS - 1  # told before its own tick is queued


async def test_a_store_that_fails_is_told() -> None:
    """What it did not take is counted as dropped."""
    made = Made()
    failing = [True]

    async def keep(at_ms: int, samples: Sequence[Sample]) -> None:
        if failing[0]:
            raise StoreError("cannot write: the disk is full")

    outlets = Outlets(made.ring, keep, made.after)
    collector = Collector([], outlets, interval_s=1, now_ms=made.clock, sleep=made.clock.sleep)
    async with running(collector):
        await eventually(lambda: "the disk is full" in collector.health().reason)
        failing[0] = False
        await collector.tick(99_000)
        await eventually(lambda: collector.health().status is Status.UP)

    assert max(await made.found("intertie_monitor_dropped_total")) >= 1


async def test_rules_that_fail_do_not_stop_the_collector() -> None:
    """They are counted as a source is."""
    made = Made()

    async def after(at_ms: int) -> None:
        raise IntertieError("cannot evaluate: it is odd")

    outlets = Outlets(made.ring, made.keep, after)
    collector = Collector([Source("a", good)], outlets, interval_s=1)

    await collector.tick(1000)
    await collector.tick(2000)

    assert "rules: cannot evaluate" in collector.health().reason
    assert (await made.found("intertie_collect_failures_total", source="rules"))[-1] == 1


async def test_what_is_queued_at_the_end_is_still_written() -> None:
    """A stop loses no tick that a ready store could have taken."""
    made = Made()
    collector = made.collector(Source("a", good))
    async with running(collector):
        await eventually(lambda: len(made.evaluated) == 5)
        await collector.tick(99_000)

    assert [at_ms for at_ms, _ in made.kept] == [*made.evaluated[:5], 99_000]


@pytest.mark.slow
async def test_by_the_real_clock_it_ticks_on_the_second() -> None:
    """The machine itself is measured, and each sample is found again in the ring."""
    made = Made()
    outlets = Outlets(made.ring, made.keep, made.after)
    collector = Collector([System()], outlets, interval_s=1)
    async with running(collector):
        await eventually(lambda: len(made.kept) >= 2)

    first, second = made.evaluated[:2]
    assert first % 1000 == 0
    assert second % 1000 == 0
    assert second > first
    looks = len(made.evaluated)
    assert len(await made.found("intertie_cpu_usage_ratio")) == looks - 1  # since the first look
    assert len(await made.found("intertie_memory_usage_ratio")) == looks


async def test_what_is_computed_of_a_tick_is_kept_with_it() -> None:
    """Once the ring has the tick, before rules are looked at; told twice, what is computed wins."""
    made = Made()

    async def derive(at_ms: int) -> Sequence[Sample]:
        (found,) = await made.ring.select([Matcher("__name__", "=", "good")], 0, at_ms)
        assert made.evaluated == []
        return [Sample(Series("twice"), found.values[-1] * 2), Sample(Series("good"), -1.0)]

    outlets = Outlets(made.ring, made.keep, made.after, derive=derive)
    collector = Collector([Source("good", good)], outlets, interval_s=1, now_ms=made.clock)
    async with create_task_group() as group:
        await group.start(collector.run)
        await collector.tick(11_000)
        await eventually(lambda: bool(made.kept))
        group.cancel_scope.cancel()

    kept = {each.series.name: each.value for each in made.kept[0][1]}
    assert (kept["twice"], kept["good"]) == (22_000.0, -1.0)


async def test_what_cannot_be_computed_stops_nobody() -> None:
    """The tick is kept without it, and it is told."""
    made = Made()
    outlets = Outlets(made.ring, made.keep, made.after, derive=broken)
    collector = Collector([Source("good", good)], outlets, interval_s=1, now_ms=made.clock)

    await collector.tick(11_000)

    assert made.evaluated == [11_000]
    assert collector.health().reason == "records: cannot look: it is dark"
