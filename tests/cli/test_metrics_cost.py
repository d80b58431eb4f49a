"""`metrics cost`, before the suite runs and beside it."""

from math import inf
from pathlib import Path

import pytest

from tests.app.monitored import monitored
from tests.e2e.shop import until

pytestmark = pytest.mark.slow

FACTOR = 2.0


def test_what_is_told_before_is_what_a_running_suite_keeps(tmp_path: Path) -> None:
    """Series within a factor of two, once requests have come; the page's own are told."""
    with monitored(tmp_path) as made:
        bench = made.bench

        def ratio() -> float:
            found = bench.ok("metrics", "cost", "--page-series", "1", "--json").json()
            kept = found["running"]["series"] if found["running"] else 0
            return float(found["series"] / kept) if kept else inf

        until(lambda: 1 / FACTOR <= ratio() <= FACTOR)
        shown = bench.ok("metrics", "cost").out
        bench.ok("down")
        still = bench.ok("metrics", "cost", "--json").json()

    assert "100 series a page" in shown
    assert "now " in shown
    assert still["running"] is None
    assert still["samples_per_s"] == still["series"]
