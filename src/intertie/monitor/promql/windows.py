"""Samples of selectors and ranges, cut to what each moment of an evaluation sees."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from intertie.monitor.promql.frame import Frame
from intertie.monitor.promql.rows import Floats, Labels, Row, Times, labels_of
from intertie.monitor.promql.tree import Range, Selector, Subquery
from intertie.monitor.sample import STALE, Found

_STALE_BITS = np.array([STALE]).view(np.int64)[0]


@dataclass(frozen=True, slots=True)
class Windows:
    """Samples of one series; each moment sees those with `first` <= index < `after`."""

    labels: Labels
    times: Times
    values: Floats
    first: Times
    after: Times
    start_ms: Times
    """Where the range of each moment begins."""
    end_ms: Times
    now_ms: Times
    """The moments themselves, that a function may reckon from."""
    closed: bool

    @property
    def counts(self) -> Times:
        """How many samples each moment sees."""
        return self.after - self.first


def newest(node: Selector, frame: Frame) -> list[Row]:
    """The newest value of each series, unless it is too old or the series has ended."""
    return [row for row, _ in newest_with_times(node, frame)]


def newest_with_times(node: Selector, frame: Frame) -> list[tuple[Row, Times]]:
    """Each with the times of its samples in milliseconds."""
    seen = frame.samples[node.matchers]
    frame.check_size(len(seen))
    ends = frame.looked_at(node.moment)
    rows = [_newest(found, ends, frame) for found in seen if len(found.times)]
    return [(row, times) for row, times in rows if row.there.any()]


def _newest(found: Found, ends: Times, frame: Frame) -> tuple[Row, Times]:
    index = np.searchsorted(found.times, ends, side="right") - 1
    known = np.maximum(index, 0)
    times, values = found.times[known], found.values[known]
    oldest = ends - frame.options.lookback_ms
    fresh = times >= oldest if frame.options.closed else times > oldest
    there = (index >= 0) & fresh & (values.view(np.int64) != _STALE_BITS)
    return Row(labels_of(found.series), values, there), times


def of_range(node: Range, frame: Frame) -> list[Windows]:
    """Samples of a range, without the markers that end series."""
    ends = frame.looked_at(node.selector.moment)
    seen = frame.samples[node.selector.matchers]
    frame.check_size(len(seen))
    windows: list[Windows] = []
    for found in seen:
        kept = found.values.view(np.int64) != _STALE_BITS
        series = (labels_of(found.series), found.times[kept], found.values[kept])
        windows.append(_windows(series, ends, length_ms=node.length_ms, frame=frame))
    return _not_empty(windows)


def of_rows(rows: Sequence[Row], times: Times, *, node: Subquery, frame: Frame) -> list[Windows]:
    """Values of a subquery, found at `times`, as if they were samples."""
    ends = frame.looked_at(node.moment)
    frame.check_size(len(rows))
    series = ((row.labels, times[row.there], row.values[row.there]) for row in rows)
    return _not_empty(
        [_windows(one, ends, length_ms=node.length_ms, frame=frame) for one in series]
    )


def subquery_times(node: Subquery, frame: Frame) -> Times:
    """When the inside of a subquery is evaluated: at whole multiples of its step."""
    ends = frame.looked_at(node.moment)
    step = node.step_ms or frame.options.subquery_step_ms
    start = int(ends.min()) - node.length_ms
    first = start // step * step
    if first < start or (first == start and not frame.options.closed):
        first += step
    return np.arange(first, int(ends.max()) + 1, step, dtype=np.int64)


def _windows(
    series: tuple[Labels, Times, Floats], ends: Times, *, length_ms: int, frame: Frame
) -> Windows:
    labels, times, values = series
    starts = ends - length_ms
    closed = frame.options.closed
    return Windows(
        labels=labels,
        times=times,
        values=values,
        first=np.searchsorted(times, starts, side="left" if closed else "right"),
        after=np.searchsorted(times, ends, side="right"),
        start_ms=starts,
        end_ms=ends,
        now_ms=frame.times,
        closed=closed,
    )


def _not_empty(windows: Sequence[Windows]) -> list[Windows]:
    return [one for one in windows if bool((one.counts > 0).any())]
