"""A month in virtual time, kept by a real store, against the same computed by hand."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from intertie.errors import IntertieError, NotFoundError
from intertie.monitor.duck import DuckStore
from intertie.monitor.ring import Ring
from intertie.monitor.sample import Sample, Series
from intertie.monitor.slo import GOOD, TOTAL
from intertie.monitor.slo_record import SloRecorder
from intertie.monitor.slo_report import count, hourly, month_of, month_report
from intertie.monitor.store import Aggregate
from intertie.suite.monitoring import Mute
from intertie.suite.slo import Slo

pytestmark = pytest.mark.anyio

HOUR, DAY = 3_600_000, 86_400_000
STEP = 1_800_000
NOVEMBER, DECEMBER = month_of("2026-11")
BEGIN = round(NOVEMBER.timestamp() * 1000) - 3 * DAY
TICKS = 35 * DAY // STEP
NIGHT = Mute(schedule="0 2 * * 0", duration=3600)
SLOS = {
    "web": Slo.model_validate({"service": "web", "objective": "99.5%"}),
    "quiet": Slo.model_validate({"service": "web", "objective": "99.5%", "exclude": "night"}),
    "perfect": Slo.model_validate({"service": "web", "objective": "100%"}),
}
STATUSES = ("200", "404", "500", "503")


@dataclass
class Month:
    """What really happened: requests by status, and what counters say of them."""

    seed: int = 7
    events: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        rates = np.array([100, 5, 0.2, 0.1])
        self.events = rng.poisson(rates, (TICKS, len(STATUSES)))
        outage = (BEGIN + np.arange(TICKS) * STEP) // DAY == BEGIN // DAY + 12
        self.events[outage, 3] += 10
        self.events[: 4 * DAY // STEP, 3] = 0  # its counter is not there at first
        self.events[0] = 0
        # Far enough from each other: nobody sees a counter begin again that had counted nothing.
        self.restarts = set(rng.choice(np.arange(450, TICKS, 150), 6, replace=False).tolist())
        """Of the gateway: its counters begin again."""

    def samples(self) -> Sequence[list[Sample]]:
        """What the gateway tells each half hour."""
        told: list[list[Sample]] = []
        sums, seen = np.zeros(len(STATUSES)), np.zeros(len(STATUSES), dtype=bool)
        for tick in range(TICKS):
            if tick in self.restarts:
                sums[:] = 0
            sums += self.events[tick]
            seen |= (self.events[tick] > 0) | (np.array(STATUSES) == "200")
            rows = zip(STATUSES, sums, seen, strict=True)
            told.append([_hits(status, value) for status, value, is_there in rows if is_there])
        return told

    def counted(self, *, excluded: bool) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """By hand: the day each is counted on, one look late; good, bad, minutes excluded."""
        times = BEGIN + np.arange(TICKS) * STEP
        days = (times + STEP) // DAY
        weekday = ((times - 1) // DAY + 3) % 7  # Monday is 0
        hour = (times - 1) % DAY // HOUR
        away = (weekday == 6) & (hour == 2) & excluded
        good, bad = self.events[:, :2].sum(axis=1), self.events[:, 2:].sum(axis=1)
        figures = np.stack(
            [np.where(away, 0, good), np.where(away, 0, bad), away * (STEP / 60_000)], axis=1
        )
        return days, figures


def _hits(status: str, value: float) -> Sample:
    labels = {"service": "web", "status": status}
    return Sample(Series.of("intertie_http_requests_total", labels), float(value))


def _recorder(ring: Ring) -> SloRecorder:
    return SloRecorder(SLOS, ring, mute={"night": NIGHT}, interval_s=STEP / 1000)


async def live(store: DuckStore, told: Sequence[list[Sample]], restarts: Sequence[int]) -> None:
    """Look each half hour; the suite is started anew at some."""
    ring = Ring()
    recorder = _recorder(ring)
    for tick, samples in enumerate(told):
        at_ms = BEGIN + tick * STEP
        if tick in restarts:
            ring = Ring()
            recorder = _recorder(ring)
            await recorder.restore(store, at_ms)
        batch = [*samples, *await recorder.collect(at_ms)]
        ring.append(at_ms, batch)
        await store.append(at_ms, batch)
        if tick % (DAY // STEP) == 0:
            await store.retain(at_ms)


@pytest.mark.slow
async def test_the_report_of_a_month_is_what_happened_in_it(tmp_path: Path) -> None:
    """To the last request, by day, over restarts of both, long after the samples are gone."""
    month = Month()
    async with DuckStore.open(tmp_path / "metrics.duckdb") as store:
        await live(store, month.samples(), restarts=[300, 700, 701, 1500])
        now = datetime(2026, 12, 20, tzinfo=UTC)
        await store.retain(round(now.timestamp() * 1000))
        assert (await store.stats()).samples == 0
        report = await month_report(SLOS, store, "2026-11", now=now)

    assert (report.since, report.until, report.complete) == (NOVEMBER, DECEMBER, True)
    for each in report.objectives:
        days, figures = month.counted(excluded=each.name == "quiet")
        expected = [figures[days == _number(day.day)].sum(axis=0) for day in each.days]
        got = [(day.good, day.bad, day.excluded_minutes) for day in each.days]
        np.testing.assert_array_equal(got, expected)
        good, bad, minutes = np.sum(expected, axis=0)
        assert (each.good, each.total, each.excluded_minutes) == (good, good + bad, minutes)
        assert each.achieved is not None
        assert each.achieved == 100 * good / (good + bad)
        assert each.met == (each.achieved >= each.objective)
        assert each.worst_days[0].day == date(2026, 11, 10)
        assert each.evidence.samples == 30 * DAY // STEP
        assert (each.evidence.hours, each.evidence.missing_hours) == (720, 0)
        assert each.evidence.restarts == 0
    perfect, quiet, web = report.objectives
    assert (perfect.budget.used_share, perfect.budget.allowed) == (None, 0)
    assert quiet.excluded_minutes == 300
    assert web.budget.used_share == pytest.approx(web.budget.used / (0.005 * web.total))
    assert sum(day.budget_share or 0 for day in web.days) == pytest.approx(web.budget.used_share)


def _number(day: date) -> int:
    return (day - date(1970, 1, 1)).days


async def test_a_month_so_far_ends_now(tmp_path: Path) -> None:
    """And tells of the hours in which nobody measured."""
    now = datetime(2026, 11, 2, 12, tzinfo=UTC)
    start = round(NOVEMBER.timestamp() * 1000)
    async with DuckStore.open(tmp_path / "metrics.duckdb") as store:
        for hour in (*range(-2, 5), *range(10, 36)):
            kept = [
                Sample(Series.of(GOOD, {"slo": "web"}), 99.0 * (hour + 2)),
                Sample(Series.of(TOTAL, {"slo": "web"}), 100.0 * (hour + 2)),
            ]
            await store.append(start + hour * HOUR, kept)
        report = await month_report({"web": SLOS["web"]}, store, "2026-11", now=now)

    (web,) = report.objectives
    assert (report.complete, report.until) == (False, now)
    assert [day.total for day in web.days] == [2400, 1200]
    assert web.evidence.missing_hours == 5
    assert web.met is False


async def test_a_month_without_anything_promises_nothing_false(tmp_path: Path) -> None:
    """Neither kept nor missed."""
    async with DuckStore.open(tmp_path / "metrics.duckdb") as store:
        report = await month_report(SLOS, store, "2026-10", now=NOVEMBER)

    assert [(each.met, each.achieved, each.total) for each in report.objectives] == [
        (None, None, 0)
    ] * 3
    assert report.objectives[0].evidence.missing_hours == 744


@pytest.mark.parametrize("text", ["2026-13", "2026", "26-11", "2026-11-01", "<b>"])
async def test_what_is_no_month_is_refused(tmp_path: Path, text: str) -> None:
    """With one that is."""
    with pytest.raises(IntertieError, match="such as 2026-11"):
        month_of(text)


async def test_a_month_to_come_has_no_report(tmp_path: Path) -> None:
    """Nothing has happened in it."""
    async with DuckStore.open(tmp_path / "metrics.duckdb") as store:
        with pytest.raises(NotFoundError, match="has not begun yet"):
            await month_report(SLOS, store, "2026-12", now=NOVEMBER)


async def test_only_what_is_in_the_span_is_counted(tmp_path: Path) -> None:
    """From whole hours on, for each objective by itself."""
    start = round(NOVEMBER.timestamp() * 1000)
    async with DuckStore.open(tmp_path / "metrics.duckdb") as store:
        for hour in range(-5, 10):
            kept = [
                Sample(Series.of(TOTAL, {"slo": name}), rate * (hour + 5))
                for name, rate in (("a", 1.0), ("b", 10.0))
            ]
            await store.append(start + hour * HOUR, kept)
        found = await count(store, NOVEMBER, datetime(2026, 11, 1, 5, tzinfo=UTC))

    assert {name: each[TOTAL].sum for name, each in found.items()} == {"a": 5, "b": 50}


def aggregated(values: Sequence[Sequence[float]]) -> tuple[Aggregate, Aggregate, Aggregate]:
    """What a store tells of hours with these samples."""
    times = np.arange(len(values), dtype=np.int64) * HOUR
    series = Series.of(TOTAL)
    high, low, number = (
        np.array([function(each) for each in values], dtype=np.float64)
        for function in (max, min, len)
    )
    return (
        Aggregate(series, "max", times, high, True),
        Aggregate(series, "min", times, low, True),
        Aggregate(series, "count", times, number, True),
    )


@given(
    st.lists(st.lists(st.integers(0, 50), min_size=1, max_size=6), min_size=1, max_size=12),
    st.integers(0, 80),
)
def test_hours_add_up_to_the_whole_over_a_restart(grown: list[list[int]], restart: int) -> None:
    """Of the count itself, as long as it does not overtake its old self within that hour.

    Nor is it in the first hour, of which nobody knows what it began with.
    """
    values: list[list[float]] = []
    at = total = largest = place = 0
    for hour in grown:
        values.append([])
        for step in hour:
            began_again = place == restart >= len(grown[0])
            at = 0 if began_again else at + step
            total += 0 if began_again or place == 0 else step
            at = step if place == 0 else at
            values[-1].append(float(at))
            largest = max(largest, at)
            place += 1
    # a whole hour after it at the end, so that nothing is told late
    values.append([float(at)])

    found = hourly(*aggregated(values), start_ms=0)

    flat = [each for hour in values for each in hour]
    overtook = any(b < a for a, b in pairwise(flat)) and at >= max(flat[:restart])
    if not overtook:
        assert found.sum == total
    assert found.sum <= total
    assert found.samples == len(flat)
