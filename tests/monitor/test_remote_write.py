"""Samples on their way to a receiver: one that answers as it is told, and a real Prometheus."""

import math
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import anyio
import httpx
import pytest
from anyio import create_task_group, to_thread

from intertie.monitor.remote_wire import Tick
from intertie.monitor.remote_write import (
    BATCH_SAMPLES,
    QUEUED_TICKS,
    RemoteWrite,
    RemoteWrites,
    cut,
    wait_s,
)
from intertie.monitor.sample import STALE, Matcher, Sample, Series
from intertie.runtime.component import Status
from tests.monitor.peers import Prometheus
from tests.monitor.receiver import READER, Answer, Receiver, receiver, unpacked
from tests.waiting import eventually

pytestmark = pytest.mark.anyio

AT = datetime(2026, 1, 1, tzinfo=UTC)
UP = Series.of("up", {"job": "a"})


def _ticks(*sizes: int) -> deque[Tick]:
    return deque(Tick(at, [Sample(UP, 1)] * size) for at, size in enumerate(sizes))


class Nap:
    """Sleeps no longer than a moment, and keeps how long it was asked to."""

    def __init__(self) -> None:
        self.asked_s: list[float] = []

    async def __call__(self, seconds: float) -> None:
        """At once."""
        self.asked_s.append(seconds)
        await anyio.sleep(0.005)


@asynccontextmanager
async def sending(
    url: str,
    *,
    only: Sequence[Sequence[Matcher]] | None = None,
    sleep: Callable[[float], Awaitable[object]] | None = None,
) -> AsyncIterator[RemoteWrite]:
    """It runs."""
    async with httpx.AsyncClient(trust_env=False) as client:
        made = RemoteWrite(
            url, headers=dict, client=client, now=lambda: AT, sleep=sleep or Nap(), only=only
        )
        async with create_task_group() as group:
            await group.start(made.run)
            yield made
            group.cancel_scope.cancel()


def received(made: Receiver) -> list[tuple[str, int, float]]:
    """Name, time and value of every sample, in the order they came."""
    return [
        (label.value, sample.timestamp, sample.value)
        for body in made.bodies
        for each in READER.FromString(unpacked(body)).timeseries
        for label in each.labels
        if label.name == "__name__"
        for sample in each.samples
    ]


async def test_what_is_offered_is_sent() -> None:
    """And counted."""
    with receiver() as made:
        async with sending(made.url) as remote:
            remote.offer(1000, [Sample(UP, 1), Sample(Series("heat"), 7)])
            await eventually(lambda: remote.counts().sent == 2)
            counts, health = remote.counts(), remote.health()

    assert received(made) == [("up", 1000, 1), ("heat", 1000, 7)]
    assert (counts.waiting, counts.retries, counts.last_sent_at) == (0, 0, AT)
    assert health.status is Status.UP


async def test_only_series_that_fit_are_sent() -> None:
    """All matchers of one set; a tick without any is none."""
    only = ([Matcher("__name__", "=", "up"), Matcher("job", "=~", "a|b")], [Matcher("x", "=", "y")])
    others = [Sample(Series.of("up", {"job": "c"}), 1), Sample(Series("heat"), 7)]
    with receiver() as made:
        async with sending(made.url, only=only) as remote:
            remote.offer(1000, others)
            remote.offer(2000, [*others, Sample(UP, 1), Sample(Series.of("cold", {"x": "y"}), 3)])
            await eventually(lambda: remote.counts().sent == 2)

    assert received(made) == [("up", 2000, 1), ("cold", 2000, 3)]


async def test_a_receiver_that_is_busy_gets_the_same_again_when_it_wants() -> None:
    """Nothing is lost, nothing overtakes; `Retry-After` is obeyed."""
    nap = Nap()
    with receiver() as made:
        made.answers += [Answer(503), Answer(429, headers={"Retry-After": "17"}), Answer(500)]
        async with sending(made.url, sleep=nap) as remote:
            remote.offer(1000, [Sample(UP, 1)])
            await eventually(lambda: remote.counts().retries > 0)
            remote.offer(2000, [Sample(UP, 2)])
            await eventually(lambda: remote.counts().sent == 2)
            counts = remote.counts()

    told = received(made)
    assert told == [("up", 1000, 1)] * 4 + [("up", 2000, 2)]
    assert nap.asked_s == [1, 17, 4]
    assert counts.retries == 3
    assert sum(counts.dropped.values()) == 0


