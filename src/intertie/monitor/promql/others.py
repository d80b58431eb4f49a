"""Functions that are about series as a whole: their absence, order, buckets and times."""

import math
import re
from collections.abc import Sequence
from typing import Literal

import numpy as np

from intertie.monitor.promql.quantiles import of_buckets
from intertie.monitor.promql.rows import (
    Flags,
    Floats,
    Labels,
    Row,
    Times,
    without,
)
from intertie.monitor.promql.tree import Node, Range, Selector
from intertie.monitor.sample import NAME_LABEL

_BUCKET = "le"
_NUMBER = re.compile(r"[+-]?(?:inf|infinity|nan|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)", re.IGNORECASE)


def absent(node: Node, there: Flags) -> list[Row]:
    """1 where nothing is there, with the labels that the selector asks for."""
    return [Row(_asked(node), np.ones(len(there)), ~there)]


def _asked(node: Node) -> Labels:
    """Labels for which exactly one value is good."""
    selector = node.selector if isinstance(node, Range) else node
    if not isinstance(selector, Selector):
        return ()
    known: dict[str, str] = {}
    for matcher in selector.matchers:
        is_first = matcher.op == "=" and matcher.label not in known
        known[matcher.label] = matcher.value if is_first else ""
    found = ((name, value) for name, value in known.items() if value and name != NAME_LABEL)
    return tuple(sorted(found))


def histogram_quantile(rows: Sequence[Row], q: Floats, *, closed: bool) -> list[Row]:
    """The quantile of each histogram, whose buckets are told by the label `le`."""
    groups: dict[Labels, list[tuple[float, Row]]] = {}
    for row in rows:
        edge = dict(row.labels).get(_BUCKET, "")
        if _NUMBER.fullmatch(edge):
            key = without(row.labels, (_BUCKET, NAME_LABEL))
            groups.setdefault(key, []).append((float(edge), row))
    return [_histogram(key, buckets, q, closed=closed) for key, buckets in groups.items()]


def _histogram(
    labels: Labels, buckets: Sequence[tuple[float, Row]], q: Floats, *, closed: bool
) -> Row:
    there = np.zeros(len(q), dtype=np.bool_)
    for _, row in buckets:
        there |= row.there
    values = np.zeros(len(q))
    for moment in np.flatnonzero(there):
        counts = [(edge, float(row.values[moment])) for edge, row in buckets if row.there[moment]]
        values[moment] = of_buckets(float(q[moment]), counts, closed=closed)
    return Row(labels, values, there)


def ordered(rows: Sequence[Row], direction: Literal["sort", "sort_desc"]) -> list[Row]:
    """By value at a single moment, NaN last; over many moments there is no order."""
    if not rows or len(rows[0].values) > 1:
        return list(rows)
    sign = -1 if direction == "sort_desc" else 1

    def key(row: Row) -> tuple[bool, float]:
        value = float(row.values[0])
        return math.isnan(value), 0.0 if math.isnan(value) else sign * value

    return sorted((row for row in rows if row.there[0]), key=key)


def as_number(rows: Sequence[Row], count: int) -> Floats:
    """The value of the only series, NaN where there is none or more than one."""
    there = np.zeros(count, dtype=np.int64)
    values = np.zeros(count)
    for row in rows:
        there += row.there
        values = np.where(row.there, row.values, values)
    return np.where(there == 1, values, np.nan)


def timestamps(row: Row, times_ms: Times) -> Row:
    """When each value is from, in seconds since 1970."""
    return row.with_values(times_ms / 1000)
