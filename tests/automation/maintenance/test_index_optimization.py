import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from intertie.automation.maintenance.index_optimization import IndexOptimization
from intertie.errors import StoreError
from intertie.monitor.duck import DuckStore
from intertie.monitor.sample import Sample, Series
from tests.automation.maintenance.stage import staged

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


def database(path: Path) -> Path:
    """With a table and an index."""
    with closing(sqlite3.connect(path)) as made:
        made.executescript("CREATE TABLE a (b); CREATE INDEX c ON a (b); INSERT INTO a VALUES (1)")
    return path


async def test_databases_are_tended_by_a_process_of_its_own(tmp_path: Path) -> None:
    """Their planner knows what is in them then."""
    async with staged(tmp_path) as around:
        file = database(around.state.database)
        done = await IndexOptimization().run(around)

    with closing(sqlite3.connect(file)) as made:
        assert made.execute("SELECT count(*) FROM sqlite_stat1").fetchone() == (1,)
    assert (done.changed, done.faults) == (1, ())


async def test_the_store_of_samples_is_compacted(tmp_path: Path) -> None:
    """By who has it open: what is in it stays."""
    async with staged(tmp_path) as around:
        file = around.state.monitoring / "metrics.duckdb"
        async with DuckStore.open(file) as store:
            await store.append(1000, [Sample(Series.of("up"), 1.0)])
            done = await IndexOptimization().run(replace(around, compact=store.compact))
            assert (await store.stats()).samples == 1

    assert (done.changed, done.faults) == (1, ())
    assert done.told.endswith("; the store of samples compacted")


async def broken() -> None:
    """The store cannot be written."""
    raise StoreError("cannot compact the store")


async def test_a_store_that_cannot_be_compacted_is_told(tmp_path: Path) -> None:
    """The databases were tended all the same."""
    async with staged(tmp_path) as around:
        database(around.state.database)
        done = await IndexOptimization().run(replace(around, compact=broken))

    assert (done.changed, done.faults) == (1, ("cannot compact the store",))
