"""What rules would have told of the past: those that run, or those of the file as written."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from anyio import Lock, WouldBlock, to_thread

from intertie.control.actor import Actor
from intertie.control.monitoring import Watching
from intertie.control.monitoring_reach import require_all
from intertie.control.replay_views import ReplayView, Which, replay_view
from intertie.control.rule_difference import RuleDifference, in_brief, unknown
from intertie.errors import ConflictError, NotFoundError
from intertie.suite.model import Suite
from intertie.suite.monitoring import Monitoring

if TYPE_CHECKING:  # needed by suites that are monitored only
    from intertie.monitor.replay_diff import RuleChange
    from intertie.monitor.replay_rules import Past, Span
    from intertie.monitor.rules import Rules

LONGEST_S = 40.0
"""Of a replay that is asked for."""
PLAN_S = 5.0
"""Of one that a plan asks for."""
_PLAN_S = 7 * 86_400.0
_BUSY = "another replay of rules is not done yet"
_NONE = (
    "cannot replay rules: this suite is not monitored, or it does not run yet; add `monitoring: {}`"
    " to its file, then `intertie apply`"
)


@dataclass(frozen=True, slots=True)
class _Side:
    """Rules, and what they are looked at with."""

    config: Monitoring
    rules: "Rules"


@dataclass(frozen=True, slots=True)
class ReplayControl:
    """Each call raises NotFoundError where the suite is not monitored, unless it says otherwise."""

    now_watching: Callable[[], Watching | None] = lambda: None
    load: Callable[[], Awaitable[Suite]] | None = None
    """Reads the suite file as it is now; raises SuiteError."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    clock: Callable[[], float] = time.monotonic
    one_at_a_time: Lock = field(default_factory=Lock)

    async def replay(
        self, actor: Actor, rule: str | None, *, since_s: float, which: Which = "running"
    ) -> ReplayView:
        """All rules or one, over the last `since_s` seconds.

        Raises NotFoundError, SuiteError, and ConflictError while another replay runs.
        """
        it = self._it(actor)
        require_all(actor)
        side = await self._side(it, which)
        try:
            self.one_at_a_time.acquire_nowait()
        except WouldBlock:
            raise ConflictError(f"cannot replay rules: {_BUSY}; try again in a minute") from None
        try:
            return await self._replayed(it, side, rule, since_s=since_s, which=which)
        finally:
            self.one_at_a_time.release()

    async def _replayed(
        self, it: Watching, side: _Side, rule: str | None, *, since_s: float, which: Which
    ) -> ReplayView:
        from intertie.monitor.replay_rules import chosen, replay_rules  # noqa: PLC0415

        rules = side.rules if rule is None else chosen(side.rules, rule)
        span = await self._span(it, side.config, since_s)
        past = await replay_rules(rules.rules, it.source, span, is_late=self._late(LONGEST_S))
        names = [rule] if rule is not None else [each.name for each in rules.rules]
        work = partial(_told, side, past, names=names, which=which)
        return await to_thread.run_sync(work)

    async def difference(self, actor: Actor) -> RuleDifference | None:
        """Rules of the file against those that run; None: they are the same, or none run."""
        actor.require_read()
        it = self.now_watching()
        if it is None or self.load is None or actor.reach.tenant is not None:
            return None
        from intertie.monitor.replay_diff import changes  # noqa: PLC0415

        written = await self._side(it, "written")
        found = changes(it.alerting.rules, written.rules)
        if not found:
            return None
        try:
            self.one_at_a_time.acquire_nowait()
        except WouldBlock:
            return unknown(found, self.now(), _BUSY)
        try:
            return await self._compared(it, written.config, found)
        finally:
            self.one_at_a_time.release()

    def _it(self, actor: Actor) -> Watching:
        actor.require_read()
        found = self.now_watching()
        if found is None:
            raise NotFoundError(_NONE)
        return found

    async def _side(self, it: Watching, which: Which) -> _Side:
        from intertie.monitor.replay_rules import rules_in  # noqa: PLC0415

        if which == "running" or self.load is None:
            return _Side(it.config, it.alerting.rules)
        suite = await self.load()
        config = suite.monitoring
        if config is None:
            from intertie.monitor.rules import Rules  # noqa: PLC0415

            return _Side(it.config, Rules())
        return _Side(config, rules_in(config))

    def _late(self, limit_s: float) -> Callable[[], bool]:
        end = self.clock() + limit_s
        return lambda: self.clock() > end

    async def _span(self, it: Watching, config: Monitoring, since_s: float) -> "Span":
        from intertie.monitor.replay_rules import span_of  # noqa: PLC0415

        now_ms = round(self.now().timestamp() * 1000)
        oldest_ms = (await it.store.stats()).oldest_ms
        start_ms = max(oldest_ms or now_ms, now_ms - round(since_s * 1000))
        return span_of(config, min(start_ms, now_ms), now_ms)

    async def _compared(
        self, it: Watching, written: Monitoring, found: "Sequence[RuleChange]"
    ) -> RuleDifference:
        from intertie.monitor.replay_rules import replay_rules  # noqa: PLC0415

        old = [each.before for each in found if each.before is not None]
        new = [each.after for each in found if each.after is not None]
        half, all_ = self._late(PLAN_S / 2), self._late(PLAN_S)
        span = await self._span(it, it.config, _PLAN_S)
        before = await replay_rules(old, it.source, span, is_late=half)
        span = await self._span(it, written, _PLAN_S)
        after = await replay_rules(new, it.source, span, is_late=all_)
        return in_brief(found, before, after, cut=_cut([before, after], PLAN_S))


def _told(side: _Side, past: "Past", *, names: Sequence[str], which: Which) -> ReplayView:
    from intertie.monitor.replay_told import MAX_ROUNDS, tellings  # noqa: PLC0415

    fired = [each for _, found in past.rules for each in found.fired]
    told = tellings(fired, side.config, side.rules.inhibitions, end_ms=past.span.end_ms)
    cut = _cut([past], LONGEST_S)
    if told.is_cut:
        cut = f"{cut}; " if cut else ""
        cut += f"notices are told of the first {MAX_ROUNDS} moments only"
    return replay_view(past, told, names=names, which=which, cut=cut)


def _cut(pasts: "Sequence[Past]", limit_s: float) -> str:
    cut = [each for each in pasts if each.is_cut]
    if not cut:
        return ""
    if any(not each.rules for each in cut):
        return f"nothing was looked at: it takes longer than {limit_s:g} s"
    hours = min(each.span.end_ms - each.span.start_ms for each in cut) / 3_600_000
    return f"only the last {hours:.3g} h were looked at: more takes longer than {limit_s:g} s"
