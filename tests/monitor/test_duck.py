import os
import random
import signal
import struct
import subprocess
import sys
from pathlib import Path

import anyio
import numpy as np
import pytest

from intertie.errors import StoreError
from intertie.monitor.duck import DuckStore
from intertie.monitor.sample import STALE, Matcher, Sample, Series, is_stale
from intertie.suite.monitoring import Retention

pytestmark = pytest.mark.anyio

UP = Series.of("up", {"service": "web"})
LOAD = Series.of("load")
TEN_MINUTES = 600_000
EVER = Retention(high_resolution=3_650 * 86_400.0)
KILLS = int(os.environ.get("INTERTIE_KILLS", "5"))
WRITER = """
import sys
from pathlib import Path
import anyio
from intertie.monitor.duck import DuckStore
from intertie.monitor.sample import Sample, Series
from intertie.suite.monitoring import Retention

SERIES = [Series.of("tick", {"place": str(place)}) for place in range(40)]

async def main(path, tick):
    async with DuckStore.open(path, retention=Retention(high_resolution=3_650 * 86_400.0)) as store:
        while True:
            await store.append(tick * 600_000, [Sample(each, float(tick)) for each in SERIES])
            print(tick, flush=True)
            if tick % 5 == 0:
                await store.retain(tick * 600_000)
            if tick % 40 == 0:
                await store.compact()
            tick += 1

anyio.run(main, Path(sys.argv[1]), int(sys.argv[2]))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a store is to be made."""
    return tmp_path / "metrics.duckdb"


async def test_random_samples_come_back(path: Path) -> None:
    """Bit by bit, in order, over a restart; whatever order they came in."""
    random_numbers = np.random.default_rng(1)
    series = [Series.of("m", {"place": str(place)}) for place in range(7)]
    kept: dict[Series, dict[int, float]] = {each: {} for each in series}
    async with DuckStore.open(path) as store:
        for at in random_numbers.permutation(60).tolist():
            chosen = [each for each in series if random_numbers.random() < 0.6]
            batch = [Sample(each, random_numbers.normal() * 10.0 ** (at * 3)) for each in chosen]
            await store.append(1_000 + at, batch)
            for sample in batch:
                kept[sample.series][1_000 + at] = sample.value
    async with DuckStore.open(path) as store:
        found = await store.select([], 999, 1_059)

    assert [each.series for each in found] == series
    for each in found:
        assert each.times.tolist() == sorted(kept[each.series])
        assert each.values.tolist() == [kept[each.series][at] for at in each.times.tolist()]


async def test_what_is_no_number_comes_back(path: Path) -> None:
    """A stale marker with each of its bits, and other NaNs as no marker."""
    told = [STALE, float("nan"), float("inf"), float("-inf"), -0.0]
    async with DuckStore.open(path) as store:
        for at, value in enumerate(told):
            await store.append(at, [Sample(UP, value)])
        (found,) = await store.select([], -1, 10)

    bits = [struct.pack("<d", value) for value in found.values.tolist()]
    assert bits[0] == struct.pack("<d", STALE)
    assert np.isnan(found.values[1])
    assert not is_stale(found.values[1])
    assert bits[2:] == [struct.pack("<d", value) for value in told[2:]]


async def test_the_start_is_left_out_and_the_end_is_not(path: Path) -> None:
    """As ranges are in PromQL; a series without samples in it is not told."""
    async with DuckStore.open(path) as store:
        await store.append(50, [Sample(LOAD, 0.0)])
        for at in (100, 200, 300):
            await store.append(at, [Sample(UP, at)])

        (found,) = await store.select([], 100, 300)

        assert found.times.tolist() == [200, 300]
        assert not await store.select([], 300, 100)
        assert not await store.select([Matcher("__name__", "=", "none")], 0, 300)


async def test_new_series_beyond_the_limit_are_refused(path: Path) -> None:
    """The culprit is named; what is known goes on, also after a restart."""
    flood = [Sample(Series.of("flood", {"id": str(number)}), 1.0) for number in range(10)]
    async with DuckStore.open(path, max_series=3) as store:
        await store.append(1, [Sample(UP, 1.0), Sample(LOAD, 1.0)])
        await store.append(2, [*flood, Sample(UP, 2.0)])
        await store.append(3, flood[5:])
        assert store.refused == {"flood": 14}
    async with DuckStore.open(path, max_series=3) as store:
        await store.append(4, [*flood, Sample(LOAD, 4.0)])

        assert store.refused == {"flood": 9}
        assert (await store.stats()).series == 3
        assert [len(each.times) for each in await store.select([], 0, 9)] == [2, 2, 2]


