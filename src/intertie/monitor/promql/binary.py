"""Operators between two expressions."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from intertie.monitor.promql.rows import (
    Flags,
    Floats,
    Labels,
    Row,
    any_there,
    joined,
    only,
    series_of,
    with_label,
    without,
    without_name,
)
from intertie.monitor.promql.signatures import ARITHMETIC
from intertie.monitor.promql.tree import Binary, Matching, QueryError
from intertie.monitor.sample import NAME_LABEL

_ARITHMETIC: Mapping[str, Callable[[Floats, Floats], Floats]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.power,
}
_COMPARISONS: Mapping[str, Callable[[Floats, Floats], Flags]] = {
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}


def numbers(node: Binary, left: Floats, right: Floats) -> Floats:
    """Between two numbers of each moment."""
    if node.operator in ARITHMETIC:
        return _ARITHMETIC[node.operator](left, right)
    return _COMPARISONS[node.operator](left, right).astype(np.float64)


def after_number(node: Binary, left: Floats, right: Sequence[Row]) -> list[Row]:
    """Between a number and series; what a comparison keeps are values of the series."""
    return [_calculated(node, row, values=(left, row.values)) for row in right]


def before_number(node: Binary, left: Sequence[Row], right: Floats) -> list[Row]:
    """Between series and a number; what a comparison keeps are values of the series."""
    return [_calculated(node, row, values=(row.values, right)) for row in left]


def _calculated(node: Binary, row: Row, *, values: tuple[Floats, Floats]) -> Row:
    if node.operator in ARITHMETIC or node.as_bool:
        return row.with_values(numbers(node, *values))
    return row.where(_COMPARISONS[node.operator](*values))


def sets(node: Binary, left: Sequence[Row], right: Sequence[Row], count: int) -> list[Row]:
    """`and`, `or` and `unless`, by the labels that count."""
    matching = node.matching
    if node.operator == "or":
        taken = _presence(left, matching, count)
        return [*left, *_cut(right, taken, matching, wanted=False)]
    there = _presence(right, matching, count)
    return _cut(left, there, matching, wanted=node.operator == "and")


def _presence(rows: Sequence[Row], matching: Matching, count: int) -> Mapping[Labels, Flags]:
    groups = _grouped(rows, matching)
    return {key: any_there(group, count) for key, group in groups.items()}


def _cut(
    rows: Sequence[Row], there: Mapping[Labels, Flags], matching: Matching, *, wanted: bool
) -> list[Row]:
    cut: list[Row] = []
    for row in rows:
        flags = there.get(_key(row.labels, matching), np.zeros(len(row.there), dtype=np.bool_))
        cut.append(row.where(flags if wanted else ~flags))
    return cut


def matched(node: Binary, left: Sequence[Row], right: Sequence[Row], count: int) -> list[Row]:
    """Between series that find each other by the labels that count.

    Raises QueryError where several of a side would meet and the expression does not allow it.
    """
    is_right = node.matching.many == "right"
    many, one = (right, left) if is_right else (left, right)
    ones = _grouped(one, node.matching)
    _check_ones(ones, any_there(many, count))
    pairs = [
        (_key(row.labels, node.matching), _pair(node, row, other, is_right=is_right))
        for row in many
        for other in ones.get(_key(row.labels, node.matching), ())
    ]
    if node.matching.many is None:
        _check_manies(pairs, count)
    return joined((row for _, row in pairs), "grouping labels must make matches unique")


def _pair(node: Binary, many: Row, one: Row, *, is_right: bool) -> Row:
    left, right = (one, many) if is_right else (many, one)
    labels = _labels(node, many.labels, one.labels)
    both = left.there & right.there
    if node.operator in ARITHMETIC or node.as_bool:
        return Row(labels, numbers(node, left.values, right.values), both)
    kept = _COMPARISONS[node.operator](left.values, right.values)
    return Row(labels, left.values, both & kept)


def _labels(node: Binary, many: Labels, one: Labels) -> Labels:
    matching = node.matching
    labels = without_name(many) if node.operator in ARITHMETIC or node.as_bool else many
    if matching.many is None:
        cut = only if matching.on else without
        return cut(labels, matching.labels)
    theirs = dict(one)
    for name in matching.include:
        labels = with_label(labels, name, theirs.get(name, ""))
    return labels


def _key(labels: Labels, matching: Matching) -> Labels:
    if matching.on:
        return only(labels, matching.labels)
    return without(labels, (*matching.labels, NAME_LABEL))


def _grouped(rows: Sequence[Row], matching: Matching) -> Mapping[Labels, Sequence[Row]]:
    groups: dict[Labels, list[Row]] = {}
    for row in rows:
        groups.setdefault(_key(row.labels, matching), []).append(row)
    return groups


def _check_ones(groups: Mapping[Labels, Sequence[Row]], needed: Flags) -> None:
    for key, rows in groups.items():
        taken = np.zeros(len(needed), dtype=np.bool_)
        for row in rows:
            there = row.there & needed
            if bool((taken & there).any()):
                raise QueryError(
                    f"cannot match series: several of one side have {_told(key)}; "
                    "name more labels, or aggregate that side first"
                )
            taken |= there


def _check_manies(pairs: Sequence[tuple[Labels, Row]], count: int) -> None:
    taken: dict[Labels, Flags] = {}
    for key, row in pairs:
        before = taken.get(key, np.zeros(count, dtype=np.bool_))
        if bool((before & row.there).any()):
            raise QueryError(
                f"cannot match series: several of the left side have {_told(key)}; "
                "say group_left or group_right where that is meant"
            )
        taken[key] = before | row.there


def _told(key: Labels) -> str:
    return str(series_of(key)) or "no labels that count"
