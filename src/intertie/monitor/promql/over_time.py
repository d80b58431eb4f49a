"""Functions of ranges: many samples of a series, one value."""

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from intertie.monitor.promql import sums
from intertie.monitor.promql.quantiles import quantile
from intertie.monitor.promql.rates import instant_rate, rate
from intertie.monitor.promql.rows import Flags, Floats, Row, Times, without_name
from intertie.monitor.promql.windows import Windows

Found = tuple[Floats, Flags]
_OneWindow = Callable[[Times, Floats], float]


def evaluate(name: str, windows: Windows, parameter: Floats) -> Row:
    """The function's value for each moment; `parameter` is its number, where it takes one."""
    labels = windows.labels if name == "last_over_time" else without_name(windows.labels)
    if name in _WITH_PARAMETER:
        values, there = _WITH_PARAMETER[name](windows, parameter)
    else:
        values, there = _ALONE[name](windows)
    return Row(labels, values, there)


def _count(windows: Windows) -> Found:
    return windows.counts.astype(np.float64), windows.counts > 0


def _present(windows: Windows) -> Found:
    return np.ones(len(windows.counts)), windows.counts > 0


def _last(windows: Windows) -> Found:
    there = windows.counts > 0
    return windows.values[np.where(there, windows.after - 1, 0)], there


def _extreme(windows: Windows, ufunc: np.ufunc) -> Found:
    return _reduced(windows.values, ufunc, windows.first, windows.after)


def _reduced(values: Floats, ufunc: np.ufunc, first: Times, after: Times) -> Found:
    """`ufunc` over each window that is not empty."""
    there = after > first
    found = np.zeros(len(first))
    if there.any():
        edges = np.column_stack((first[there], after[there])).ravel()
        # An edge may be the end of all values, which reduceat refuses: one more is never used.
        found[there] = ufunc.reduceat(np.append(values, np.nan), edges)[::2]
    return found, there


def _steps(windows: Windows, is_one: Callable[[Floats, Floats], NDArray[np.bool_]]) -> Found:
    """How many pairs of neighbours are as asked."""
    marks = is_one(windows.values[:-1], windows.values[1:]).astype(np.float64)
    there = windows.counts > 0
    last = np.where(there, windows.after - 1, windows.first)
    found, _ = _reduced(marks, np.add, windows.first, last)
    return found, there


def _is_change(before: Floats, now: Floats) -> NDArray[np.bool_]:
    changed: NDArray[np.bool_] = (before != now) & ~(np.isnan(before) & np.isnan(now))
    return changed


def _is_reset(before: Floats, now: Floats) -> NDArray[np.bool_]:
    reset: NDArray[np.bool_] = now < before
    return reset


def _each(windows: Windows, function: _OneWindow, at_least: int = 1) -> Found:
    """`function` of the times and values of each window that has enough samples."""
    there = windows.counts >= at_least
    found = np.zeros(len(there))
    for moment in np.flatnonzero(there):
        window = slice(windows.first[moment], windows.after[moment])
        found[moment] = function(windows.times[window], windows.values[window])
    return found, there


def _deriv(windows: Windows) -> Found:
    return _each(windows, lambda times, values: _line(times, values, int(times[0]))[0], 2)


def _predict_linear(windows: Windows, seconds: Floats) -> Found:
    there = windows.counts >= 2  # noqa: PLR2004 -- a line needs two points
    found = np.zeros(len(there))
    for moment in np.flatnonzero(there):
        window = slice(windows.first[moment], windows.after[moment])
        now = int(windows.now_ms[moment])
        slope, level = _line(windows.times[window], windows.values[window], now)
        found[moment] = slope * seconds[moment] + level
    return found, there


def _line(times: Times, values: Floats, zero_ms: int) -> tuple[float, float]:
    """Slope a second and level at `zero_ms` of the line nearest to the samples."""
    if bool((values == values[0]).all()):
        return (math.nan, math.nan) if math.isinf(values[0]) else (0.0, float(values[0]))
    count = len(times)
    x = (times - zero_ms) / 1000
    sum_x, sum_y = sums.total(x), sums.total(values)
    covariance = sums.total(x * values) - sum_x * sum_y / count
    variance = sums.total(x * x) - sum_x * sum_x / count
    slope = covariance / variance
    return slope, sum_y / count - slope * sum_x / count


def _quantile(windows: Windows, parameter: Floats) -> Found:
    there = windows.counts > 0
    found = np.zeros(len(there))
    for moment in np.flatnonzero(there):
        window = windows.values[windows.first[moment] : windows.after[moment]]
        found[moment] = quantile(float(parameter[moment]), window)
    return found, there


_ALONE: Mapping[str, Callable[[Windows], Found]] = {
    "avg_over_time": lambda w: _each(w, lambda _, values: sums.mean(values)),
    "changes": lambda w: _steps(w, _is_change),
    "count_over_time": _count,
    "delta": lambda w: rate(w, is_counter=False, per_second=False),
    "deriv": _deriv,
    "idelta": lambda w: instant_rate(w, is_counter=False),
    "increase": lambda w: rate(w, is_counter=True, per_second=False),
    "irate": lambda w: instant_rate(w, is_counter=True),
    "last_over_time": _last,
    "max_over_time": lambda w: _extreme(w, np.fmax),
    "min_over_time": lambda w: _extreme(w, np.fmin),
    "present_over_time": _present,
    "rate": lambda w: rate(w, is_counter=True, per_second=True),
    "resets": lambda w: _steps(w, _is_reset),
    "stddev_over_time": lambda w: _each(w, lambda _, values: float(np.std(values))),
    "sum_over_time": lambda w: _each(w, lambda _, values: sums.total(values)),
}
_WITH_PARAMETER: Mapping[str, Callable[[Windows, Floats], Found]] = {
    "predict_linear": _predict_linear,
    "quantile_over_time": _quantile,
}
