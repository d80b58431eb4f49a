import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.monitor.promql import sums

NUMBERS = st.lists(st.floats(-1e15, 1e15), min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([1e100, 1, -1e100], 1),
        ([0.1] * 10, 1.0),
        ([math.inf, 1], math.inf),
        ([1.7e308] * 2, math.inf),
    ],
)
def test_a_sum_keeps_small_values(values: list[float], wanted: float) -> None:
    """Also beside large ones; infinities stay."""
    with np.errstate(all="ignore"):
        assert sums.total(np.array(values)) == wanted
        column = np.array(values)[:, None]
        assert sums.columns(column, np.ones_like(column, dtype=np.bool_)).tolist() == [wanted]


def test_both_infinities_make_no_number() -> None:
    """As floats do."""
    with np.errstate(all="ignore"):
        assert math.isnan(sums.total(np.array([math.inf, -math.inf])))


def test_a_mean_is_a_number_where_the_sum_is_none() -> None:
    """Values near the largest float have a mean."""
    values = np.array([1.7e308, 1.7e308])
    with np.errstate(all="ignore"):
        assert sums.mean(values) == pytest.approx(1.7e308)
        (column,) = sums.column_means(values[:, None], np.ones((2, 1), dtype=np.bool_))
    assert column == pytest.approx(1.7e308)


@given(NUMBERS)
def test_a_column_has_the_sum_and_mean_of_its_values(numbers: list[float]) -> None:
    """Of those that are there."""
    values = np.array([*numbers, 5.0])[:, None]
    there = np.array([True] * len(numbers) + [False])[:, None]
    scale = max(abs(number) for number in numbers)

    (total,), (mean,) = sums.columns(values, there), sums.column_means(values, there)

    assert total == pytest.approx(math.fsum(numbers), rel=1e-12, abs=scale * 1e-15)
    assert mean == pytest.approx(sums.mean(np.array(numbers)), rel=1e-12, abs=scale * 1e-15)
