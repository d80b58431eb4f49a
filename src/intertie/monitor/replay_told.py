"""Whom alerts of the past would have told, had nobody silenced or acknowledged them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from intertie.monitor.escalation import Kind
from intertie.monitor.notices import Notice, Plan, State, due
from intertie.monitor.replay import Fired
from intertie.monitor.stages import Alert, Stage
from intertie.monitor.states import RESOLVED_KEPT_MS
from intertie.suite.monitoring import Inhibition, Monitoring

MAX_ROUNDS = 20_000
"""Moments at which it is looked whom to tell."""
_KEPT = timedelta(milliseconds=RESOLVED_KEPT_MS)


@dataclass(frozen=True, slots=True)
class Telling:
    """One notice."""

    at: datetime
    kind: Kind
    channels: tuple[str, ...]


@dataclass(slots=True)
class _Of:
    """What became of one alert."""

    told: list[Telling] = field(default_factory=list[Telling])
    held: dict[tuple[Stage, str], None] = field(default_factory=dict[tuple[Stage, str], None])


@dataclass(frozen=True, slots=True)
class Tellings:
    """What people would have been told, for each that fired, in the same order."""

    told: tuple[tuple[Telling, ...], ...]
    held: tuple[tuple[tuple[Stage, str], ...], ...]
    """Why an alert was held back at some moment: each reason once."""
    notices: int
    """All together: several alerts may share one."""
    is_cut: bool
    """There were too many moments to look at."""


def tellings(
    fired: Sequence[Fired],
    config: Monitoring,
    inhibitions: Sequence[Inhibition],
    *,
    end_ms: int,
) -> Tellings:
    """In virtual time up to `end_ms`, by the stages that real notices go through. Pure, and slow.

    Raises IntertieError when a mute window cannot be understood.
    """
    alerts = [_alert(each) for each in fired]
    of = [_Of() for _ in alerts]
    count = 0
    for plan, standing in (run := _Run(alerts, config, inhibitions, end_ms)):
        count += len(plan.notices)
        for notice in plan.notices:
            _note(notice, standing, of)
        for held in plan.held:
            if held.stage != "wait":
                index = standing[held.alert.fingerprint]
                of[index].held[held.stage, _short(held.why)] = None
    return Tellings(
        told=tuple(tuple(each.told) for each in of),
        held=tuple(tuple(each.held) for each in of),
        notices=count,
        is_cut=run.is_cut,
    )


class _Run:
    """Each moment at which there may be something to tell: the plan, and who stands for what."""

    def __init__(
        self,
        alerts: Sequence[Alert],
        config: Monitoring,
        inhibitions: Sequence[Inhibition],
        end_ms: int,
    ) -> None:
        self.is_cut = False
        self._alerts = alerts
        self._config = config
        self._inhibitions = inhibitions
        self._end = _moment(end_ms)

    def __iter__(self) -> Iterator[tuple[Plan, dict[str, int]]]:
        ends = (each.ends_at for each in self._alerts if each.ends_at is not None)
        known = sorted({*(each.starts_at for each in self._alerts), *ends}, reverse=True)
        state, standing = State(), dict[str, int]()
        coming = sorted(enumerate(self._alerts), key=lambda each: each[1].starts_at, reverse=True)
        for _ in range(MAX_ROUNDS):
            if not known or known[-1] > self._end:
                return
            now = known.pop()
            while coming and coming[-1][1].starts_at <= now:
                index, alert = coming.pop()
                standing[alert.fingerprint] = index
            alerts = self._at(now, standing)
            plan = due(now, alerts, state, self._config, inhibitions=self._inhibitions)
            yield plan, standing
            state = plan.after
            if plan.next_at is not None and (not known or plan.next_at < known[-1]):
                known.append(plan.next_at)
        self.is_cut = True

    def _at(self, now: datetime, standing: dict[str, int]) -> list[Alert]:
        """As alerting would know them then: not when they will end."""
        known = (self._alerts[index] for index in standing.values())
        return [
            replace(each, ends_at=None) if each.fires(now) else each
            for each in known
            if each.ends_at is None or now - each.ends_at <= _KEPT
        ]


def _note(notice: Notice, standing: dict[str, int], of: Sequence[_Of]) -> None:
    telling = Telling(notice.due_at, notice.kind, notice.channels)
    for alert in notice.alerts:
        of[standing[alert.fingerprint]].told.append(telling)


def _alert(fired: Fired) -> Alert:
    return Alert(
        labels=dict(fired.labels),
        starts_at=_moment(fired.from_ms),
        annotations=dict(fired.annotations),
        ends_at=None if fired.to_ms is None else _moment(fired.to_ms),
        value=fired.value,
    )


def _short(why: str) -> str:
    """Without what changes from moment to moment."""
    return why.partition(":")[0] if why.startswith("it comes and goes") else why


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)
