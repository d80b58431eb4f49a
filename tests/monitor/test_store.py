from itertools import pairwise
from pathlib import Path

import pytest

from intertie.monitor.duck import DuckStore
from intertie.monitor.sample import Sample, Series, Source
from intertie.monitor.store import STEP_MS, MetricsStore

pytestmark = pytest.mark.anyio


def test_each_step_is_a_part_of_the_next() -> None:
    """So that an interval never lies in two wider ones."""
    lengths = list(STEP_MS.values())

    assert all(wide % narrow == 0 for narrow, wide in pairwise(lengths))


async def test_a_store_is_a_source_of_samples(tmp_path: Path) -> None:
    """Queries read the store as they read the ring of the newest samples."""
    async with DuckStore.open(tmp_path / "metrics.duckdb") as store:
        port: MetricsStore = store
        source: Source = port
        await port.append(1_000, [Sample(Series.of("up"), 1.0)])

        (found,) = await source.select([], 0, 1_000)

    assert found.values.tolist() == [1.0]
