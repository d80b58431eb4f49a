import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.monitor.promql.query import Options, compile
from intertie.monitor.promql.reads import has_subquery

MINUTE = 60_000


def _spans(
    text: str, start: int, end: int, options: Options | None = None
) -> list[tuple[float, float]]:
    reads = compile(text, options=options or Options()).reads(start * MINUTE, end * MINUTE)
    return [(read.start_ms / MINUTE, read.end_ms / MINUTE) for read in reads]


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("1 + time()", []),
        ("x", [(5, 20)]),
        ("rate(x[3m])", [(7, 20)]),
        ("x offset 2m", [(3, 18)]),
        ("x @ 60", [(-4, 1)]),
        ("x @ end() offset 1m", [(14, 19)]),
        ("x @ start()", [(5, 10)]),
        ("sum_over_time(x[30m:])", [(-25, 20)]),
        ("sum_over_time(rate(x[2m])[30m:1m] offset 5m)", [(-27, 15)]),
        ("sum_over_time((x @ end())[30m:1m])", [(15, 20)]),
        ("x / y", [(5, 20), (5, 20)]),
        ("x / x", [(5, 20)]),
        ("x / x offset 10m", [(-5, 20)]),
        ("x / x offset 1h", [(-55, -40), (5, 20)]),
        ("topk(scalar(y), abs(-x))", [(5, 20), (5, 20)]),
    ],
)
def test_what_is_needed_is_known_before(text: str, spans: list[tuple[float, float]]) -> None:
    """The same selector is read once, unless its times are apart."""
    assert _spans(text, 10, 20) == spans


def test_closed_ranges_need_the_sample_at_their_edge() -> None:
    """A source leaves out the start: it is asked from a millisecond earlier."""
    (read,) = compile("x", options=Options(closed=True)).reads(MINUTE * 5, MINUTE * 5)

    assert read.start_ms == -1


@given(st.lists(st.tuples(st.integers(1, 90), st.integers(1, 30)), min_size=1, max_size=8))
def test_all_that_is_needed_is_read_once(parts: list[tuple[int, int]]) -> None:
    """Each minute that any part needs, and none twice."""
    text = " + ".join(f"rate(x[{length}m] offset {offset}m)" for offset, length in parts)
    needed = {minute for offset, length in parts for minute in range(-offset - length, -offset)}

    read = [minute for start, end in _spans(text, 0, 0) for minute in range(int(start), int(end))]

    assert sorted(read) == sorted(needed)


@pytest.mark.parametrize(
    ("text", "is_there"),
    [
        ("x", False),
        ("-sum(rate(x[5m])) > bool 3", False),
        ("max_over_time(x[5m:1m])", True),
        ("1 + -abs(max_over_time(x[5m:1m]))", True),
        ("topk(scalar(avg_over_time(y[1h:])), x)", True),
    ],
)
def test_a_subquery_is_seen_wherever_it_is(text: str, is_there: bool) -> None:
    """Its cost does not follow from how many samples are read."""
    assert has_subquery(compile(text).node) is is_there
