"""What is told before is what the real store and the real ring take."""

import gc
import tracemalloc
from pathlib import Path
from random import Random

import pytest

from intertie.monitor.cost import FILE_BYTES, cost, ring_bytes, tier_bytes
from intertie.monitor.duck import DuckStore
from intertie.monitor.ring import Ring
from intertie.monitor.sample import Sample, Series
from intertie.suite.model import Suite
from intertie.suite.monitoring import Monitoring, Retention

pytestmark = pytest.mark.anyio

FACTOR = 2.0
SERIES, HOURS, STEP_S = 300, 30, 60
DAY_MS = 86_400_000


def samples(rng: Random, tick: int) -> list[Sample]:
    """Of a machine: some grow, some wander, some stand still."""
    kinds = (lambda n: float(tick * n), lambda n: rng.gauss(n, 5.0), float)
    return [
        Sample(Series.of(f"m{n % 20}", {"service": f"s{n}"}), kinds[n % 3](n))
        for n in range(SERIES)
    ]


@pytest.mark.slow
async def test_a_real_store_takes_what_was_told(tmp_path: Path) -> None:
    """On the disk, within a factor of two."""
    rng = Random(7)  # noqa: S311 — made-up samples
    kept = Retention()
    async with DuckStore.open(tmp_path / "m.db", retention=kept, max_series=1000) as store:
        for tick in range(HOURS * 3600 // STEP_S):
            await store.append(20_000 * DAY_MS + tick * STEP_S * 1000, samples(rng, tick))
        await store.retain(20_000 * DAY_MS + HOURS * 3_600_000)
        await store.compact()
        real = (await store.stats()).size_bytes

    span = HOURS * 3600.0
    so_long = Retention(high_resolution=span, medium_resolution=span, low_resolution=span)
    told = tier_bytes(SERIES, Monitoring.model_validate({"metrics_collection": {"interval": 60}}))
    config = Monitoring.model_validate(
        {"metrics_collection": {"interval": STEP_S, "retention": so_long.model_dump()}}
    )
    foreseen = sum(tier_bytes(SERIES, config).values()) + FILE_BYTES

    assert real / FACTOR <= foreseen <= real * FACTOR, (real, foreseen)
    assert told["raw"] > told["1d"]


def test_a_real_ring_takes_what_was_told() -> None:
    """In memory, within a factor of two."""
    rng = Random(7)  # noqa: S311 — made-up samples
    gc.collect()
    tracemalloc.start()
    ring = Ring(3_600_000)
    for tick in range(60):
        ring.append(20_000 * DAY_MS + tick * STEP_S * 1000, samples(rng, tick))
    gc.collect()
    real, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    foreseen = ring_bytes(SERIES, STEP_S)

    assert real / FACTOR <= foreseen <= real * FACTOR, (real, foreseen)


def test_more_of_a_suite_takes_more() -> None:
    """Each part is told with what was assumed; what is kept is never more than it may be."""
    bare = Suite.model_validate(
        {"suite": "a", "services": {"a": {"command": "true"}}, "monitoring": {}}
    )
    more = Suite.model_validate(
        {
            "suite": "a",
            "services": {"a": {"command": "true", "replicas": 3, "port": "auto"}},
            "gateway": {"routes": [{"path": "/", "service": "a"}]},
            "bus": {"topics": {"orders.paid": {}}},
            "monitoring": {
                "metrics_collection": {
                    "interval": 1,
                    "scrape": {"a": {"service": "a"}},
                    "retention": {"max_size": "1m"},
                },
                "metrics": {"revenue": {"labels": {"shop": "shop"}}},
                "slo": {"web": {"service": "a", "objective": "99%"}},
            },
        }
    )

    small, large = (cost(each, machine_series=10) for each in (bare, more))

    assert small.series < large.series
    assert small.samples_per_s == small.series / 60
    assert large.disk_bytes == 1 << 20
    told = {each.source: each for each in large.parts}
    assert told["scrape"].series == 3 * 104
    assert told["scrape"].assumed == "100 series a page"
    assert told["metric revenue"].series == 10
    assert {"gateway", "gateway: services", "gateway: routes", "bus", "objectives"} <= told.keys()
