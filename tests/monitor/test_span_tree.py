"""The order in which a trace is read."""

from hypothesis import given
from hypothesis import strategies as st

from intertie.monitor.span_tree import lines
from tests.monitor.traced import MS, span

NUMBERS = st.integers(0, 8)


def test_each_span_is_below_its_parent_in_the_order_of_time() -> None:
    """Whatever the order in which they came."""
    found = lines([span(4, parent=2), span(3, parent=1), span(1), span(2, parent=1)])

    assert [(int(each.span.span_id, 16), each.depth) for each in found] == [
        (1, 0),
        (2, 1),
        (4, 2),
        (3, 1),
    ]


def test_a_span_whose_parent_is_missing_is_an_orphan() -> None:
    """What is below it stays there."""
    found = lines([span(1), span(3, parent=9), span(4, parent=3)])

    assert [(each.depth, each.is_orphan) for each in found] == [(0, False), (0, True), (1, False)]


def test_a_span_that_begins_before_its_parent_tells_of_clocks() -> None:
    """By how much."""
    early = span(2, parent=5)
    found = lines([span(5), early])

    assert found[1].early_ns == 3 * MS
    assert found[0].early_ns == 0


@given(st.lists(st.tuples(st.integers(1, 8), NUMBERS), unique_by=lambda pair: pair[0], max_size=8))
def test_each_span_is_there_once(pairs: list[tuple[int, int]]) -> None:
    """Also where spans are each other's parents, or their own."""
    spans = [span(number, parent=parent) for number, parent in pairs]

    found = lines(spans)

    assert sorted(each.span.span_id for each in found) == sorted(each.span_id for each in spans)


def test_a_deep_trace_is_no_trouble() -> None:
    """However deep strangers make it."""
    found = lines([span(n, parent=n - 1) for n in range(1, 5001)])

    assert found[-1].depth == 4999
