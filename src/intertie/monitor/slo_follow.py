"""What counters grew by, each followed by itself, and how it was over the last hours."""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from intertie.monitor.sample import Found, Series

_POINTS_IN_SHORTEST = 30


@dataclass(slots=True)
class Growth:
    """What was added at each moment."""

    total: dict[int, float] = field(default_factory=dict[int, float])
    good: dict[int, float] = field(default_factory=dict[int, float])
    """It may be less than 0 where something counted before turns out bad."""


class Follower:
    """Follows all series of one selector."""

    def __init__(self) -> None:
        self._last: dict[Series, tuple[int, float]] = {}

    @property
    def is_primed(self) -> bool:
        """Whether it has seen any."""
        return bool(self._last)

    def prime(self, found: Iterable[Found]) -> None:
        """Go on from the newest of these samples."""
        for each in found:
            for at_ms, value in _numbers(each):
                self._last[each.series] = (at_ms, value)

    def grown(self, found: Iterable[Found], *, from_zero: bool) -> dict[int, float]:
        """By how much counters grew, at each moment.

        One that is less than before began again at 0. A series not seen yet counts from 0 if
        `from_zero`; else nobody knows since when it counts.
        """
        grown: dict[int, float] = {}
        for each in found:
            for at_ms, value in _numbers(each):
                first = 0.0 if from_zero else value
                _, before = self._last.get(each.series, (0, first))
                grown[at_ms] = grown.get(at_ms, 0.0) + (
                    value - before if value >= before else value
                )
                self._last[each.series] = (at_ms, value)
        return grown

    def lasted(self, found: Iterable[Found], *, longest_ms: int) -> Growth:
        """Seconds that gauges tell of, and how many of them they were 1.

        Of a gap longer than `longest_ms` nobody knows how it was in between.
        """
        growth = Growth()
        for each in found:
            for at_ms, value in _numbers(each):
                before_ms, _ = self._last.get(each.series, (at_ms, value))
                self._last[each.series] = (at_ms, value)
                if 0 < at_ms - before_ms <= longest_ms:
                    span_s = (at_ms - before_ms) / 1000
                    growth.total[at_ms] = growth.total.get(at_ms, 0.0) + span_s
                    share = min(max(value, 0.0), 1.0)
                    growth.good[at_ms] = growth.good.get(at_ms, 0.0) + span_s * share
        return growth


class History:
    """Two counters over the longest of some windows; older points go."""

    def __init__(self, windows_s: Sequence[float]) -> None:
        self.span_ms = round(max(windows_s, default=0.0) * 1000)
        """How far it goes back."""
        self._spacing_ms = round(min(windows_s, default=0.0) * 1000) // _POINTS_IN_SHORTEST
        self._times, self._good, self._total = array("q"), array("d"), array("d")

    def __len__(self) -> int:
        return len(self._times)

    def add(self, at_ms: int, good: float, total: float) -> None:
        """Take a point; the newest stays until there is one far enough from the one before."""
        if self._times and at_ms <= self._times[-1]:
            return
        if len(self._times) > 1 and at_ms - self._times[-2] < self._spacing_ms:
            del self._times[-1], self._good[-1], self._total[-1]
        self._times.append(at_ms)
        self._good.append(good)
        self._total.append(total)
        # Cut seldom: what is in front of an array is moved by each cut.
        old = bisect_right(self._times, at_ms - self.span_ms) - 1
        if old > len(self._times) // 2:
            del self._times[:old], self._good[:old], self._total[:old]

    def error_ratio(self, at_ms: int, window_s: float) -> float:
        """Share of bad events in the window, or since the first point; 0 where nothing was."""
        if not self._times:
            return 0.0
        place = max(bisect_right(self._times, at_ms - round(window_s * 1000)) - 1, 0)
        total = self._total[-1] - self._total[place]
        good = self._good[-1] - self._good[place]
        return min(max((total - good) / total, 0.0), 1.0) if total > 0 else 0.0


def _numbers(found: Found) -> Iterable[tuple[int, float]]:
    """Without stale markers and other NaNs."""
    for at_ms, value in zip(found.times.tolist(), found.values.tolist(), strict=True):
        if value == value:  # noqa: PLR0124 -- NaN
            yield at_ms, value
