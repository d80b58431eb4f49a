"""The newest traced request of each series."""

from intertie.monitor.exemplars import Exemplar, Exemplars
from intertie.monitor.sample import NAME_LABEL, Matcher, Series

A, B = Series.of("hits", {"job": "a"}), Series.of("hits", {"job": "b"})
ALL = [[Matcher(NAME_LABEL, "=", "hits")]]


def one(at_ms: int, trace: str = "t", value: float = 1.0) -> Exemplar:
    """Of that time."""
    return Exemplar(value, at_ms, (("trace_id", trace),))


def test_the_newest_is_kept() -> None:
    """Whatever the order in which they come."""
    kept = Exemplars()
    kept.take(A, [one(5), one(9)], now_ms=20)
    kept.take(A, [one(7)], now_ms=20)

    assert kept.select(ALL, 0, 20) == {A: one(9)}


def test_they_are_chosen_by_series_and_time() -> None:
    """Both ends belong to the time."""
    kept = Exemplars()
    kept.take(A, [one(5)], now_ms=20)
    kept.take(B, [one(6)], now_ms=20)

    assert list(kept.select(ALL, 5, 6)) == [A, B]
    assert list(kept.select(ALL, 6, 9)) == [B]
    assert list(kept.select([[Matcher("job", "=", "a")]], 0, 9)) == [A]


def test_one_without_a_time_is_of_when_it_was_told_first() -> None:
    """A page tells it again and again."""
    kept = Exemplars()
    kept.take(A, [one(0)], now_ms=10)
    kept.take(A, [one(0)], now_ms=20)
    first = kept.select(ALL, 0, 99)[A].at_ms
    kept.take(A, [one(0, "other")], now_ms=30)

    assert (first, kept.select(ALL, 0, 99)[A].at_ms) == (10, 30)


def test_there_is_an_end_to_how_many_are_kept() -> None:
    """Series told longest ago go first, and labels that are too long are not kept at all."""
    kept = Exemplars(most=2)
    for at, series in enumerate([A, B, Series("c")], start=1):
        kept.take(series, [one(at)], now_ms=9)
    kept.take(A, [one(9, "x" * 200)], now_ms=9)

    assert list(kept.select([()], 0, 99)) == [Series("c"), B]


def test_it_is_told_as_prometheus_does() -> None:
    """Numbers as texts, times in seconds."""
    assert one(1500, "ab", 0.25).as_json() == {
        "labels": {"trace_id": "ab"},
        "value": "0.25",
        "timestamp": 1.5,
    }
