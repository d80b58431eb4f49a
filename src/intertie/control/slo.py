"""What is promised: how it stands now, and the report of a month."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from intertie.control.actor import Actor
from intertie.errors import NotFoundError
from intertie.suite.slo import Slo

if TYPE_CHECKING:  # needed by suites that are monitored only
    from intertie.monitor.sample import Source
    from intertie.monitor.slo_facts import Objective, SloReport
    from intertie.monitor.store import MetricsStore

_LOOKBACK_MS = 300_000
_NONE = (
    "cannot look at objectives: this suite is not monitored, or it does not run yet; write them"
    " below `monitoring.slo` of its file, then `intertie apply`"
)


@dataclass(frozen=True, slots=True)
class Promised:
    """What there is while a suite is monitored."""

    slos: Mapping[str, Slo]
    store: "MetricsStore"
    source: "Source"


@dataclass(frozen=True, slots=True)
class Burning:
    """How fast a budget burns: 1 lasts just for the objective's window."""

    window: str
    error_ratio: float
    """Share of bad events over it, from 0 to 1."""
    rate: float | None
    """None: there is no budget, and something is bad."""


@dataclass(frozen=True, slots=True)
class SloView:
    """An objective, and how it stands over its window up to now."""

    name: str
    about: str
    unit: str
    tenant: str | None
    objective: float
    """In percent, as `achieved`."""
    achieved: float | None
    """None: nothing happened."""
    met: bool | None
    window_s: float
    since: datetime
    """The beginning of an hour."""
    good: float
    total: float
    allowed: float
    """How many of `total` may be bad."""
    left: float
    """How many more may be; less than 0 once it is missed."""
    used_share: float | None
    """Of the budget, 1 is all; None: there is none, and something is bad."""
    excluded_minutes: float
    burning: tuple[Burning, ...]
    alerts: tuple[str, ...]
    """Names of the rules about its budget."""


@dataclass(frozen=True, slots=True)
class SloControl:
    """Callers of a tenant see its objectives, and no others.

    Each call raises NotFoundError where the suite is not monitored.
    """

    now_promised: Callable[[], Promised | None] = lambda: None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def standing(self, actor: Actor) -> list[SloView]:
        """Each of them, by name."""
        it = self._it(actor)
        now = self.now()
        burning = await _burning(it, now)
        return [
            await _view(name, slo, it, now=now, burning=burning.get(name, {}))
            for name, slo in sorted(it.slos.items())
        ]

    async def report(self, actor: Actor, month: str | None) -> "SloReport":
        """Of a month such as `2026-11`; None: this one so far. Raises IntertieError."""
        from intertie.monitor.slo_report import month_report  # noqa: PLC0415

        it = self._it(actor)
        now = self.now()
        return await month_report(it.slos, it.store, month or f"{now:%Y-%m}", now=now)

    async def page(self, actor: Actor, month: str | None) -> tuple[str, str]:
        """The same as one file of HTML, and the Content-Security-Policy it needs."""
        from intertie.monitor.slo_page import POLICY, page  # noqa: PLC0415

        return page(await self.report(actor, month)), POLICY

    def _it(self, actor: Actor) -> Promised:
        actor.require_own_read()
        found = self.now_promised()
        if found is None:
            raise NotFoundError(_NONE)
        tenant = actor.reach.tenant
        mine = {n: slo for n, slo in found.slos.items() if tenant in {None, slo.tenant}}
        return replace(found, slos=mine)


async def _view(
    name: str, slo: Slo, it: Promised, *, now: datetime, burning: Mapping[str, float]
) -> SloView:
    from intertie.monitor.slo import burn_rules  # noqa: PLC0415
    from intertie.monitor.slo_facts import burn_rate  # noqa: PLC0415

    since, found = await _over_window(name, slo, it.store, now)
    return SloView(
        name=name,
        about=found.about,
        unit=found.unit,
        tenant=slo.tenant,
        objective=slo.objective,
        achieved=found.achieved,
        met=found.met,
        window_s=slo.window,
        since=since,
        good=found.good,
        total=found.total,
        allowed=found.budget.allowed,
        left=found.budget.left,
        used_share=found.budget.used_share,
        excluded_minutes=found.excluded_minutes,
        burning=tuple(
            Burning(window, ratio, burn_rate(ratio, slo.budget_share))
            for window, ratio in burning.items()
        ),
        alerts=tuple(rule.name for rule in burn_rules({name: slo}).rules),
    )


async def _over_window(
    name: str, slo: Slo, store: "MetricsStore", now: datetime
) -> "tuple[datetime, Objective]":
    from intertie.monitor.slo_report import count, objective_of  # noqa: PLC0415

    since = (now - timedelta(seconds=slo.window)).replace(minute=0, second=0, microsecond=0)
    counted = await count(store, since, now)
    return since, objective_of(name, slo, counted.get(name, {}), since=since, until=now)


async def _burning(it: Promised, now: datetime) -> Mapping[str, Mapping[str, float]]:
    """Shares of bad events by objective and window, the shortest first."""
    from intertie.monitor.sample import NAME_LABEL, Matcher  # noqa: PLC0415
    from intertie.monitor.slo import ERROR_RATIO, SLO, WINDOW  # noqa: PLC0415
    from intertie.suite.values import parse_duration  # noqa: PLC0415

    at_ms = round(now.timestamp() * 1000)
    matchers = [Matcher(NAME_LABEL, "=", ERROR_RATIO)]
    found: dict[str, dict[str, float]] = {}
    for each in await it.source.select(matchers, at_ms - _LOOKBACK_MS, at_ms):
        labels = dict(each.series.labels)
        found.setdefault(labels[SLO], {})[labels[WINDOW]] = float(each.values[-1])
    return {
        name: dict(sorted(ratios.items(), key=lambda pair: parse_duration(pair[0])))
        for name, ratios in found.items()
    }
