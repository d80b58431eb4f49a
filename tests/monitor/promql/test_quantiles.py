import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.monitor.promql.quantiles import of_buckets, quantile


@given(st.lists(st.floats(-1e9, 1e9), min_size=1), st.floats(0, 1))
def test_a_quantile_is_that_of_numpy(values: list[float], q: float) -> None:
    """Linear between neighbours."""
    found = quantile(q, np.array(values))

    assert found == pytest.approx(float(np.quantile(values, q)), rel=1e-9, abs=1e-6)


@pytest.mark.parametrize(
    ("q", "values", "wanted"),
    [
        (-0.1, [1], -math.inf),
        (1.1, [1], math.inf),
        (math.nan, [1], math.nan),
        (0.5, [], math.nan),
        (1, [1, math.nan], 1),
        (0, [1, math.nan], math.nan),
    ],
)
def test_what_is_no_quantile(q: float, values: list[float], wanted: float) -> None:
    """As Prometheus says it; NaN counts as less than all."""
    np.testing.assert_equal(quantile(q, np.array(values, dtype=np.float64)), wanted)


HALF = [(1.0, 10.0), (2.0, 20.0), (math.inf, 20.0)]


@pytest.mark.parametrize(
    ("q", "buckets", "wanted"),
    [
        (0.25, HALF, 0.5),
        (0.75, HALF, 1.5),
        (1, HALF, 2),
        (0.9, [(1, 1), (math.inf, 10)], 1),
        (0.5, [(0, 5), (1, 5), (math.inf, 5)], 0),
        (0.5, [(-1, 0), (1, 10), (math.inf, 10)], 0),
        (0.5, [(1, 5), (1, 5), (math.inf, 10)], 0.5),
        (-1, HALF, -math.inf),
        (2, HALF, math.inf),
        (math.nan, HALF, math.nan),
        (0.5, [(1, 10), (2, 20)], math.nan),
        (0.5, [(math.inf, 20)], math.nan),
        (0.5, [(1, 0), (math.inf, 0)], math.nan),
        # The second count is too small by a moment: it is taken as 10.
        (0.75, [(1, 10), (2, 8), (4, 20), (math.inf, 20)], 3),
    ],
)
def test_a_quantile_of_buckets_lies_within_one(
    q: float, buckets: list[tuple[float, float]], wanted: float
) -> None:
    """As if its values were spread evenly; beyond the last edge nothing is known."""
    np.testing.assert_equal(of_buckets(q, reversed(buckets), closed=False), wanted)


def test_counts_that_differ_by_rounding_are_the_same() -> None:
    """Else the quantile would be in a bucket that has nothing; 2.42 did not see that."""
    buckets = [(1.0, 100.0), (9.0, 100.00000000001), (math.inf, 100.00000000001)]

    assert of_buckets(1, buckets, closed=False) == 1
    assert of_buckets(1, buckets, closed=True) == 9
