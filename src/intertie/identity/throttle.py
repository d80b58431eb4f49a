"""Guessing is made slow: after some failures each further try has to wait, longer each time."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Pace:
    """How many failures are free, and the delays after those."""

    free: int = 5
    first_s: float = 1.0
    """Doubled with each further failure."""
    most_s: float = 900.0
    forget_s: float = 3600.0
    """After so long without a failure all are forgotten."""


@dataclass(frozen=True, slots=True)
class _Count:
    failures: int
    at: datetime


class Throttle:
    """Failures by name, of at most `size` names: those longest without one are forgotten."""

    def __init__(self, pace: Pace, *, now: Callable[[], datetime], size: int = 20_000) -> None:
        self._pace = pace
        self._now = now
        self._size = size
        self._counts: OrderedDict[str, _Count] = OrderedDict()

    def wait_s(self, name: str) -> float:
        """How long until it may try again; 0 is at once."""
        count = self._counts.get(name)
        if count is None or count.failures < self._pace.free:
            return 0.0
        passed = (self._now() - count.at).total_seconds()
        return max(0.0, self._delay_s(count.failures) - passed)

    def begin(self, name: str) -> None:
        """Count a failure before the outcome is known: tries at the same time do not add up."""
        count = self._counts.pop(name, None)
        now = self._now()
        old = count is None or now - count.at > timedelta(seconds=self._pace.forget_s)
        self._counts[name] = _Count(1 if count is None or old else count.failures + 1, now)
        while len(self._counts) > self._size:
            self._counts.popitem(last=False)

    def forgive(self, name: str) -> None:
        """It has proven itself: forget all of its failures."""
        self._counts.pop(name, None)

    def undo(self, name: str) -> None:
        """The try was no failure; those before still count."""
        count = self._counts.get(name)
        if count is not None:
            self._counts[name] = replace(count, failures=max(0, count.failures - 1))

    def _delay_s(self, failures: int) -> float:
        doublings = min(failures - self._pace.free, 30)
        return min(self._pace.most_s, self._pace.first_s * 2.0**doublings)
