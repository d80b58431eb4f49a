"""Counts what objectives are about as it happens, so that it outlives the samples it is made of."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from intertie.monitor.sample import NAME_LABEL, Found, Matcher, Sample, Series, Source
from intertie.monitor.slo import (
    ERROR_RATIO,
    EXCLUDED,
    EXCLUDED_SECONDS,
    GOOD,
    SLO,
    TOTAL,
    WINDOW,
    Sli,
    matchers_of,
    sli_of,
    span_text,
)
from intertie.monitor.slo_follow import Follower, Growth, History
from intertie.monitor.stages import window_end
from intertie.monitor.store import STEP_MS, MetricsStore
from intertie.suite.monitoring import Mute
from intertie.suite.slo import Slo

_YEAR_MS = 366 * 86_400_000
_SHORTEST_GAP_MS = 300_000
_MISSED = 3
"""After so many looks without a sample nobody knows how it was in between."""
_SOURCES_MS = 2 * 3_600_000
"""What was counted at a restart is looked for so far back."""


@dataclass(slots=True)
class _Counts:
    """What is told; each only grows."""

    good: float = 0.0
    total: float = 0.0
    excluded: float = 0.0
    excluded_s: float = 0.0
    claimed: float = 0.0
    """Good as far as known; it can fall back when what is bad is told late."""

    def add(self, good: float, total: float) -> None:
        """Events that count."""
        self.total += total
        self.claimed += good
        self.good = max(self.good, min(self.claimed, self.total))


@dataclass(slots=True)
class _Followed:
    """One objective."""

    slo: Slo
    sli: Sli
    totals: tuple[Matcher, ...]
    parts: tuple[Matcher, ...]
    alive: tuple[Matcher, ...]
    history: History
    windows: tuple[Mute, ...]
    counts: _Counts = field(default_factory=_Counts)
    all: Follower = field(default_factory=Follower)
    some: Follower = field(default_factory=Follower)


class SloRecorder:
    """A source for the collector, to be asked after all others are asked each time.

    It reads what they told up to the look before, so it is one look behind.
    """

    name = "slo"

    def __init__(
        self,
        slos: Mapping[str, Slo],
        source: Source,
        *,
        mute: Mapping[str, Mute] | None = None,
        interval_s: float = 60.0,
    ) -> None:
        """`source`: the newest samples, in memory. Raises IntertieError; see `sli_of`."""
        self._gap_ms = max(_SHORTEST_GAP_MS, round(interval_s * 1000 * _MISSED))
        self._source = source
        self._followed = {name: _followed(slo, mute or {}) for name, slo in slos.items()}
        self._last_ms: int | None = None
        """Of the last look: its own samples are there only after it."""

    async def restore(self, store: MetricsStore, now_ms: int) -> None:
        """Go on from what was counted before a restart. Raises StoreError."""
        if not self._followed:
            return
        newest = await _newest(store, now_ms)
        for name, each in self._followed.items():
            found = newest.get(name, {})
            each.counts.good, each.counts.total = found.get(GOOD, 0.0), found.get(TOTAL, 0.0)
            each.counts.claimed = each.counts.good
            each.counts.excluded = found.get(EXCLUDED, 0.0)
            each.counts.excluded_s = found.get(EXCLUDED_SECONDS, 0.0)
            counted_ms = await _remember(name, each, store, now_ms)
            start_ms = now_ms - _SOURCES_MS
            until_ms = now_ms if counted_ms is None else counted_ms - 1
            each.all.prime(await store.select(each.totals, start_ms, until_ms))
            each.some.prime(await store.select(each.parts, start_ms, until_ms))
            # What the last look itself brought is counted by the next one.
            self._count(each, await self._growth(each, store, until_ms, now_ms))

    async def collect(self, at_ms: int) -> Sequence[Sample]:
        """Count what came since the last look."""
        start_ms = at_ms - self._gap_ms if self._last_ms is None else self._last_ms - 1
        found: list[Sample] = []
        for name, each in self._followed.items():
            growth = await self._growth(each, self._source, start_ms, at_ms - 1)
            self._count(each, growth)
            if self._last_ms is not None and _is_excluded(each.windows, at_ms):
                passed_ms = min(max(at_ms - self._last_ms, 0), self._gap_ms)
                each.counts.excluded_s += passed_ms / 1000
            each.history.add(at_ms, each.counts.good, each.counts.total)
            found += _told(name, each, at_ms)
        self._last_ms = at_ms
        return found

    async def _growth(self, each: _Followed, source: Source, start_ms: int, end_ms: int) -> Growth:
        totals = await source.select(each.totals, start_ms, end_ms)
        if each.sli.part_is == "up":
            return each.all.lasted(totals, longest_ms=self._gap_ms)
        parts = await source.select(each.parts, start_ms, end_ms)
        # Where its source was read before, a new counter began at 0: the first fault counts.
        from_zero = each.all.is_primed or await self._was_read(each, source, start_ms)
        total = each.all.grown(totals, from_zero=from_zero)
        part = each.some.grown(parts, from_zero=from_zero)
        if each.sli.part_is == "good":
            return Growth(total, part)
        good = {at: total.get(at, 0.0) - part.get(at, 0.0) for at in {*total, *part}}
        return Growth(total, good)

    async def _was_read(self, each: _Followed, source: Source, until_ms: int) -> bool:
        return bool(await source.select(each.alive, until_ms - self._gap_ms, until_ms))

    def _count(self, each: _Followed, growth: Growth) -> None:
        for at_ms in sorted({*growth.total, *growth.good}):
            total, good = growth.total.get(at_ms, 0.0), growth.good.get(at_ms, 0.0)
            if _is_excluded(each.windows, at_ms):
                each.counts.excluded += total
            else:
                each.counts.add(good, total)


def _followed(slo: Slo, mute: Mapping[str, Mute]) -> _Followed:
    sli = sli_of(slo)
    spans = [span for pair in slo.reachable for span in (pair.long, pair.short)]
    return _Followed(
        slo,
        sli,
        matchers_of(sli.total),
        matchers_of(sli.part),
        matchers_of(sli.alive),
        History(spans),
        tuple(mute[name] for name in slo.exclude if name in mute),
    )


def _is_excluded(windows: Iterable[Mute], at_ms: int) -> bool:
    """Whether what happened just up to that moment does not count."""
    before = datetime.fromtimestamp((at_ms - 1) / 1000, UTC)
    return any(window_end(window, before) is not None for window in windows)


def _told(name: str, each: _Followed, at_ms: int) -> Iterable[Sample]:
    counts = each.counts
    figures = [(GOOD, counts.good), (TOTAL, counts.total)]
    if each.windows:
        figures += [(EXCLUDED, counts.excluded), (EXCLUDED_SECONDS, counts.excluded_s)]
    for metric, value in figures:
        yield Sample(Series.of(metric, {SLO: name}), value)
    for span in sorted({span for pair in each.slo.reachable for span in (pair.long, pair.short)}):
        series = Series.of(ERROR_RATIO, {SLO: name, WINDOW: span_text(span)})
        yield Sample(series, each.history.error_ratio(at_ms, span))


async def _newest(store: MetricsStore, now_ms: int) -> Mapping[str, Mapping[str, float]]:
    """The last values of our counters by objective, however long ago, from few samples."""
    found: dict[str, dict[str, float]] = {}
    for metric in (GOOD, TOTAL, EXCLUDED, EXCLUDED_SECONDS):
        matchers = [Matcher(NAME_LABEL, "=", metric)]
        hours = await store.aggregate(
            matchers, now_ms - _YEAR_MS, now_ms, step="1h", functions=["max"]
        )
        if not hours:
            continue
        newest_ms = min(int(each.times[-1]) for each in hours)
        start_ms = max(newest_ms, now_ms - STEP_MS["1d"]) - 1
        samples = await store.select(matchers, start_ms, now_ms)
        exact = {each.series: _last(each) for each in samples}
        for each in hours:
            value = exact.get(each.series, float(each.values[-1]))
            found.setdefault(_slo(each.series), {})[metric] = value
    return found


async def _remember(name: str, each: _Followed, store: MetricsStore, now_ms: int) -> int | None:
    """Fill the history; when it was counted last, None: not in the last hours."""
    start_ms = now_ms - max(each.history.span_ms, _SOURCES_MS)
    of = Matcher(SLO, "=", name)
    good, total = [
        await store.select([Matcher(NAME_LABEL, "=", metric), of], start_ms, now_ms)
        for metric in (GOOD, TOTAL)
    ]
    if not good or not total:
        return None
    totals = dict(zip(total[0].times.tolist(), total[0].values.tolist(), strict=True))
    for at_ms, value in zip(good[0].times.tolist(), good[0].values.tolist(), strict=True):
        if at_ms in totals:
            each.history.add(at_ms, value, totals[at_ms])
    return int(total[0].times[-1])


def _last(found: Found) -> float:
    return float(found.values[-1])


def _slo(series: Series) -> str:
    return dict(series.labels).get(SLO, "")
