"""Many series made one for each group, or the best of each."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from intertie.monitor.promql import sums
from intertie.monitor.promql.figures import figure
from intertie.monitor.promql.quantiles import quantile
from intertie.monitor.promql.rows import Flags, Floats, Labels, Row, only, with_label, without
from intertie.monitor.promql.tree import Aggregate, QueryError
from intertie.monitor.sample import NAME_LABEL

_MAX_COUNT = 2.0**63


def simple(node: Aggregate, rows: Sequence[Row]) -> list[Row]:
    """The aggregations without a parameter."""
    found: list[Row] = []
    for key, group in _grouped(node, rows).items():
        values, there = _stacked(group)
        found.append(Row(key, _SIMPLE[node.operator](values, there), _any(there)))
    return found


def quantiles(node: Aggregate, rows: Sequence[Row], q: Floats) -> list[Row]:
    """The `q` quantile of each group, which may differ from moment to moment."""
    found: list[Row] = []
    for key, group in _grouped(node, rows).items():
        values, there = _stacked(group)
        column = [
            quantile(float(q[moment]), values[there[:, moment], moment]) for moment in range(len(q))
        ]
        found.append(Row(key, np.array(column), _any(there)))
    return found


def ranked(node: Aggregate, rows: Sequence[Row], count: Floats) -> list[Row]:
    """The `count` largest (`topk`) or smallest (`bottomk`) of each group, with all their labels.

    At a single moment they come in that order.
    """
    found: list[Row] = []
    for group in _grouped(node, rows).values():
        values, there = _stacked(group)
        keys = -values if node.operator == "topk" else values
        kept = np.zeros_like(there)
        order: Sequence[int] = range(len(group))
        for moment, wanted in enumerate(count):
            best = _best(keys[:, moment], there[:, moment], _whole(float(wanted)))
            kept[best, moment] = True
            if len(count) == 1:
                order = best.tolist()
        found += [group[index].where(kept[index]) for index in order]
    return found


def _best(keys: Floats, there: Flags, count: int) -> NDArray[np.int64]:
    """Which have the smallest keys, NaN last, the first of equals first."""
    order = np.argsort(keys, kind="stable")
    return order[there[order]][:count]


def _whole(count: float) -> int:
    if math.isnan(count) or abs(count) >= _MAX_COUNT:
        raise QueryError(f"cannot evaluate: {figure(count)} is no number of series")
    return max(int(count), 0)


def counted_values(node: Aggregate, rows: Sequence[Row], label: str) -> list[Row]:
    """How many series of each group have each value; the value goes into `label`."""
    kept = Aggregate(node.operator, node.inner, None, (*node.labels, label), without=False)
    grouping = node if node.without else kept
    counts: dict[Labels, Floats] = {}
    for row in rows:
        for moment in np.flatnonzero(row.there):
            told = with_label(row.labels, label, figure(float(row.values[moment]), plain=True))
            key = _key(grouping, told)
            counts.setdefault(key, np.zeros(len(row.values)))[moment] += 1
    return [Row(key, values, values > 0) for key, values in counts.items()]


def _key(node: Aggregate, labels: Labels) -> Labels:
    if node.without:
        return without(labels, (*node.labels, NAME_LABEL))
    return only(labels, node.labels)


def _grouped(node: Aggregate, rows: Sequence[Row]) -> Mapping[Labels, Sequence[Row]]:
    groups: dict[Labels, list[Row]] = {}
    for row in rows:
        groups.setdefault(_key(node, row.labels), []).append(row)
    return groups


def _stacked(rows: Sequence[Row]) -> tuple[Floats, Flags]:
    """All values, one row a series."""
    return np.stack([row.values for row in rows]), np.stack([row.there for row in rows])


def _any(there: Flags) -> Flags:
    flags: Flags = np.any(there, axis=0)
    return flags


def _extreme(ufunc: np.ufunc) -> Callable[[Floats, Flags], Floats]:
    def found(values: Floats, there: Flags) -> Floats:
        # fmin and fmax pass over NaN, also where it only stands for what is not there.
        best: Floats = ufunc.reduce(np.where(there, values, np.nan), axis=0)
        return best

    return found


def _variance(values: Floats, there: Flags) -> Floats:
    away = np.where(there, values - sums.column_means(values, there), 0.0)
    return sums.column_means(away * away, there)


def _count(_values: Floats, there: Flags) -> Floats:
    return np.asarray(np.sum(there, axis=0, dtype=np.float64))


_SIMPLE: Mapping[str, Callable[[Floats, Flags], Floats]] = {
    "avg": sums.column_means,
    "count": _count,
    "group": lambda _, there: np.ones(there.shape[1]),
    "max": _extreme(np.fmax),
    "min": _extreme(np.fmin),
    "stddev": lambda values, there: np.sqrt(_variance(values, there)),
    "stdvar": _variance,
    "sum": sums.columns,
}
