"""Sums that do not lose small values among large ones."""

import math

import numpy as np

from intertie.monitor.promql.rows import Flags, Floats


def total(values: Floats) -> float:
    """The sum, rounded once."""
    try:
        return math.fsum(values.tolist())
    except (OverflowError, ValueError):  # beyond the largest float, or both infinities
        return float(np.sum(values))


def mean(values: Floats) -> float:
    """The mean, also where the sum is beyond the largest float."""
    found = total(values) / len(values)
    if math.isinf(found) and bool(np.isfinite(values).all()):
        return total(values / len(values))
    return found


def columns(values: Floats, there: Flags) -> Floats:
    """The sum of each column, of what is there.

    Source: Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen"
    (1974).
    """
    found = np.zeros(values.shape[1])
    lost = np.zeros(values.shape[1])
    for row in np.where(there, values, 0.0):
        after = found + row
        larger = np.abs(found) >= np.abs(row)
        missed = np.where(larger, (found - after) + row, (row - after) + found)
        lost = np.where(np.isinf(after), 0.0, lost + missed)
        found = after
    return found + lost


def column_means(values: Floats, there: Flags) -> Floats:
    """The mean of each column, of what is there; NaN where nothing is."""
    counts = there.sum(axis=0)
    found = columns(values, there) / counts
    shares = columns(values / np.maximum(counts, 1), there)
    overflown = np.isinf(found) & (np.isfinite(values) | ~there).all(axis=0)
    return np.where(overflown, shares, found)
