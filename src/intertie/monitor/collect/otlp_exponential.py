"""Follows pushed exponential histograms, each as series with the label `le`."""

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace

from intertie.monitor.collect.exponential import Buckets, Edge, cumulative, edges_at
from intertie.monitor.collect.otlp_points import Point
from intertie.monitor.exemplars import Exemplar
from intertie.monitor.sample import STALE, Sample, Series
from intertie.monitor.series_text import number_text


@dataclass(slots=True)
class _Followed:
    """One histogram: a bound that was told once is told again, or a counter would have holes."""

    at_ms: int
    heard_ms: int
    buckets: Buckets
    edges: Set[Edge]
    told: Set[Series]


class Exponentials:
    """Turns points with `buckets` into points of series; all others stay as they are."""

    def __init__(self, most: int) -> None:
        """`most`: histograms that are followed at a time."""
        self._most = most
        self._followed: dict[Series, _Followed] = {}

    def expanded(self, point: Point, now_ms: int) -> Sequence[Point]:
        """What is to be kept of a point; a late one of a total gives nothing."""
        if point.buckets is None:
            return (point,)
        series = point.sample.series
        known = self._followed.get(series)
        if math.isnan(point.sample.value):
            self._followed.pop(series, None)
            return _ends(known.told if known else (), point.at_ms)
        if known is None and len(self._followed) >= self._most:
            return (_bucket(point, math.inf, point.sample.value),)
        if known is not None and not point.is_delta and point.at_ms < known.at_ms:
            return ()
        return self._renewed(point, known, now_ms)

    def forget(self, before_ms: int) -> None:
        """Follow those no more that were not told since."""
        old = [series for series, each in self._followed.items() if each.heard_ms < before_ms]
        for series in old:
            del self._followed[series]

    def _renewed(self, point: Point, known: _Followed | None, now_ms: int) -> Sequence[Point]:
        buckets, at_ms = point.buckets, point.at_ms
        assert buckets is not None, "asked only of those"  # noqa: S101
        edges: Set[Edge] = buckets.edges()
        if known is not None:
            at_ms = max(at_ms, known.at_ms)
            buckets = known.buckets.plus(buckets) if point.is_delta else buckets
            told = edges_at(known.edges, known.buckets.scale, buckets.scale)
            edges = buckets.edges() | told
        dated = replace(point, at_ms=at_ms)
        before = _before(known, buckets.scale, edges)
        found = [
            replace(_bucket(dated, each, under), start=before.get(each))
            for each, under in cumulative(buckets, edges)
        ]
        found.append(_bucket(dated, math.inf, buckets.count))
        series = {each.sample.series for each in found}
        self._followed[point.sample.series] = _Followed(at_ms, now_ms, buckets, edges, series)
        gone = known.told - series if known is not None else ()
        return [*_marked(found, point.exemplars), *_ends(gone, at_ms)]


def _before(known: _Followed | None, scale: int, edges: Set[Edge]) -> Mapping[float, float]:
    """How much was below each bound until now, those included that nobody had told."""
    if known is None or known.buckets.scale < scale:
        return {}
    return {each: float(n) for each, n in cumulative(known.buckets.at(scale), edges)}


def _bucket(point: Point, bound: float, under: float) -> Point:
    series = point.sample.series
    labels = {**dict(series.labels), "le": number_text(bound)}
    return Point(point.at_ms, Sample(Series.of(series.name, labels), float(under)))


def _marked(points: Sequence[Point], exemplars: Sequence[Exemplar]) -> Sequence[Point]:
    """Each with the exemplars of values between its bound and the one before."""
    found: list[Point] = []
    before = -math.inf
    for point in points:
        bound = float(dict(point.sample.series.labels)["le"])
        mine = tuple(each for each in exemplars if before < each.value <= bound)
        found.append(replace(point, exemplars=mine))
        before = bound
    return found


def _ends(series: Set[Series] | tuple[()], at_ms: int) -> Sequence[Point]:
    return [Point(at_ms, Sample(each, STALE)) for each in sorted(series)]
