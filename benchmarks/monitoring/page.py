"""How soon a person is told: from the sample to the page, also while the store is locked.

Collector, rules, desk, sender and webhook as the daemon has them, in real time. Each second a new
series becomes alarming, so that each is a page of its own.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory

from anyio import Lock, create_task_group, fail_after, sleep

from benchmarks.monitoring.figure import Bar, Figure
from benchmarks.monitoring.hook import Hook, hooked
from intertie.monitor.alerting import Alerting
from intertie.monitor.both import Both
from intertie.monitor.channels import channel_of
from intertie.monitor.collect.collector import Collector, Outlets, wall_ms
from intertie.monitor.desk import AlertDesk
from intertie.monitor.duck import DuckStore
from intertie.monitor.ring import HOUR_MS, Ring
from intertie.monitor.rules import rules_of
from intertie.monitor.sample import Found, Matcher, Sample, Series
from intertie.monitor.sender import Sender
from intertie.monitor.warm import warm
from intertie.suite.monitoring import Monitoring

INTERVAL_S, BAR_S = 1.0, 3.0
PAGES, QUICK_PAGES = 30, 8
_PATIENCE_S = 60.0


@dataclass(slots=True)
class _Heat:
    """A source in which one more room is hot each second, while it is asked for."""

    name: str = "heat"
    left: int = 0
    hot: list[int] = field(default_factory=list[int])
    """When each became so."""

    async def collect(self, at_ms: int) -> Sequence[Sample]:
        if self.left:
            self.left -= 1
            self.hot.append(at_ms)
        return [Sample(Series.of("heat", {"room": str(each)}), 9.0) for each in self.hot]


class _Door:
    """The store, behind a door that can be shut."""

    def __init__(self, store: DuckStore) -> None:
        self._store = store
        self._lock = Lock()

    async def append(self, at_ms: int, samples: Sequence[Sample]) -> None:
        """See MetricsStore."""
        async with self._lock:
            await self._store.append(at_ms, samples)

    async def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int
    ) -> Sequence[Found]:
        """See Source."""
        async with self._lock:
            return await self._store.select(matchers, start_ms, end_ms)

    async def shut(self, seconds: float) -> None:
        """Nobody reads or writes meanwhile."""
        async with self._lock:
            await sleep(seconds)


@dataclass(frozen=True, slots=True)
class _Watch:
    heat: _Heat
    hook: Hook
    door: _Door

    async def pages(self, count: int) -> Sequence[float]:
        """Seconds from each sample's tick to its page."""
        known = len(self.heat.hot)
        self.heat.left = count
        with fail_after(count * INTERVAL_S + _PATIENCE_S):
            while not self._all_came():  # noqa: ASYNC110 — the webhook has threads of its own
                await sleep(0.05)
        return [self.hook.came[str(at)] - at / 1_000 for at in self.heat.hot[known:]]

    def _all_came(self) -> bool:
        came = self.hook.came
        return not self.heat.left and all(str(at) in came for at in self.heat.hot)


async def figures(quick: bool) -> Sequence[Figure]:
    """See the module."""
    pages = QUICK_PAGES if quick else PAGES
    with TemporaryDirectory() as folder:
        async with _watching(Path(folder)) as watch:
            free = await watch.pages(pages)
            await sleep(2 * INTERVAL_S)
            locked = await _locked(watch, pages)
    return [*_told("", free), *_told(f", the store locked for {pages} s", locked)]


async def _locked(watch: _Watch, pages: int) -> Sequence[float]:
    """As long as the pages take, nobody gets into the store."""
    found: list[float] = []
    async with create_task_group() as group:
        group.start_soon(watch.door.shut, pages * INTERVAL_S)
        found += await watch.pages(pages)
    return found


def _told(when: str, took: Sequence[float]) -> Sequence[Figure]:
    return [
        Figure("page", f"s from sample to webhook{when}, median of {len(took)}", [median(took)]),
        Figure("page", f"s from sample to webhook{when}, worst", [max(took)], Bar(BAR_S)),
    ]


def _config(url: str) -> Monitoring:
    rules = {"Hot": {"expr": "heat > 5"}}
    return Monitoring.model_validate(
        {
            "metrics_collection": {"interval": INTERVAL_S},
            "alerts": {"rules": rules, "group_by": ["alertname", "room"]},
            "channels": {"hook": {"kind": "webhook", "url": url}},
            "alert_integration": {"channels": "hook"},
        }
    )


@asynccontextmanager
async def _watching(folder: Path) -> AsyncIterator[_Watch]:
    """As the daemon builds it."""
    ring, heat = Ring(), _Heat()
    async with AsyncExitStack() as stack:
        hook = stack.enter_context(hooked())
        config = _config(hook.url)
        store = await stack.enter_async_context(DuckStore.open(folder / "metrics.duckdb"))
        desk = await stack.enter_async_context(AlertDesk.open(folder / "alerts.db"))
        door = _Door(store)
        since_ms = await warm(ring, store, now_ms=wall_ms(), span_ms=HOUR_MS)
        alerting = Alerting(
            config,
            rules_of(config.alerts),
            source=Both(ring, door, since_ms=lambda: max(since_ms, wall_ms() - HOUR_MS)),
            desk=desk,
            sender=_sender(config),
            publish=lambda *_: None,
            now=_now,
        )
        outlets = Outlets(ring, door.append, alerting.evaluate)
        collector = Collector([heat], outlets, interval_s=INTERVAL_S)
        async with create_task_group() as group:
            await group.start(alerting.run)
            await group.start(collector.run)
            yield _Watch(heat, hook, door)
            group.cancel_scope.cancel()


def _sender(config: Monitoring) -> Sender:
    channels = {
        name: channel_of(each, name=name, resolve=lambda text: text, now=_now)
        for name, each in config.channels.items()
    }
    rng = Random(1)  # noqa: S311 — spreads tries
    return Sender(channels, fallback=(), sleep=sleep, now=_now, rng=rng)


def _now() -> datetime:
    return datetime.now(UTC)
