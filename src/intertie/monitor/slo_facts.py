"""Figures of objectives: budgets, days, and the report of a month. Nothing here reads a store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from math import isclose

_WORST = 5


@dataclass(frozen=True, slots=True)
class Budget:
    """How many events may be bad, and are."""

    allowed: float
    used: float
    left: float
    """Less than 0 once the objective is missed."""
    used_share: float | None
    """1 when all is used; None: nothing is allowed, and something is used."""


@dataclass(frozen=True, slots=True)
class Day:
    """One UTC day of an objective."""

    day: date
    good: float
    total: float
    achieved: float | None
    """In percent; None: nothing happened."""
    budget_share: float | None
    """How much of the whole span's budget it used; None: there is none, and it used some."""
    excluded_minutes: float

    @property
    def bad(self) -> float:
        """Those that broke the promise."""
        return self.total - self.good


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the figures are computed from, for who wants to compute them again."""

    counts: str
    """Selector of what was counted: all events."""
    part: str
    part_is: str
    """Whether `part` counts the good or the bad ones, or tells when it was up."""
    query: str
    """PromQL over what was counted, for as long as single samples are kept."""
    recorded: Mapping[str, str]
    """Series in the store that hold the counts, by what they count."""
    samples: int
    """Of the series of all events, in the span."""
    hours: int
    """With such samples."""
    missing_hours: int
    """Without any: nothing was measured then."""
    restarts: int
    """How often the count began again at 0; a little before may be missing then."""


@dataclass(frozen=True, slots=True)
class Objective:
    """One objective over the span."""

    name: str
    about: str
    indicator: str
    unit: str
    """Of `good`, `total` and the budget: requests, calls, seconds, events."""
    tenant: str | None
    objective: float
    """In percent, as `achieved`."""
    achieved: float | None
    """None: nothing happened."""
    met: bool | None
    good: float
    total: float
    budget: Budget
    excluded: float
    """Events in maintenance windows; they are not in `total`."""
    excluded_minutes: float
    excluded_windows: tuple[str, ...]
    days: tuple[Day, ...]
    worst_days: tuple[Day, ...]
    """Those with the most bad events, the worst first."""
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class SloReport:
    """Everything promised, over a month of UTC."""

    month: str
    since: datetime
    until: datetime
    complete: bool
    """Whether the month was over."""
    made_at: datetime
    objectives: tuple[Objective, ...]


def budget_of(good: float, total: float, share: float) -> Budget:
    """Of the events there were; `share` of them may be bad."""
    allowed, used = total * share, max(total - good, 0.0)
    used_share = used / allowed if allowed > 0 else None if used > 0 else 0.0
    return Budget(allowed, used, allowed - used, used_share)


def burn_rate(error_ratio: float, share: float) -> float | None:
    """1: the budget lasts just for its window. None: nothing is allowed, and something is bad."""
    if share > 0:
        return error_ratio / share
    return None if error_ratio > 0 else 0.0


def percent(good: float, total: float) -> float | None:
    """How much was good; None: nothing happened."""
    return 100 * good / total if total > 0 else None


def is_met(achieved: float, objective: float) -> bool:
    """Whether the promise was kept; the last digits of a share of floats do not count."""
    return achieved >= objective or isclose(achieved, objective, rel_tol=1e-12)


def worst(days: Sequence[Day]) -> tuple[Day, ...]:
    """Those with the most bad events, the worst first; days without any are not among them."""
    bad = [day for day in days if day.bad > 0]
    return tuple(sorted(bad, key=lambda day: (-day.bad, day.day))[:_WORST])
