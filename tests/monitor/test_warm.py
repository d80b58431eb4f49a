"""What a ring has after a restart."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from intertie.errors import StoreError
from intertie.monitor.duck import DuckStore
from intertie.monitor.ring import Ring
from intertie.monitor.sample import Found, Matcher, Sample, Series
from intertie.monitor.warm import SLICE_MS, warm

pytestmark = pytest.mark.anyio

UP, DOWN = Series.of("up"), Series.of("down")
MINUTE = 60_000
NOW = 1_000 * MINUTE


class Broken:
    """A store that can be read no further back than one slice."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring

    async def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int
    ) -> Sequence[Found]:
        """As Source."""
        if end_ms < NOW:
            raise StoreError("cannot read")
        return await self._ring.select(matchers, start_ms, end_ms)


async def test_the_ring_has_what_the_store_kept(tmp_path: Path) -> None:
    """All series, each sample once, in order, and what comes then beside it."""
    ring = Ring(120 * MINUTE)
    async with DuckStore.open(tmp_path / "m.duckdb") as store:
        for minute in range(900, 1001):
            series = UP if minute % 2 else DOWN
            await store.append(minute * MINUTE, [Sample(series, float(minute))])
        since_ms = await warm(ring, store, now_ms=NOW, span_ms=60 * MINUTE)
    ring.append(NOW + MINUTE, [Sample(UP, 1.0)])

    down, up = await ring.select((), since_ms, NOW + MINUTE)

    assert since_ms == NOW - 60 * MINUTE
    assert up.times.tolist() == [m * MINUTE for m in (*range(941, 1000, 2), 1001)]
    assert down.times.tolist() == [m * MINUTE for m in range(942, 1001, 2)]
    assert up.values[-2] == 999.0


async def test_what_cannot_be_read_stays_with_the_store() -> None:
    """The moment it tells is where reading ended."""
    ring, kept = Ring(), Ring()
    kept.append(NOW, [Sample(UP, 1.0)])

    since_ms = await warm(ring, Broken(kept), now_ms=NOW, span_ms=60 * MINUTE)

    assert since_ms == NOW - SLICE_MS
    assert len(ring) == 1
