"""What exponential histograms hold below which bound."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.metrics.v1.metrics_pb2 import ExponentialHistogramDataPoint

from intertie.monitor.collect.exponential import (
    SCALE,
    Buckets,
    bound,
    buckets_of,
    cumulative,
    edges_at,
)
from tests.monitor.collect.exponential_points import point_of

VALUES = st.lists(
    st.floats(1e-6, 1e6) | st.floats(-1e3, -1e-3) | st.just(0.0), min_size=1, max_size=200
)


@given(VALUES, st.integers(-3, 12))
def test_no_value_is_counted_on_the_wrong_side_of_a_bound(values: list[float], scale: int) -> None:
    """Except on a bound itself, where computers round."""
    made = buckets_of(point_of(values, scale))

    for edge, under in cumulative(made, made.edges()):
        near = [v for v in values if math.isclose(v, edge, rel_tol=1e-9)]
        below = sum(v <= edge for v in values)
        assert abs(under - below) <= len(near)


@given(VALUES, VALUES, st.integers(-1, 6))
def test_what_is_joined_is_what_all_values_give_together(
    one: list[float], other: list[float], scale: int
) -> None:
    """At the coarser scale of both."""
    both = buckets_of(point_of(one, scale)).plus(buckets_of(point_of(other, scale + 2)))

    assert both.scale == min(scale, SCALE)
    assert both == buckets_of(point_of([*one, *other], min(scale, SCALE)))


def test_quantiles_are_within_nineteen_percent() -> None:
    """Of lognormal times, from the count below each bound alone."""
    values = np.random.default_rng(3).lognormal(-3, 1.2, 50_000)
    made = buckets_of(point_of(values.tolist(), 8))
    below = cumulative(made, made.edges())

    for q in (0.01, 0.5, 0.9, 0.95, 0.99, 0.999):
        exact = float(np.quantile(values, q, method="inverted_cdf"))
        place = next(at for at, (_, n) in enumerate(below) if n >= q * len(values))
        assert below[place - 1][0] <= exact <= below[place][0]
        assert below[place][0] / below[place - 1][0] == pytest.approx(2**0.25)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"scale": 21}, "its scale is 21"),
        ({"scale": -11}, "its scale is -11"),
        ({"count": 2}, "its buckets hold 1 values, and it says 2"),
        ({"positive": {"offset": 1 << 30, "bucket_counts": [1]}}, "beyond the largest number"),
        ({"positive": {"offset": -(1 << 30), "bucket_counts": [1]}}, "beyond the largest number"),
    ],
)
def test_a_histogram_that_cannot_be_is_refused(fields: dict[str, object], why: str) -> None:
    """With the reason for whoever sent it."""
    good: dict[str, object] = {"count": 1, "positive": {"offset": 0, "bucket_counts": [1]}}

    with pytest.raises(ValueError, match=why):
        buckets_of(ExponentialHistogramDataPoint(**{**good, **fields}))  # type: ignore[arg-type]


def test_values_around_zero_are_between_both_thresholds() -> None:
    """Nobody knows more of them."""
    made = Buckets(0, {0: 2}, {0: 1}, zero=3, threshold=0.5)

    assert cumulative(made, made.edges()) == [(-2, 0), (-1, 1), (-0.5, 1), (0.5, 4), (1, 4), (2, 6)]


def test_bounds_of_a_coarser_scale_are_bounds_of_the_finer_one() -> None:
    """Those that are none are left out."""
    assert edges_at({(1, 4), (1, 5), (-1, -8)}, 2, 0) == {(1, 1), (-1, -2)}
    assert edges_at({(1, 1)}, 0, 2) == {(1, 4)}
    assert bound(2, 1, 4) == bound(0, 1, 1) == 2
