from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from intertie.errors import StoreError
from intertie.monitor import duck_read
from intertie.monitor.duck import DuckStore
from intertie.monitor.sample import STALE, Matcher, Sample, Series
from intertie.monitor.store import STEP_MS, Summary
from intertie.suite.monitoring import Retention, Step

pytestmark = pytest.mark.anyio

DAY = 86_400_000
BEGIN = 20_000 * DAY
EVERY_MS = 150_000
SERIES = [Series.of("latency", {"service": name}) for name in ("api", "db", "web")]
FUNCTIONS: tuple[Summary, ...] = ("avg", "max", "min", "95percentile", "count", "sum")
NUMPY: Mapping[Summary, Callable[[NDArray[np.float64]], float]] = {
    "avg": lambda values: float(values.mean()),
    "max": lambda values: float(values.max()),
    "min": lambda values: float(values.min()),
    "95percentile": lambda values: float(np.percentile(values, 95)),
    "count": len,
    "sum": lambda values: float(values.sum()),
}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[DuckStore]:
    """An empty one that keeps samples for one day, and what is rolled up for ever."""
    ever = 3_650 * 86_400.0
    kept = Retention(high_resolution=86_400.0, medium_resolution=ever, low_resolution=ever)
    async with DuckStore.open(tmp_path / "metrics.duckdb", retention=kept) as opened:
        yield opened


async def _filled(store: DuckStore, days: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Bursts and quiet times, different for each series; a third of the series is not there."""
    random = np.random.default_rng(7)
    times = np.arange(BEGIN, BEGIN + days * DAY, EVERY_MS)
    values = random.lognormal(3, 1 + np.sin(times[:, None] / 7e6), (len(times), len(SERIES)))
    values[random.random(values.shape) < 0.3] = STALE
    for at, row in zip(times.tolist(), values.tolist(), strict=True):
        await store.append(at, [Sample(*pair) for pair in zip(SERIES, row, strict=True)])
    return times, values


async def _agrees(
    store: DuckStore, step: Step, times: NDArray[np.int64], values: NDArray[np.float64]
) -> None:
    found = await store.aggregate([], BEGIN - 1, int(times[-1]), step=step, functions=FUNCTIONS)
    starts = times - times % STEP_MS[step]

    assert [(each.series, each.function) for each in found] == [
        (series, function) for series in SERIES for function in FUNCTIONS
    ]
    for each in found:
        column = values[:, SERIES.index(each.series)]
        there = ~np.isnan(column)
        wanted = [
            (start, NUMPY[each.function](column[there & (starts == start)]))
            for start in np.unique(starts[there]).tolist()
        ]
        assert each.exact
        assert each.times.tolist() == [start for start, _ in wanted]
        # numpy interpolates from the nearer neighbour, which may differ in the last digit
        np.testing.assert_allclose(each.values, [value for _, value in wanted], rtol=1e-14)


@pytest.mark.slow
async def test_every_tier_agrees_with_numpy_on_the_samples(store: DuckStore) -> None:
    """Before and after it is rolled up, and when the samples are gone."""
    times, values = await _filled(store, days=2)
    steps: tuple[Step, ...] = ("1m", "5m", "1h", "1d")
    for step in steps:
        await _agrees(store, step, times, values)

    await store.retain(BEGIN + DAY + DAY // 2)  # half is rolled up, nothing is old
    for step in steps:
        await _agrees(store, step, times, values)

    removed = await store.retain(BEGIN + 4 * DAY)
    assert removed.samples == len(times) * len(SERIES)
    for step in steps[1:]:
        await _agrees(store, step, times, values)
    assert not await store.aggregate([], BEGIN, BEGIN + DAY, step="1m", functions=["avg"])


async def test_intervals_are_whole_and_in_reach(store: DuckStore) -> None:
    """An interval that is only touched is told as a whole; the start itself is not in reach."""
    for minute in range(4):
        await store.append(BEGIN + minute * 60_000 + 30_000, [Sample(SERIES[0], float(minute))])

    async def told(start: int, end: int) -> list[int]:
        found = await store.aggregate([], start, end, step="1m", functions=["max"])
        return [int(value) for each in found for value in each.values]

    assert await told(BEGIN + 59_999, BEGIN + 120_000) == [1, 2]
    assert await told(BEGIN + 60_001, BEGIN + 60_002) == [1]
    assert await told(BEGIN + 60_001, BEGIN + 60_001) == []
    assert await told(BEGIN, BEGIN - 5) == []


async def test_what_is_no_number_is_in_no_summary(store: DuckStore) -> None:
    """Stale markers and other NaNs; infinities are numbers."""
    for place, value in enumerate([1.0, STALE, float("nan"), 3.0]):
        await store.append(BEGIN + place, [Sample(SERIES[0], value)])
    await store.append(BEGIN, [Sample(SERIES[1], float("nan")), Sample(SERIES[2], float("inf"))])

    found = await store.aggregate([], BEGIN - 1, BEGIN, step="5m", functions=["count", "max"])

    told = [(each.series, each.function, each.values.tolist()) for each in found]
    assert told == [
        (SERIES[0], "count", [2.0]),
        (SERIES[0], "max", [3.0]),
        (SERIES[2], "count", [1.0]),
        (SERIES[2], "max", [float("inf")]),
    ]


async def test_only_what_fits_is_read(store: DuckStore) -> None:
    """From samples and from tiers."""
    await store.append(BEGIN, [Sample(each, 1.0) for each in SERIES])
    matchers = [Matcher("service", "!=", "db")]
    wanted = [SERIES[0], SERIES[2]]

    async def told() -> list[Series]:
        asked = (matchers, BEGIN - 1, BEGIN)
        return [each.series for each in await store.aggregate(*asked, step="1h", functions=["sum"])]

    assert [each.series for each in await store.select(matchers, 0, BEGIN)] == wanted
    assert await told() == wanted
    await store.retain(BEGIN + DAY)
    assert await told() == wanted


async def test_many_samples_are_summarised_in_slices(
    store: DuckStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same result as at once."""
    random = np.random.default_rng(3)
    values = random.normal(size=(50, len(SERIES)))
    for place, row in enumerate(values.tolist()):
        await store.append(BEGIN + place, [Sample(*pair) for pair in zip(SERIES, row, strict=True)])
    monkeypatch.setattr(duck_read, "SLICE", 40)

    found = await store.aggregate([], BEGIN - 1, BEGIN, step="5m", functions=["95percentile"])

    told = [each.values[0] for each in found]
    np.testing.assert_allclose(told, np.percentile(values, 95, axis=0), rtol=1e-14)


async def test_more_than_fits_into_memory_is_refused(
    store: DuckStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it is read, with what to do; a long time with little in it is no matter."""
    for place in range(20):
        await store.append(BEGIN + place, [Sample(each, 1.0) for each in SERIES])
    (found,) = await store.aggregate(
        [Matcher("service", "=", "db")], 0, BEGIN + DAY, step="1m", functions=["count"]
    )
    assert found.values.tolist() == [20.0]
    monkeypatch.setattr(duck_read, "MAX_READ", 50)

    with pytest.raises(StoreError, match=r"cannot read samples: 60 .* fewer series"):
        await store.select([], 0, BEGIN + DAY)
    with pytest.raises(StoreError, match=r"cannot read intervals: 60 .* wider steps"):
        await store.aggregate([], 0, BEGIN + DAY, step="1m", functions=["avg"])
