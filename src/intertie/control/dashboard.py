"""The dashboards: which charts there are for this suite, and the page that draws them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from intertie.control.actor import Actor
from intertie.errors import NotFoundError
from intertie.monitor.dashboard import SPANS_S, Dashboard, Facts, SpanName, dashboards, pace
from intertie.suite.model import Suite

if TYPE_CHECKING:  # needed by suites that are monitored only
    from intertie.control.monitoring import Watching

_NONE = (
    "cannot show dashboards: this suite is not monitored, or it does not run yet; add"
    " `monitoring: {}` to its file, then `intertie apply`"
)


@dataclass(frozen=True, slots=True)
class Boards:
    """All dashboards over one span of time; their queries answer with points from `since` on."""

    suite: str
    span: SpanName
    span_s: int
    now: datetime
    since: datetime
    until: datetime
    step_s: float
    """Between two points, of which the last is at `until`."""
    dashboards: tuple[Dashboard, ...]


@dataclass(frozen=True, slots=True)
class DashboardControl:
    """Raises NotFoundError where the suite is not monitored."""

    now_watching: "Callable[[], Watching | None]" = lambda: None
    suite: Callable[[], Suite] | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def boards(self, actor: Actor, span: SpanName) -> Boards:
        """What is to be asked and drawn."""
        actor.require_read()
        it = self.now_watching()
        if it is None or self.suite is None:
            raise NotFoundError(_NONE)
        suite = self.suite()
        facts = Facts(
            interval_s=it.config.metrics_collection.interval,
            gateway=suite.gateway is not None,
            bus=suite.bus is not None,
            integrations=tuple(suite.integrations),
            metrics=tuple(it.config.metrics.items()),
        )
        at = pace(span, facts.interval_s)
        now = self.now()
        newest_s = now.timestamp() // facts.interval_s * facts.interval_s
        until = datetime.fromtimestamp(newest_s, UTC)
        since = until - timedelta(seconds=SPANS_S[span] // at.step_s * at.step_s)
        return Boards(
            suite=suite.suite,
            span=span,
            span_s=SPANS_S[span],
            now=now,
            since=since,
            until=until,
            step_s=at.step_s,
            dashboards=dashboards(facts, at),
        )

    def page(self) -> tuple[str, str]:
        """HTML that holds nothing of the suite, and the Content-Security-Policy it needs."""
        from intertie.monitor.dashboard_page import PAGE, POLICY  # noqa: PLC0415

        return PAGE, POLICY
