"""Functions of single values, and of single times."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from intertie.monitor.promql.rows import Floats, Row, Times

_Dates = NDArray[np.datetime64]


def evaluate(name: str, rows: Sequence[Row], parameters: Sequence[Floats]) -> list[Row]:
    """The function of each value; `parameters` are its further arguments for each moment."""
    if name == "clamp":
        # Where the least is more than the most, nothing is both.
        rows = [row.where(~(parameters[1] < parameters[0])) for row in rows]
    function = _FUNCTIONS[name]
    return [row.with_values(function(row.values, *parameters)) for row in rows]


def calendar(name: str, row: Row) -> Row:
    """The part of the date (UTC) of each value, in seconds since 1970."""
    known = np.isfinite(row.values) & (np.abs(row.values) < _FAR)
    seconds = np.trunc(np.where(known, row.values, 0.0)).astype(np.int64)
    return row.with_values(np.where(known, _CALENDAR[name](seconds).astype(np.float64), np.nan))


_FAR = 2.0**55
"""Seconds beyond which no calendar reaches."""


def _round(values: Floats, to: Floats | None = None) -> Floats:
    # As Prometheus: halves go up, and 0.1 is reached by dividing by 10.
    inverse = 1.0 / (np.ones(1) if to is None else to)
    return np.asarray(np.floor(values * inverse + 0.5) / inverse)


def _clamp(values: Floats, least: Floats, most: Floats) -> Floats:
    return np.asarray(np.maximum(least, np.minimum(most, values)))


def _sign(values: Floats) -> Floats:
    # Unlike numpy's it leaves -0 as it is, which count_values shows.
    return np.where(values == 0, values, np.sign(values))


_FUNCTIONS: Mapping[str, Callable[..., Floats]] = {
    "abs": np.abs,
    "ceil": np.ceil,
    "clamp": _clamp,
    "clamp_max": np.minimum,
    "clamp_min": np.maximum,
    "exp": np.exp,
    "floor": np.floor,
    "ln": np.log,
    "log10": np.log10,
    "log2": np.log2,
    "round": _round,
    "sgn": _sign,
    "sqrt": np.sqrt,
}


def _months(seconds: Times) -> _Dates:
    return seconds.astype("datetime64[s]").astype("datetime64[M]")


def _day_of_month(seconds: Times) -> Times:
    days = seconds.astype("datetime64[s]").astype("datetime64[D]")
    before: Times = (days - _months(seconds).astype("datetime64[D]")).astype(np.int64)
    return before + 1


def _days_in_month(seconds: Times) -> Times:
    months = _months(seconds)
    following = (months + np.timedelta64(1, "M")).astype("datetime64[D]")
    days: Times = (following - months.astype("datetime64[D]")).astype(np.int64)
    return days


_CALENDAR: Mapping[str, Callable[[Times], Times]] = {
    "day_of_month": _day_of_month,
    "day_of_week": lambda seconds: (seconds // 86_400 + 4) % 7,  # 1970 began on a Thursday
    "days_in_month": _days_in_month,
    "hour": lambda seconds: seconds // 3600 % 24,
    "minute": lambda seconds: seconds // 60 % 60,
    "month": lambda seconds: _months(seconds).astype(np.int64) % 12 + 1,
    "year": lambda seconds: _months(seconds).astype(np.int64) // 12 + 1970,
}
