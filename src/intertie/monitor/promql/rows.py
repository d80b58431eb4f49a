"""Series over the moments of an evaluation: what operators and functions take and give."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from intertie.monitor.promql.tree import QueryError
from intertie.monitor.sample import NAME_LABEL, Series

Floats = NDArray[np.float64]
Times = NDArray[np.int64]
Flags = NDArray[np.bool_]
Labels = tuple[tuple[str, str], ...]
"""Sorted by name, the series' own name among them as `__name__`; no empty values."""


@dataclass(frozen=True, slots=True)
class Row:
    """One series: a value for each moment, and whether it is there."""

    labels: Labels
    values: Floats
    there: Flags

    def with_values(self, values: Floats) -> "Row":
        """The same moments, another value, and therefore no name."""
        return Row(without_name(self.labels), values, self.there)

    def where(self, flags: Flags) -> "Row":
        """Only at these moments."""
        return replace(self, there=self.there & flags)


def constant(values: Floats) -> Row:
    """A row without labels that is always there."""
    return Row((), values, np.ones(len(values), dtype=np.bool_))


def labels_of(series: Series) -> Labels:
    """With the name among them."""
    if not series.name:
        return series.labels
    return tuple(sorted((*series.labels, (NAME_LABEL, series.name))))


def series_of(labels: Labels) -> Series:
    """The name beside them again."""
    return Series(dict(labels).get(NAME_LABEL, ""), without_name(labels))


def without_name(labels: Labels) -> Labels:
    """All but the name."""
    return without(labels, (NAME_LABEL,))


def without(labels: Labels, names: Collection[str]) -> Labels:
    """All but these."""
    return tuple(pair for pair in labels if pair[0] not in names)


def only(labels: Labels, names: Collection[str]) -> Labels:
    """These only."""
    return tuple(pair for pair in labels if pair[0] in names)


def with_label(labels: Labels, name: str, value: str) -> Labels:
    """With one set, or gone where the value is empty."""
    rest = without(labels, (name,))
    return tuple(sorted((*rest, (name, value)))) if value else rest


def joined(rows: Iterable[Row], why: str = "two series would have the same labels") -> list[Row]:
    """One row for each set of labels; those that are never there are left out.

    Raises QueryError where two of the same labels are there at the same moment.
    """
    found: dict[Labels, Row] = {}
    for row in rows:
        if not row.there.any():
            continue
        other = found.get(row.labels)
        found[row.labels] = row if other is None else _one(other, row, why)
    return list(found.values())


def _one(left: Row, right: Row, why: str) -> Row:
    if bool((left.there & right.there).any()):
        raise QueryError(f"cannot evaluate: {why}: {series_of(left.labels)}")
    values = np.where(left.there, left.values, right.values)
    return Row(left.labels, values, left.there | right.there)


def any_there(rows: Sequence[Row], count: int) -> Flags:
    """At which of the `count` moments at least one is there."""
    flags = np.zeros(count, dtype=np.bool_)
    for row in rows:
        flags |= row.there
    return flags
