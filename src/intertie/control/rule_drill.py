"""A page for practice, from a made-up sample to the answer of each channel."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from anyio import Lock, WouldBlock

from intertie.control.actor import Actor
from intertie.control.monitoring import Watching
from intertie.control.monitoring_reach import require_all
from intertie.errors import ConflictError, NotFoundError
from intertie.suite.monitoring import Severity

if TYPE_CHECKING:  # needed by suites that are monitored only
    from intertie.monitor.drill import Page

LONGEST_S = 40.0
"""A page that takes longer than this cannot be waited for."""
_LATE_ROUNDS = 3
_LATE_S = 15.0
_NOBODY = "nobody is told of alerts: `monitoring.alert_integration.channels` is empty"
_NONE = (
    "cannot drill alerting: this suite is not monitored, or it does not run yet; add"
    " `monitoring: {}` to its file, then `intertie apply`"
)


@dataclass(frozen=True, slots=True)
class PageView:
    """A channel, and how it was told."""

    channel: str
    ok: bool
    answer: str
    tries: int


@dataclass(frozen=True, slots=True)
class DrillView:
    """How a drill went."""

    ok: bool
    """Everybody who is told of such an alert was told in time, and real rules are looked at."""
    severity: str
    within_s: float
    took_s: float | None
    """From the sample to the last channel's answer; None: not all answered in time."""
    pages: tuple[PageView, ...]
    ended: tuple[PageView, ...]
    """Who was told that it is over."""
    why: tuple[str, ...]
    """What is not as it should be."""


@dataclass(frozen=True, slots=True)
class DrillControl:
    """Each call raises NotFoundError where the suite is not monitored."""

    now_watching: Callable[[], Watching | None] = lambda: None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    clock: Callable[[], float] = time.monotonic
    one_at_a_time: Lock = field(default_factory=Lock)

    async def drill(self, actor: Actor, severity: Severity, *, within_s: float) -> DrillView:
        """Tell people of a test. Raises ConflictError while another drill goes on."""
        actor.require_read()
        actor.require_write()
        require_all(actor)
        it = self.now_watching()
        if it is None:
            raise NotFoundError(_NONE)
        try:
            self.one_at_a_time.acquire_nowait()
        except WouldBlock:
            raise ConflictError("cannot drill alerting: another drill goes on") from None
        try:
            return await self._drilled(it, severity, within_s)
        finally:
            self.one_at_a_time.release()

    async def _drilled(self, it: Watching, severity: Severity, within_s: float) -> DrillView:
        from intertie.monitor.drill import Around, drill  # noqa: PLC0415

        if not it.config.alert_integration.channels:
            return DrillView(False, severity, within_s, None, (), (), (_NOBODY,))
        silences = await it.desk.silences("", self.now())
        around = Around(it.config, it.alerting.rules, it.sender, silences, self.now, self.clock)
        found = await drill(around, severity=severity, within_s=within_s)
        why = [*self._troubles(it), *found.held]
        if found.took_s is None and not found.held:
            why.append(_no_answer(found.pages, within_s))
        why += [f"{page.channel}: {page.answer}" for page in found.pages if _failed(page)]
        return DrillView(
            ok=found.ok and not why,
            severity=severity,
            within_s=within_s,
            took_s=found.took_s,
            pages=_views(found.pages),
            ended=_views(found.ended),
            why=tuple(why),
        )

    def _troubles(self, it: Watching) -> list[str]:
        """Of the real rules: a drill has a rule of its own, and would not notice."""
        found = [it.alerting.trouble] if it.alerting.trouble else []
        newest_ms = max(it.alerting.evaluated_ms.values(), default=None)
        every_s = max(
            it.config.metrics_collection.interval, it.config.alerts.evaluation_interval or 0
        )
        if newest_ms is not None:
            ago_s = self.now().timestamp() - newest_ms / 1000
            if ago_s > every_s * _LATE_ROUNDS + _LATE_S:
                found.append(f"rules were looked at last {ago_s:.0f} s ago")
        return found


def _no_answer(pages: "Sequence[Page]", within_s: float) -> str:
    if pages:
        late = ", ".join(each.channel for each in pages if not each.ok)
        return f"no answer within {within_s:g} s: {late}"
    return f"nothing was told within {within_s:g} s"


def _failed(page: "Page") -> bool:
    return not page.ok and bool(page.answer)


def _views(pages: "Sequence[Page]") -> tuple[PageView, ...]:
    return tuple(PageView(each.channel, each.ok, each.answer, each.tries) for each in pages)
