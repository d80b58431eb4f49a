"""How fast series grow: `rate` and its relatives, as Prometheus extrapolates them."""

import numpy as np

from intertie.monitor.promql.rows import Flags, Floats, Times
from intertie.monitor.promql.windows import Windows

_NEAR = 1.1
"""So many times the mean distance of samples may the edge of a range be away from one."""


def rate(windows: Windows, *, is_counter: bool, per_second: bool) -> tuple[Floats, Flags]:
    """`rate`, `increase` and `delta`: the growth within the range, carried on to its edges.

    Source: `extrapolatedRate` of Prometheus 3; with `closed` that of 2.42.
    """
    there = windows.counts > 1
    found = np.zeros(len(there))
    if not there.any():
        return found, there
    first, last = windows.first[there], windows.after[there] - 1
    growth = windows.values[last] - windows.values[first]
    if is_counter:
        growth = growth + _lost_by_resets(windows.values, first, last)
    sampled = (windows.times[last] - windows.times[first]) / 1000
    to_start = (windows.times[first] - windows.start_ms[there]) / 1000
    to_end = (windows.end_ms[there] - windows.times[last]) / 1000
    mean = sampled / (last - first)
    to_zero = _to_zero(windows.values[first], growth, sampled) if is_counter else to_start
    start = _carried_to_start(to_start, to_zero, mean=mean, closed=windows.closed)
    end = np.where(to_end < mean * _NEAR, to_end, mean / 2)
    factor = (sampled + start + end) / sampled
    if per_second:
        factor = factor / ((windows.end_ms - windows.start_ms)[there] / 1000)
    found[there] = growth * factor
    return found, there


def _lost_by_resets(values: Floats, first: Times, last: Times) -> Floats:
    """What a counter had reached each time before it began anew, within each window."""
    drops = np.where(values[1:] < values[:-1], values[:-1], 0.0)
    edges = np.column_stack((first, last)).ravel()
    lost: Floats = np.add.reduceat(np.append(drops, 0.0), edges)[::2]
    return lost


def _to_zero(values: Floats, growth: Floats, sampled: Floats) -> Floats:
    """How long before its first sample a counter was 0, if it always grew as fast."""
    sensible = (growth > 0) & (values >= 0)
    seconds = sampled * (values / np.where(sensible, growth, 1.0))
    return np.where(sensible, seconds, np.inf)


def _carried_to_start(to_start: Floats, to_zero: Floats, *, mean: Floats, closed: bool) -> Floats:
    """How far growth is assumed before the first sample: a counter never was below 0."""
    if closed:
        nearest = np.minimum(to_start, to_zero)
        return np.where(nearest < mean * _NEAR, nearest, mean / 2)
    near = np.where(to_start < mean * _NEAR, to_start, mean / 2)
    return np.minimum(near, to_zero)


def instant_rate(windows: Windows, *, is_counter: bool) -> tuple[Floats, Flags]:
    """`irate` (a second) and `idelta`: between the last two samples."""
    there = windows.counts > 1
    last = np.where(there, windows.after - 1, 0)
    before = np.where(there, last - 1, 0)
    growth = windows.values[last] - windows.values[before]
    if not is_counter:
        return growth, there
    growth = np.where(windows.values[last] < windows.values[before], windows.values[last], growth)
    seconds = np.where(there, windows.times[last] - windows.times[before], 1) / 1000
    return growth / seconds, there
