from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from intertie.monitor import duck_tiers
from intertie.monitor.duck import DuckStore
from intertie.monitor.duck_file import opened
from intertie.monitor.sample import Sample, Series
from intertie.monitor.store import Removed, Summary
from intertie.suite.monitoring import Retention, Step

pytestmark = pytest.mark.anyio

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
BEGIN = 20_000 * DAY
UP = Series.of("up")
LOAD = Series.of("load")


async def _told(
    store: DuckStore, step: Step, function: Summary, series: Series = UP
) -> Sequence[tuple[int, float]]:
    found = await store.aggregate([], BEGIN - 1, BEGIN + 400 * DAY, step=step, functions=[function])
    return [
        ((at - BEGIN) // MINUTE, value)
        for each in found
        if each.series == series
        for at, value in zip(each.times.tolist(), each.values.tolist(), strict=True)
    ]


async def _tick(store: DuckStore, after_ms: int, value: float, series: Series = UP) -> None:
    await store.append(BEGIN + after_ms, [Sample(series, value)])


async def test_late_samples_change_what_is_rolled_up(tmp_path: Path) -> None:
    """At once for those who read, and for good with the next roll-up; also over a restart."""
    path = tmp_path / "metrics.duckdb"
    async with DuckStore.open(path) as store:
        await _tick(store, 0, 1.0)
        await store.retain(BEGIN + 2 * DAY)
        await _tick(store, 60_000, 3.0)
        assert await _told(store, "1d", "sum") == [(0, 4.0)]
    async with DuckStore.open(path) as store:
        assert await _told(store, "5m", "sum") == [(0, 4.0)]
        await store.retain(BEGIN + 2 * DAY)
        await store.retain(BEGIN + 9 * DAY)
        assert (await store.stats()).samples == 0
        for step in ("5m", "1h", "1d"):
            assert await _told(store, step, "sum") == [(0, 4.0)]


async def test_a_late_sample_is_in_the_tiers_even_if_it_leaves_at_once(tmp_path: Path) -> None:
    """Rolled up before it is removed."""
    async with DuckStore.open(tmp_path / "metrics.duckdb") as store:
        await _tick(store, 0, 1.0)
        await store.retain(BEGIN + 2 * DAY)
        await _tick(store, 7 * HOUR, 3.0)

        await store.retain(BEGIN + 9 * DAY)

        assert await _told(store, "1h", "max") == [(0, 1.0), (7 * 60, 3.0)]
        assert await _told(store, "1d", "max") == [(0, 3.0)]


async def test_retaining_again_changes_nothing(tmp_path: Path) -> None:
    """It may be called at any time."""
    async with DuckStore.open(tmp_path / "metrics.duckdb") as store:
        for hour in range(60):
            await _tick(store, hour * HOUR, float(hour))
        now = BEGIN + 8 * DAY + HOUR
        first = await store.retain(now)
        tiers = [await _told(store, step, "95percentile") for step in ("5m", "1h", "1d")]

        again = await store.retain(now)

        assert (first.samples, again) == (24, Removed())
        assert tiers == [await _told(store, step, "95percentile") for step in ("5m", "1h", "1d")]
        assert [len(tier) for tier in tiers] == [60, 60, 3]


async def test_only_complete_intervals_are_rolled_up(tmp_path: Path) -> None:
    """The rest is computed from the samples, and both together are gapless."""
    with opened(tmp_path / "metrics.duckdb", max_series=1) as database:
        database.connection.execute(
            "INSERT INTO samples SELECT 1, 60000 * range, 1 FROM range(100)"
        )

        now = 61 * MINUTE
        duck_tiers.settle(database, now)

        sql = "SELECT count(*) FROM tier_{}"
        assert [database.number(sql.format(step)) for step in ("5m", "1h", "1d")] == [12, 1, 0]
        assert duck_tiers.next_span(database, "5m", now) is None


async def test_each_tier_leaves_when_it_is_due(tmp_path: Path) -> None:
    """Samples after seven days, five minutes after thirty, hours and days after a year."""
    async with DuckStore.open(tmp_path / "metrics.duckdb") as store:
        await _tick(store, 0, 1.0, LOAD)
        for day in range(32):
            await _tick(store, day * DAY, 1.0)

        removed = await store.retain(BEGIN + 32 * DAY)
        assert (removed.samples, (await store.stats()).oldest_ms) == (26, BEGIN + 25 * DAY)
        assert len(await _told(store, "5m", "avg")) == 30
        assert len(await _told(store, "1h", "avg")) == 32
        assert await _told(store, "1d", "avg", LOAD) == [(0, 1.0)]

        removed = await store.retain(BEGIN + 366 * DAY)
        assert removed.series == 1
        assert len(await _told(store, "1d", "avg")) == 31
        assert await store.names() == ["up"]


async def test_samples_of_a_removed_time_are_counted_not_kept(tmp_path: Path) -> None:
    """They could not be rolled up any more."""
    async with DuckStore.open(tmp_path / "metrics.duckdb") as store:
        await _tick(store, 0, 1.0)
        await store.retain(BEGIN + 9 * DAY)

        await _tick(store, HOUR, 5.0)

        assert store.late == 1
        assert await _told(store, "1d", "count") == [(0, 1.0)]


@pytest.mark.slow
async def test_a_store_stays_within_its_size(tmp_path: Path) -> None:
    """The oldest samples go first, a day and then an hour at a time; what they told remains."""
    path = tmp_path / "metrics.duckdb"
    kept = Retention(max_size=12 << 20)
    async with DuckStore.open(path, retention=kept) as store:
        await store.append(BEGIN, [Sample(UP, 0.0)])
    with opened(path, max_series=1) as database:  # 3 million at once, half a day and some
        database.connection.execute(
            "INSERT INTO samples SELECT 1, $begin + range * 20, random() FROM range(3_000_000)",
            {"begin": BEGIN},
        )
    async with DuckStore.open(path, retention=kept) as store:
        before = (await store.stats()).size_bytes
        assert store.fullness > 1

        removed = await store.retain(BEGIN + 17 * HOUR)

        after = await store.stats()
        assert after.size_bytes <= 12 << 20 < before
        assert 0 < store.fullness <= 1
        assert removed.samples + after.samples == 3_000_001
        assert after.samples > 1_000_000
        assert after.oldest_ms is not None
        assert (after.oldest_ms - BEGIN) % HOUR == 0
        assert sum(count for _, count in await _told(store, "1h", "count")) == 3_000_001


@pytest.mark.slow
async def test_a_day_of_which_samples_were_cut_is_marked(tmp_path: Path) -> None:
    """Its mean and extremes are right, its percentile is an estimate."""
    values = np.random.default_rng(5).lognormal(size=24 * 60)
    async with DuckStore.open(tmp_path / "metrics.duckdb") as store:
        await _tick(store, 0, values[0])
    with opened(tmp_path / "metrics.duckdb", max_series=1) as database:
        rest = [(BEGIN + minute * MINUTE, values[minute]) for minute in range(1, 24 * 60)]
        database.connection.executemany("INSERT INTO samples VALUES (1, ?, ?)", rest)
    async with DuckStore.open(tmp_path / "metrics.duckdb") as store:
        await store.retain(BEGIN + 12 * HOUR)
    with opened(tmp_path / "metrics.duckdb", max_series=1) as database:
        assert duck_tiers.remove_oldest(database, BEGIN + 12 * HOUR) == (60, 0)
    async with DuckStore.open(tmp_path / "metrics.duckdb") as store:
        assert await _told(store, "1d", "avg") == []
        await store.retain(BEGIN + DAY)

        functions: list[Summary] = ["avg", "max", "95percentile"]
        found = await store.aggregate([], BEGIN - 1, BEGIN, step="1d", functions=functions)

    assert [each.exact for each in found] == [True, True, False]
    told = [each.values[0] for each in found]
    np.testing.assert_allclose(told[:2], [values.mean(), values.max()])
    assert told[2] == pytest.approx(np.percentile(values, 95), rel=0.3)


def test_when_all_is_of_this_hour_nothing_may_go(tmp_path: Path) -> None:
    """Then a person must act."""
    with opened(tmp_path / "metrics.duckdb", max_series=1) as database:
        database.connection.execute("INSERT INTO samples VALUES (1, ?, 1.0)", [BEGIN])

        assert duck_tiers.remove_oldest(database, BEGIN + 1) is None


@pytest.mark.parametrize("slice_of", [4_000_000, 500])
def test_packing_changes_the_order_only(
    tmp_path: Path, slice_of: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closed days by series, in parts where there are many samples; the newest day stays."""
    monkeypatch.setattr(duck_tiers, "SLICE", slice_of)
    with opened(tmp_path / "metrics.duckdb", max_series=1) as database:
        run = database.connection.execute
        run("INSERT INTO samples SELECT s, 600000 * t, t FROM range(300) r(t), range(9) q(s)")
        rows = run("SELECT * FROM samples ORDER BY ALL").fetchall()

        while span := duck_tiers.next_pack(database):
            duck_tiers.pack(database, span)

        assert run("SELECT * FROM samples ORDER BY ALL").fetchall() == rows
        sql = "SELECT at_ms // ?, series_id FROM samples WHERE at_ms < ? ORDER BY rowid"
        packed = run(sql, [DAY if slice_of > 500 else HOUR, 2 * DAY]).fetchall()
        assert packed == sorted(packed)
        assert database.mark("sorted") == 2 * DAY
