"""How good rules are, and the proof of what they told."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from anyio import to_thread

from intertie.control.actor import Actor
from intertie.control.monitoring import Watching
from intertie.control.monitoring_reach import require_all
from intertie.errors import NotFoundError

if TYPE_CHECKING:  # needed by suites that are monitored only
    from intertie.monitor.proof import Proof
    from intertie.monitor.quality import Quality

_MOST_NOTICES = 100_000
_NONE = (
    "cannot look at notices: this suite is not monitored, or it does not run yet; add"
    " `monitoring: {}` to its file, then `intertie apply`"
)


@dataclass(frozen=True, slots=True)
class ProposalView:
    """A key of a rule that should be another."""

    key: str
    value: str
    why: str


@dataclass(frozen=True, slots=True)
class RuleQualityView:
    """What became of a rule's notices."""

    rule: str
    severity: str
    episodes: int
    """Times that people were told, from the first notice to the end."""
    pages: int
    pages_per_week: float
    acknowledged: int
    acknowledged_within_s: float | None
    """The median; None: nobody acknowledged any."""
    ignored: int
    """Lasted an hour or more, and nobody acknowledged it."""
    short: int
    """Were over within five minutes, before anybody did anything."""
    flapped: int
    never_told: bool
    proposals: tuple[ProposalView, ...]


@dataclass(frozen=True, slots=True)
class QualityView:
    """How good the rules are."""

    since: datetime
    """Of the oldest sample, where that is newer than what was asked for."""
    until: datetime
    rules: tuple[RuleQualityView, ...]
    """Those that page most first."""


@dataclass(frozen=True, slots=True)
class QualityControl:
    """Each call raises NotFoundError where the suite is not monitored."""

    now_watching: Callable[[], Watching | None] = lambda: None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def quality(self, actor: Actor, *, since_s: float) -> QualityView:
        """Of each rule that runs, by the ledger of notices."""
        from intertie.monitor.quality import quality  # noqa: PLC0415

        it = self._it(actor)
        until = self.now()
        rows = await it.desk.notices(most=_MOST_NOTICES)
        oldest_ms = (await it.store.stats()).oldest_ms
        begins = [each.planned_at for each in rows]
        if oldest_ms is not None:
            begins.append(datetime.fromtimestamp(oldest_ms / 1000, UTC))
        since = max(until - timedelta(seconds=since_s), min(begins, default=until))
        acks = await it.desk.acknowledged()
        rules = it.alerting.rules.rules
        work = partial(quality, rules, rows, acks, since=since, until=until)
        return QualityView(since, until, _views(await to_thread.run_sync(work)))

    async def proof(self, actor: Actor, id: str) -> "Proof":
        """Rows of the ledger, from the plan of the notice to its answer. Raises NotFoundError."""
        return await self._it(actor).desk.proof(id)

    def _it(self, actor: Actor) -> Watching:
        actor.require_read()
        require_all(actor)
        found = self.now_watching()
        if found is None:
            raise NotFoundError(_NONE)
        return found


def _views(found: "Sequence[Quality]") -> tuple[RuleQualityView, ...]:
    return tuple(
        RuleQualityView(
            rule=each.rule,
            severity=each.severity,
            episodes=each.episodes,
            pages=each.pages,
            pages_per_week=each.pages_per_week,
            acknowledged=each.acknowledged,
            acknowledged_within_s=each.acknowledged_within_s,
            ignored=each.ignored,
            short=each.short,
            flapped=each.flapped,
            never_told=each.never_told,
            proposals=tuple(ProposalView(p.key, p.value, p.why) for p in each.proposals),
        )
        for each in found
    )