async def test_what_is_known_can_be_listed(path: Path) -> None:
    """Names, labels with their values, and series up to a limit."""
    api = Series.of("up", {"service": "api"})
    async with DuckStore.open(path) as store:
        await store.append(1, [Sample(each, 1.0) for each in (UP, LOAD, api)])

        assert await store.names() == ["load", "up"]
        assert await store.labels("up") == {"service": ["api", "web"]}
        assert await store.labels("none") == {}
        assert await store.series([Matcher("__name__", "=", "up")], 10) == [api, UP]
        assert await store.series([], 1) == [LOAD]


async def test_a_snapshot_can_be_opened_while_the_store_is_used(path: Path, tmp_path: Path) -> None:
    """It has what was there, and both go on alone."""
    async with DuckStore.open(path) as store:
        await store.append(1, [Sample(UP, 1.0)])
        copied = await store.snapshot(tmp_path / "copies")
        await store.append(2, [Sample(UP, 2.0)])
        async with DuckStore.open(copied) as copy:
            await copy.append(3, [Sample(LOAD, 3.0)])

            found = await copy.select([], 0, 9)

        assert [(each.series, each.times.tolist()) for each in found] == [(LOAD, [3]), (UP, [1])]
        assert (await store.stats()).samples == 2


async def test_an_empty_store_answers(path: Path) -> None:
    """With nothing, not with errors."""
    async with DuckStore.open(path) as store:
        await store.append(5, [])
        await store.retain(10**12)
        await store.compact()

        stats = await store.stats()
        assert (stats.series, stats.samples, stats.oldest_ms) == (0, 0, None)
        assert await store.aggregate([], 0, 5, step="1m", functions=["avg"]) == []
        assert 0 <= store.fullness < 0.01


async def test_a_cancelled_call_leaves_the_store_in_use(path: Path) -> None:
    """What was begun is ended, and nothing is half there."""
    series = [Series.of("m", {"place": str(place)}) for place in range(500)]
    async with DuckStore.open(path) as store:
        for at in range(20):
            with anyio.CancelScope() as scope:
                async with anyio.create_task_group() as group:
                    group.start_soon(store.append, at, [Sample(each, 1.0) for each in series])
                    await anyio.lowlevel.checkpoint()
                    scope.cancel()
        await store.append(20, [Sample(each, 1.0) for each in series])

        moments = {tuple(each.times.tolist()) for each in await store.select([], -1, 99)}

    assert len(moments) == 1


async def test_a_broken_disk_is_told(path: Path, tmp_path: Path) -> None:
    """As an error of the store, with the file it is about."""
    (tmp_path / "copies").write_text("not a folder")
    async with DuckStore.open(path) as store:
        with pytest.raises(StoreError, match=r"cannot use .*metrics\.duckdb"):
            await store.snapshot(tmp_path / "copies")


async def test_packed_days_are_smaller_and_the_same(path: Path) -> None:
    """What series told stays, also what comes late."""
    series = [Series.of("m", {"place": str(place)}) for place in range(20)]
    async with DuckStore.open(path) as store:
        for hour in range(50):
            await store.append(6 * hour * TEN_MINUTES, [Sample(each, hour) for each in series])
        before = await store.select([], -1, 10**12)

        await store.compact()
        await store.append(TEN_MINUTES + 1, [Sample(series[0], 7.0)])

        after = await store.select([], -1, 10**12)
        assert [each.values.tolist() for each in before[1:]] == [
            each.values.tolist() for each in after[1:]
        ]
        assert len(after[0].times) == 51


@pytest.mark.slow
@pytest.mark.timeout(60 + 20 * KILLS)
async def test_a_killed_writer_loses_no_tick_that_it_was_told_of(path: Path) -> None:
    """Nor is any tick half there, wherever it is killed: writing, rolling up or packing."""
    done = 0
    for _ in range(KILLS):
        done = _killed(path, done + 1, after=random.randint(5, 80))  # noqa: S311 — not a secret
        async with DuckStore.open(path, retention=EVER) as store:
            found = await store.select([], 0, 10**12)
            assert len(found) == 40
            last = len(found[0].times)
            assert last >= done
            for each in found:
                assert each.values.tolist() == list(map(float, range(1, last + 1)))
            done = last
    async with DuckStore.open(path, retention=EVER) as store:
        await store.retain((done + 1000) * TEN_MINUTES)
        for step in ("5m", "1h", "1d"):
            counts = await store.aggregate([], 0, 10**12 // 4, step=step, functions=["count"])
            assert {int(each.values.sum()) for each in counts} == {done}


def _killed(path: Path, first: int, *, after: int) -> int:
    """The last tick that a writer was told of before it was killed."""
    command = [sys.executable, "-c", WRITER, str(path), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(after)]
        writer.send_signal(signal.SIGKILL)
        return [*told, *map(int, writer.stdout.read().split())][-1]
