"""What was promised and what was kept, by month, with what that is computed from."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from intertie.errors import IntertieError, NotFoundError
from intertie.monitor.sample import NAME_LABEL, Matcher
from intertie.monitor.slo import (
    EXCLUDED,
    EXCLUDED_SECONDS,
    GOOD,
    SLO,
    TOTAL,
    about,
    error_ratio_query,
    sli_of,
)
from intertie.monitor.slo_facts import (
    Day,
    Evidence,
    Objective,
    SloReport,
    budget_of,
    is_met,
    percent,
    worst,
)
from intertie.monitor.store import STEP_MS, Aggregate, MetricsStore, Summary
from intertie.suite.slo import Slo

HOUR_MS = STEP_MS["1h"]
_BACK_MS = 7 * STEP_MS["1d"]
"""How far before a span its counters' beginning is looked for: the suite may have been down."""
_MONTH = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")
_FUNCTIONS: tuple[Summary, ...] = ("max", "min", "count")


@dataclass(frozen=True, slots=True)
class Hourly:
    """A counter's growth, hour by hour, where there were samples."""

    grown: Mapping[int, float]
    """By the beginning of the hour, in milliseconds."""
    samples: int = 0
    restarts: int = 0

    @property
    def sum(self) -> float:
        """Of all hours."""
        return sum(self.grown.values())


Counted = Mapping[str, Mapping[str, Hourly]]
"""By objective and recorded metric."""
_NOTHING = Hourly({})


def month_of(text: str) -> tuple[datetime, datetime]:
    """Beginning and end of `2026-11`, in UTC. Raises IntertieError."""
    found = _MONTH.fullmatch(text)
    if found is None:
        raise IntertieError(
            f"cannot report on month {text[:40]!r}: expected a month such as 2026-11"
        )
    year, month = int(found[1]), int(found[2])
    later = (year + month // 12, month % 12 + 1)
    return datetime(year, month, 1, tzinfo=UTC), datetime(*later, 1, tzinfo=UTC)


async def month_report(
    slos: Mapping[str, Slo], store: MetricsStore, month: str, *, now: datetime
) -> SloReport:
    """Of a month that has begun; of this one so far. Raises NotFoundError, StoreError."""
    since, end = month_of(month)
    if since > now:
        raise NotFoundError(f"cannot report on month {month}: it has not begun yet")
    until = min(end, now)
    counted = await count(store, since, until)
    objectives = tuple(
        objective_of(name, slo, counted.get(name, {}), since=since, until=until)
        for name, slo in sorted(slos.items())
    )
    return SloReport(month, since, until, end <= now, now, objectives)


async def count(store: MetricsStore, since: datetime, until: datetime) -> Counted:
    """What the recorder counted in whole hours from `since`, the last one as far as it is."""
    start_ms, end_ms = _ms(since), _ms(until)
    found: dict[str, dict[str, Hourly]] = {}
    for metric in (GOOD, TOTAL, EXCLUDED, EXCLUDED_SECONDS):
        rows = await store.aggregate(
            [Matcher(NAME_LABEL, "=", metric)],
            start_ms - _BACK_MS - 1,
            end_ms - 1,
            step="1h",
            functions=_FUNCTIONS,
        )
        by_slo: dict[str, list[Aggregate]] = {}
        for row in rows:
            by_slo.setdefault(dict(row.series.labels).get(SLO, ""), []).append(row)
        for name, (high, low, counts) in by_slo.items():
            found.setdefault(name, {})[metric] = hourly(high, low, counts, start_ms=start_ms)
    return found


def hourly(high: Aggregate, low: Aggregate, counts: Aggregate, *, start_ms: int) -> Hourly:
    """Growth from the largest and smallest value of each hour.

    From one hour's largest value to the next one's: what is counted between two hours is in it.
    A counter that is below the last hour's largest has begun again at 0. What it had until then
    is kept; what it has since is told by the first hour that lies below as a whole, so a little of
    it may be told an hour late. The first hour there is begins with its own smallest value.
    """
    grown: dict[int, float] = {}
    restarts = samples = 0
    before: float | None = None
    rows = zip(
        high.times.tolist(),
        high.values.tolist(),
        low.values.tolist(),
        counts.values.tolist(),
        strict=True,
    )
    for at_ms, largest, smallest, number in rows:
        last = smallest if before is None else before
        if at_ms >= start_ms:
            grown[at_ms] = largest - last if largest >= last else largest
            samples += round(number)
            restarts += largest < last
        before = largest
    return Hourly(grown, samples, restarts)


def objective_of(
    name: str, slo: Slo, counted: Mapping[str, Hourly], *, since: datetime, until: datetime
) -> Objective:
    """The figures of one, from what was counted; pure."""
    good, total = counted.get(GOOD, _NOTHING), counted.get(TOTAL, _NOTHING)
    budget = budget_of(good.sum, total.sum, slo.budget_share)
    achieved = percent(good.sum, total.sum)
    days = _days(slo, counted, (since, until), allowed=budget.allowed)
    return Objective(
        name=name,
        about=about(slo),
        indicator=slo.indicator,
        unit=sli_of(slo).unit,
        tenant=slo.tenant,
        objective=slo.objective,
        achieved=achieved,
        met=None if achieved is None else is_met(achieved, slo.objective),
        good=good.sum,
        total=total.sum,
        budget=budget,
        excluded=counted.get(EXCLUDED, _NOTHING).sum,
        excluded_minutes=counted.get(EXCLUDED_SECONDS, _NOTHING).sum / 60,
        excluded_windows=slo.exclude,
        days=days,
        worst_days=worst(days),
        evidence=_evidence(name, slo, total, span_ms=_ms(until) - _ms(since)),
    )


def _days(
    slo: Slo, counted: Mapping[str, Hourly], span: tuple[datetime, datetime], *, allowed: float
) -> tuple[Day, ...]:
    good, total, excluded_s = (
        _by_day(counted.get(metric, _NOTHING)) for metric in (GOOD, TOTAL, EXCLUDED_SECONDS)
    )
    found: list[Day] = []
    day, end = span[0].date(), (span[1] - timedelta(microseconds=1)).date()
    while day <= end:
        events, kept = total.get(day, 0.0), good.get(day, 0.0)
        bad = max(events - kept, 0.0)
        share = bad / allowed if allowed > 0 else None if bad > 0 else 0.0
        minutes = excluded_s.get(day, 0.0) / 60
        found.append(Day(day, kept, events, percent(kept, events), share, minutes))
        day += timedelta(days=1)
    return tuple(found)


def _by_day(hours: Hourly) -> Mapping[date, float]:
    found: dict[date, float] = {}
    for at_ms, value in hours.grown.items():
        day = datetime.fromtimestamp(at_ms / 1000, UTC).date()
        found[day] = found.get(day, 0.0) + value
    return found


def _evidence(name: str, slo: Slo, total: Hourly, *, span_ms: int) -> Evidence:
    sli = sli_of(slo)
    metrics = {"good": GOOD, "total": TOTAL}
    if slo.exclude:
        metrics |= {"excluded": EXCLUDED, "excluded_seconds": EXCLUDED_SECONDS}
    hours = -(-span_ms // HOUR_MS)
    return Evidence(
        counts=sli.total,
        part=sli.part,
        part_is=sli.part_is,
        query=error_ratio_query(sli, slo.window),
        recorded={what: f'{metric}{{{SLO}="{name}"}}' for what, metric in metrics.items()},
        samples=total.samples,
        hours=len(total.grown),
        missing_hours=max(hours - len(total.grown), 0),
        restarts=total.restarts,
    )


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