async def test_what_is_refused_is_dropped_and_the_reason_told() -> None:
    """The next is sent all the same, and then it is well again."""
    with receiver() as made:
        made.answers.append(Answer(400, "out of order sample"))
        async with sending(made.url) as remote:
            remote.offer(1000, [Sample(UP, 1)])
            await eventually(lambda: remote.counts().waiting == 0)
            refused, health = remote.counts(), remote.health()
            remote.offer(2000, [Sample(UP, 2)])
            await eventually(lambda: remote.counts().sent == 1)
            after = remote.health()

    assert refused.dropped["400"] == 1
    assert refused.retries == 0
    assert health.reason == (
        "cannot send samples to 127.0.0.1: it answers 400: out of order sample"
    )
    assert after.status is Status.UP


async def test_the_oldest_gives_way_when_too_much_waits() -> None:
    """It is counted, and whoever offers never waits."""
    async with httpx.AsyncClient() as client:
        remote = RemoteWrite(
            "http://127.0.0.1:1/write", headers=dict, client=client, now=lambda: AT, sleep=Nap()
        )
        for at in range(QUEUED_TICKS + 5):
            remote.offer(at, [Sample(UP, 1), Sample(Series("heat"), 2)])

    assert remote.counts().dropped == {"overflow": 10}
    assert remote.counts().waiting == 2 * QUEUED_TICKS


async def test_what_waits_at_the_end_is_tried_once_more() -> None:
    """Also what was on its way when a receiver was busy."""
    asleep = anyio.Event()

    async def for_ever(_: float) -> None:
        asleep.set()
        await anyio.sleep_forever()

    with receiver() as made:
        made.answers.append(Answer(503))
        async with sending(made.url, sleep=for_ever) as remote:
            remote.offer(1000, [Sample(UP, 1)])
            await asleep.wait()
            remote.offer(2000, [Sample(UP, 2)])
            waiting = remote.health()

    assert received(made)[1:] == [("up", 1000, 1), ("up", 2000, 2)]
    assert remote.counts().waiting == 0
    assert waiting.reason.endswith("it answers 503; 2 ticks wait")


async def test_receivers_do_not_wait_for_each_other() -> None:
    """What each counts is a sample of its own."""
    with receiver() as busy, receiver() as free:
        busy.answers += [Answer(503)] * 10_000
        async with sending(busy.url) as one, sending(free.url) as other:
            both = RemoteWrites({"busy": one, "free": other})
            both.offer(1000, [Sample(UP, 1)])
            await eventually(lambda: other.counts().sent == 1 and one.counts().retries > 0)
            samples = {str(each.series): each.value for each in await both.collect(2000)}
            health = both.health()

    assert samples['intertie_remote_write_sent_samples_total{to="busy"}'] == 0
    assert samples['intertie_remote_write_sent_samples_total{to="free"}'] == 1
    assert samples['intertie_remote_write_waiting_samples{to="busy"}'] == 1
    assert samples['intertie_remote_write_retries_total{to="busy"}'] > 0
    dropped = 'intertie_remote_write_dropped_samples_total{reason="overflow", to="free"}'
    assert samples[dropped] == 0
    assert health.status is Status.DEGRADED
    assert health.reason.startswith("busy: cannot send samples")


async def test_all_receivers_run_as_one() -> None:
    """Started together, ended together."""
    with receiver() as made:
        async with httpx.AsyncClient(trust_env=False) as client:
            one = RemoteWrite(made.url, headers=dict, client=client, now=lambda: AT, sleep=Nap())
            both = RemoteWrites({"one": one})
            async with create_task_group() as group:
                await group.start(both.run)
                both.offer(1000, [Sample(UP, 1)])
                await eventually(lambda: one.counts().sent == 1)
                group.cancel_scope.cancel()

    assert both.health().status is Status.UP


def test_a_batch_has_whole_ticks_while_they_fit() -> None:
    """The rest stays where it is."""
    queue = _ticks(2000, 3000, 1)

    batch = cut(queue)

    assert [len(tick.samples) for tick in batch] == [2000, 3000]
    assert [tick.at_ms for tick in queue] == [2]


def test_a_tick_that_is_too_large_is_split() -> None:
    """Not one sample is lost."""
    queue = _ticks(BATCH_SAMPLES * 2 + 7, 1)

    sizes: list[list[int]] = []
    while queue:
        sizes.append([len(tick.samples) for tick in cut(queue)])

    assert sizes == [[BATCH_SAMPLES], [BATCH_SAMPLES], [7, 1]]


