"""Many moments at once give what each of them gives by itself."""

from random import Random

import numpy as np
import pytest

from intertie.monitor.replay_ahead import ahead
from intertie.monitor.rule_query import over
from intertie.monitor.rule_tests import MemorySource
from intertie.monitor.sample import STALE, Found, Series

pytestmark = pytest.mark.anyio

STEP_MS, TICKS = 15_000, 2_600
EXPRESSIONS = (
    "a > 0.5",
    "sum by (job) (rate(a[2m])) > 0",
    "a > 0.9 or b < 0.1",
    "absent(b)",
    "max_over_time(b[5m]) - b offset 3m > 0.2",
    "vector(1)",
    "a @ 30 > 0",
    "a * on (job) b > 0.5",
)


def random_source(rng: Random) -> MemorySource:
    """With gaps, ends, and times without anything."""
    found: list[Found] = []
    for name, job in (("a", "x"), ("a", "y"), ("b", "x"), ("c", "x")):
        kept = [n for n in range(0, TICKS, 2) if rng.random() > 0.1 and not 900 < n < 1100]
        values = [STALE if rng.random() < 0.05 else rng.random() for _ in kept]
        times = np.array([n * STEP_MS // 2 for n in kept], dtype=np.int64)
        found.append(Found(Series.of(name, {"job": job}), times, np.array(values)))
    return MemorySource(found)


@pytest.mark.parametrize("expr", EXPRESSIONS)
async def test_values_are_those_of_one_look_at_a_time(expr: str) -> None:
    """Also where there is nothing to read, which is not the same as no value."""
    source = random_source(Random(11))  # noqa: S311 — made-up samples
    end_ms = TICKS * STEP_MS
    single, quick = over(source), ahead(source, step_ms=STEP_MS, end_ms=end_ms)

    for at_ms in range(0, end_ms + 1, STEP_MS):
        wanted, got = await single(expr, at_ms), await quick(expr, at_ms)

        assert (wanted is None) == (got is None), at_ms
        assert dict(got or ()) == pytest.approx(dict(wanted or ())), at_ms
