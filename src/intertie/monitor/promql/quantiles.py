"""Quantiles: of values, and of histograms that only counted them."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from intertie.monitor.promql.rows import Floats

_SMALL = 1e-12
"""Counts that differ by less (as a share) differ by rounding."""


def quantile(q: float, values: Floats) -> float:
    """The value below which a share of `q` lies, between its neighbours in proportion."""
    if math.isnan(q) or len(values) == 0:
        return math.nan
    if q < 0 or q > 1:
        return math.copysign(math.inf, q)
    numbers = np.sort(values[~np.isnan(values)])
    ordered = np.concatenate((np.full(len(values) - len(numbers), np.nan), numbers))
    rank = q * (len(ordered) - 1)
    low = math.floor(rank)
    high = min(low + 1, len(ordered) - 1)
    weight = rank - low
    return float(ordered[low] * (1 - weight) + ordered[high] * weight)


def of_buckets(q: float, buckets: Iterable[tuple[float, float]], *, closed: bool) -> float:
    """The quantile of a histogram, from the upper edge of each bucket and its count up to there.

    With `closed` as in 2.42, where counts that differ by rounding only are not forgiven.
    """
    if math.isnan(q):
        return math.nan
    if q < 0 or q > 1:
        return math.copysign(math.inf, q)
    edges, counts = _merged(buckets)
    if len(edges) < 2 or edges[-1] != math.inf:  # noqa: PLR2004 -- +Inf alone tells nothing
        return math.nan
    counts = _growing(counts, 0.0 if closed else _SMALL)
    if counts[-1] == 0:
        return math.nan
    return _within(q * counts[-1], edges, counts)


def _within(rank: float, edges: Sequence[float], counts: Sequence[float]) -> float:
    """Where in its bucket the value of this rank is, if values are spread evenly there."""
    last = len(edges) - 1
    found = next((index for index in range(last) if counts[index] >= rank), last)
    if found == last:
        return edges[last - 1]
    if found == 0 and edges[0] <= 0:
        return edges[0]
    start = edges[found - 1] if found else 0.0
    below = counts[found - 1] if found else 0.0
    inside = counts[found] - below
    share = (rank - below) / inside if inside else math.nan
    return start + (edges[found] - start) * share


def _merged(buckets: Iterable[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Ascending, one bucket for each edge."""
    merged: dict[float, float] = {}
    for edge, count in buckets:
        merged[edge] = merged.get(edge, 0.0) + count
    edges = sorted(merged)
    return edges, [merged[edge] for edge in edges]


def _growing(counts: Sequence[float], tolerance: float) -> list[float]:
    """No count below the one before it; they come from scrapes at slightly different times."""
    grown = [counts[0]]
    for count in counts[1:]:
        before = grown[-1]
        same = abs(count - before) < tolerance * (abs(count) + abs(before))
        grown.append(before if same or count < before else count)
    return grown
