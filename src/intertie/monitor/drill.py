"""A page for practice: a sample that is made up, judged and told as a real one would be.

It has a ring, a desk and a rule of its own, so nothing of it is kept, and no rule, objective or
incident of the suite knows of it. Evaluation, stages, channels and those who are told are the real
ones.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from anyio import create_task_group, move_on_after, sleep

from intertie.monitor.alerting import Alerting
from intertie.monitor.desk import AlertDesk
from intertie.monitor.escalation import Kind
from intertie.monitor.ledger import Row
from intertie.monitor.ring import Ring
from intertie.monitor.rules import ALERT_NAME, SEVERITY, AlertRule, Rules
from intertie.monitor.sample import Sample, Series
from intertie.monitor.sender import Sender
from intertie.monitor.stages import Silence
from intertie.suite.monitoring import Monitoring, Severity

RULE = "TEST_Drill"
"""Name of the alert: whoever reads it sees that it is none."""
_SERIES = Series("intertie_drill")
_TOLD = "TEST: this is a drill of alerting, nothing is wrong and nothing is to be done"
_RING_MS = 600_000
_LOOK_S = 0.02
_END_S = 15.0
"""For telling that it is over."""
_OPEN = {"planned", "failed"}


@dataclass(frozen=True, slots=True)
class Page:
    """One channel, and how it was told."""

    channel: str
    kind: Kind
    ok: bool
    answer: str
    tries: int


@dataclass(frozen=True, slots=True)
class Drilled:
    """How a drill went."""

    pages: tuple[Page, ...]
    """In the order in which they were planned; channels that did not answer in time included."""
    took_s: float | None
    """From the sample to the last answer; None: that did not come in time."""
    held: tuple[str, ...]
    """Why nobody is told, if so."""
    ended: tuple[Page, ...]
    """Who was told that it is over."""

    @property
    def ok(self) -> bool:
        """Whether everybody who is told of such an alert was told in time."""
        return self.took_s is not None and all(each.ok for each in self.pages)


@dataclass(frozen=True, slots=True)
class Around:
    """What a drill is done with."""

    config: Monitoring
    rules: Rules
    """Of the suite: what hides alerts hides this one, too."""
    sender: Sender
    silences: Sequence[Silence]
    now: Callable[[], datetime]
    clock: Callable[[], float]
    """Seconds, only ever more."""


async def drill(around: Around, *, severity: Severity, within_s: float) -> Drilled:
    """Raise an alert of that severity and end it. Raises IntertieError when it cannot be judged."""
    ring, found = Ring(_RING_MS), list[Drilled]()
    async with AlertDesk.open(None) as desk, create_task_group() as group:
        for each in around.silences:
            await desk.silence(each)
        alerting = Alerting(
            _config(around.config),
            Rules((_rule(severity),), around.rules.inhibitions),
            source=ring,
            desk=desk,
            sender=around.sender,
            publish=lambda _payload, _subject: None,
            now=around.now,
        )
        await group.start(alerting.run)
        found.append(await _Drill(around, ring, alerting, desk).run(within_s))
        group.cancel_scope.cancel()
    return found[0]


class _Drill:
    """One that is on its way."""

    def __init__(self, around: Around, ring: Ring, alerting: Alerting, desk: AlertDesk) -> None:
        self._around = around
        self._ring = ring
        self._alerting = alerting
        self._desk = desk

    async def run(self, within_s: float) -> Drilled:
        """Up to `within_s`, and as long as it takes to tell that it is over."""
        began = self._around.clock()
        await self._measure(1.0)
        took_s: float | None = None
        with move_on_after(within_s):
            if await self._settled("first"):
                took_s = self._around.clock() - began
        pages = await self._pages("first")
        held = tuple(dict.fromkeys(each.why for each in self._alerting.held))
        await self._measure(0.0)
        is_told = any(each.ok for each in pages) and self._around.config.alert_integration.resolved
        with move_on_after(_END_S if is_told else 0):
            await self._settled("resolved")
        return Drilled(pages, took_s, held if not pages else (), await self._pages("resolved"))

    async def _measure(self, value: float) -> None:
        at_ms = round(self._around.now().timestamp() * 1000)
        self._ring.append(at_ms, [Sample(_SERIES, value)])
        await self._alerting.evaluate(at_ms)

    async def _settled(self, kind: Kind) -> bool:
        """Whether all were told, as soon as that is known; False: it is held back."""
        while True:
            rows = await self._rows(kind)
            if rows and not any(each.status in _OPEN for each in rows):
                return True
            if not rows and any(each.stage != "wait" for each in self._alerting.held):
                return False
            await sleep(_LOOK_S)

    async def _pages(self, kind: Kind) -> tuple[Page, ...]:
        return tuple(
            Page(each.channel, each.kind, each.status == "sent", each.answer, each.tries)
            for each in await self._rows(kind)
        )

    async def _rows(self, kind: Kind) -> list[Row]:
        rows = await self._desk.notices(most=1000)
        return [each for each in reversed(rows) if each.kind == kind]


def _rule(severity: Severity) -> AlertRule:
    return AlertRule(
        name=RULE,
        expr=f"{_SERIES.name} > 0",
        shown=f"{_SERIES.name} > 0",
        severity=severity,
        labels=((SEVERITY, severity), ("test", "true")),
        annotations=(("summary", _TOLD),),
    )


def _config(config: Monitoring) -> Monitoring:
    """Looked at at once, and told by its name however alerts are grouped."""
    by = tuple(dict.fromkeys((ALERT_NAME, *config.alerts.group_by)))
    alerts = config.alerts.model_copy(update={"evaluation_interval": None, "group_by": by})
    return config.model_copy(update={"alerts": alerts})