def test_a_clock_that_is_put_back_begins_a_new_batch() -> None:
    """What is refused for it takes no earlier samples along."""
    queue = deque([Tick(5, [Sample(UP, 1)]), Tick(3, [Sample(UP, 2)]), Tick(4, [Sample(UP, 3)])])

    assert [tick.at_ms for tick in cut(queue)] == [5]
    assert [tick.at_ms for tick in cut(queue)] == [3, 4]


def test_waits_grow_and_what_the_receiver_asks_counts() -> None:
    """Up to half a minute of our own, up to five where it asks."""
    assert [wait_s(tried, None) for tried in (1, 2, 3, 5, 6, 10_000)] == [1, 2, 4, 16, 30, 30]
    assert wait_s(1, 17) == 17
    assert wait_s(6, 17) == 30
    assert wait_s(1, 1e9) == 300


@asynccontextmanager
async def up(prometheus: Prometheus) -> AsyncIterator[None]:
    """It takes samples; what else runs here goes on while it starts and stops."""
    manager = prometheus.running("--web.enable-remote-write-receiver")
    await to_thread.run_sync(manager.__enter__)
    try:
        yield
    finally:
        await to_thread.run_sync(manager.__exit__, None, None, None)


def _now_ms() -> int:
    return round(datetime.now(UTC).timestamp()) * 1000


@pytest.mark.slow
async def test_prometheus_has_what_was_sent(tmp_path: Path) -> None:
    """Values, labels with any text, many series, and the end of one that has gone."""
    hard = Series.of("odd", {"path": 'a"b\\c\nä€😀', "Zone": "b", "job": "a"})
    many = [Sample(Series.of("many", {"id": str(number)}), number) for number in range(12_000)]
    end_ms = _now_ms()
    prometheus = Prometheus(tmp_path)
    async with up(prometheus):
        async with sending(f"{prometheus.url}/api/v1/write") as remote:
            first = [Sample(UP, 1), Sample(hard, 0.1), Sample(Series("huge"), math.inf)]
            remote.offer(end_ms - 3000, [*first, Sample(Series("no_number"), math.nan)])
            remote.offer(end_ms - 2000, [Sample(UP, 2), *many])
            remote.offer(end_ms - 1000, [Sample(UP, STALE)])
            await eventually(lambda: remote.counts().waiting == 0)
            counts, health = remote.counts(), remote.health()
        before = prometheus.query('{__name__=~".+"}', end_ms / 1000 - 1.5)
        after = prometheus.query("up", end_ms / 1000)
        nan = prometheus.query("no_number", end_ms / 1000)

    assert (counts.sent, health.reason) == (12_006, "")
    assert before[(("__name__", "up"), ("job", "a"))] == 2
    assert before[tuple(sorted([("__name__", "odd"), *hard.labels]))] == 0.1
    assert before[(("__name__", "huge"),)] == math.inf
    assert all(before[("__name__", "many"), ("id", str(n))] == n for n in range(12_000))
    assert after == {}, "the marker ends it"
    assert [math.isnan(value) for value in nan.values()] == [True], "another NaN does not"


@pytest.mark.slow
async def test_a_restart_of_prometheus_loses_nothing(tmp_path: Path) -> None:
    """Each tick is there once, those that were offered while it was away among them."""
    end_ms = _now_ms()
    prometheus = Prometheus(tmp_path)
    ticks = iter(range(60))

    def offer(remote: RemoteWrite, count: int) -> None:
        for _ in range(count):
            number = next(ticks)
            remote.offer(end_ms - 60_000 + number * 1000, [Sample(UP, number)])

    async with sending(
        f"{prometheus.url}/api/v1/write", sleep=lambda _: anyio.sleep(0.05)
    ) as remote:
        async with up(prometheus):
            offer(remote, 20)
            await eventually(lambda: remote.counts().sent == 20)
            offer(remote, 10)  # perhaps taken before it stops, perhaps not
        offer(remote, 20)
        await eventually(lambda: remote.counts().retries > 0)
        away = remote.health()
        async with up(prometheus):
            offer(remote, 10)
            await eventually(lambda: remote.counts().waiting == 0)
            [found] = prometheus.samples("up", end_ms / 1000).values()

    assert away.status is Status.DEGRADED
    assert remote.health().status is Status.UP
    assert sum(remote.counts().dropped.values()) == 0
    assert found == [((end_ms - 60_000) / 1000 + number, number) for number in range(60)]
