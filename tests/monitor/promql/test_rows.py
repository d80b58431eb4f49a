import numpy as np
import pytest

from intertie.monitor.promql.rows import (
    Labels,
    Row,
    any_there,
    constant,
    joined,
    labels_of,
    only,
    series_of,
    with_label,
    without,
    without_name,
)
from intertie.monitor.promql.tree import QueryError
from intertie.monitor.sample import Series

LABELS: Labels = (("__name__", "up"), ("a", "1"), ("b", "2"))


def _row(labels: Labels, *values: float | None) -> Row:
    there = np.array([value is not None for value in values])
    return Row(labels, np.array([value or 0.0 for value in values]), there)


def test_the_name_is_one_of_the_labels() -> None:
    """There and back, also where there is none."""
    assert labels_of(Series.of("up", {"b": "2", "a": "1"})) == LABELS
    assert series_of(LABELS) == Series.of("up", {"a": "1", "b": "2"})
    assert series_of(labels_of(Series("", (("a", "1"),)))) == Series("", (("a", "1"),))


def test_labels_are_taken_and_left() -> None:
    """Their order stays; an empty value is none."""
    assert without_name(LABELS) == (("a", "1"), ("b", "2"))
    assert without(LABELS, ("a",)) == (("__name__", "up"), ("b", "2"))
    assert only(LABELS, ("b", "c")) == (("b", "2"),)
    assert with_label(LABELS, "Z", "9")[0] == ("Z", "9")
    assert with_label(LABELS, "b", "") == LABELS[:2]


def test_rows_of_the_same_labels_become_one() -> None:
    """Where they are there at different moments; those never there are gone."""
    first, second = _row(LABELS, 1, None, None), _row(LABELS, None, None, 3)

    (found,) = joined([first, second, _row((), None, None, None)])

    assert found.values[found.there].tolist() == [1, 3]
    assert found.there.tolist() == [True, False, True]


def test_rows_of_the_same_labels_at_once_are_refused() -> None:
    """With the series named."""
    with pytest.raises(QueryError, match=r'up\{a="1", b="2"\}'):
        joined([_row(LABELS, 1), _row(LABELS, 2)])


def test_presence_is_that_of_any_row() -> None:
    """Without rows nothing is there."""
    assert any_there([_row((), 1, None), _row((), 2, None)], 2).tolist() == [True, False]
    assert any_there([], 2).tolist() == [False, False]


def test_a_new_value_has_no_name() -> None:
    """What is calculated is not the thing that was measured."""
    row = _row(LABELS, 1, 2)

    assert row.with_values(np.zeros(2)).labels == LABELS[1:]
    assert row.where(np.array([True, False])).there.tolist() == [True, False]
    assert constant(np.ones(2)).there.all()
