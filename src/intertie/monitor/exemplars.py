"""The last request that each counter counted and somebody traced: from a metric to its trace."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from intertie.monitor.sample import Matcher, Series
from intertie.monitor.series_text import number_text

MOST = 10_000
"""Series; those told longest ago go first."""
MAX_LABELS = 128
"""Characters of all labels of an exemplar, as OpenMetrics has it."""


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One that was counted."""

    value: float
    at_ms: int
    """0: nobody said when."""
    labels: tuple[tuple[str, str], ...]
    """Sorted by name: `trace_id`, mostly, and `span_id`."""

    def as_json(self) -> dict[str, object]:
        """As Prometheus has it."""
        told = {"labels": dict(self.labels), "value": number_text(self.value)}
        return {**told, "timestamp": self.at_ms / 1000}


class Exemplars:
    """The newest of each series, in memory only."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._kept: OrderedDict[Series, Exemplar] = OrderedDict()

    def take(self, series: Series, exemplars: Iterable[Exemplar], *, now_ms: int) -> None:
        """Keep the newest of these, unless a newer one is kept.

        `now_ms`: when one was told that has no time; told again it is not newer.
        """
        for each in exemplars:
            if sum(len(name) + len(text) for name, text in each.labels) > MAX_LABELS:
                continue
            kept = self._kept.get(series)
            dated = _dated(each, kept, now_ms)
            if kept is None or dated.at_ms >= kept.at_ms:
                self._kept[series] = dated
                self._kept.move_to_end(series)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def select(
        self, selectors: Iterable[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> Mapping[Series, Exemplar]:
        """Those of series that fit one of the selectors, from `start_ms` to `end_ms`."""
        wanted = list(selectors)
        return {
            series: self._kept[series]
            for series in sorted(self._kept)
            if start_ms <= self._kept[series].at_ms <= end_ms
            and any(all(each.fits(series) for each in matchers) for matchers in wanted)
        }


def _dated(told: Exemplar, kept: Exemplar | None, now_ms: int) -> Exemplar:
    if told.at_ms:
        return told
    if kept is not None and (kept.value, kept.labels) == (told.value, told.labels):
        return kept
    return replace(told, at_ms=now_ms)
