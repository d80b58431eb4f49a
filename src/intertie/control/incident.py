"""Incidents: what went wrong, what was done, who was told, put together from what was recorded.

Everything here is pure. An incident is a stretch of time in which something was in trouble: a
service that had failed or was unwell, an alert that fired. Troubles that overlap, or follow each
other closely, are one incident.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import accumulate
from typing import Literal

from intertie.control.incident_stretch import GAP, Stretch, Trouble, is_up, stretches
from intertie.control.incident_words import is_about_services, told_in_words
from intertie.event import (
    AlertFiring,
    AlertResolved,
    Event,
    GatewayApplied,
    RemediationMoved,
    ServiceFailed,
    ServiceStarted,
    ServiceStopped,
)
from intertie.runtime.change import Change

_BEFORE = timedelta(minutes=10)
"""Changes that ended so shortly before may be the cause."""
_MOST_LINES = 500
_POLICY = "restart policy"
_NEVER = datetime.max.replace(tzinfo=UTC)

LineKind = Literal["failure", "recovery", "alert", "notice", "change", "other"]


@dataclass(frozen=True, slots=True)
class Notice:
    """What people were told, or are to be."""

    at: datetime
    """When it was decided."""
    kind: str
    channel: str
    status: str
    tries: int
    answer: str
    about: frozenset[Trouble]


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened."""

    at: datetime
    after_s: float
    """Since the incident began; below 0: before that."""
    kind: LineKind
    what: str
    about: str
    """A service, an alert, a channel, a change or the gateway."""
    by: str
    """Who did it; empty: it happened by itself."""
    event: str = ""
    """Id of the event, if it was one."""


@dataclass(frozen=True, slots=True)
class Done:
    """Something that was done about it, or meanwhile."""

    at: datetime
    after_s: float
    what: str
    by: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Told:
    """Somebody who was told."""

    at: datetime
    after_s: float
    """From the first bad event to the decision to tell."""
    channel: str
    kind: str
    status: str
    tries: int
    answer: str


@dataclass(frozen=True, slots=True)
class AlertSeen:
    """An alert of the incident."""

    name: str
    severity: str
    labels: str
    value: str
    """Of its rule's expression as it began to fire."""
    fired_at: datetime
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The last lines of a service's log as it failed."""

    service: str
    replica: int
    at: datetime
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """A series around the incident; None: there was no sample."""

    series: str
    before: float | None
    lowest: float | None
    highest: float | None
    after: float | None


@dataclass(frozen=True, slots=True)
class Incident:
    """A connected stretch of trouble."""

    id: str
    """Made of the first event: the same whenever it is looked at."""
    title: str
    begin: datetime
    end: datetime | None
    """None: it is not over."""
    services: tuple[str, ...]
    alerts: tuple[AlertSeen, ...]
    done: tuple[Done, ...]
    told: tuple[Told, ...]
    lines: tuple[Line, ...]
    """By time."""
    left_out: int
    """Lines from the middle of a very long timeline."""
    to_detect_s: float | None
    """From the first bad event to the first alert; None: none fired."""
    to_tell_s: float | None
    """From the first bad event to the first notice that was sent; None: nobody was told."""
    to_recover_s: float | None
    log: tuple[Excerpt, ...] = ()
    measured: tuple[Measured, ...] = ()


def incidents(
    events: Sequence[Event],
    notices: Sequence[Notice],
    changes: Sequence[Change],
    now: datetime,
    *,
    still: Collection[Trouble] | None = None,
) -> Sequence[Incident]:
    """All of them, the oldest first.

    `still`: what is in trouble now, if that is known. Other troubles that nothing recorded the end
    of (a rule was removed, a service is not in the suite any more) ended with the last word of
    them.
    """
    ordered = sorted(events, key=lambda each: each.time)
    times = [each.time for each in ordered]
    troubled = stretches(ordered, changes, still)
    near = _Near(changes)
    told = _by_stretch(troubled, sorted(notices, key=lambda each: each.at))
    found: list[Incident] = []
    for it, its_notices in zip(troubled, told, strict=True):
        until = _until(it, now)
        around = ordered[bisect_left(times, it.begin) : bisect_right(times, until)]
        its_changes = near.between(it.begin - _BEFORE, until)
        story = _Story(it, around, changes=its_changes, notices=its_notices, now=now)
        found.append(story.incident())
    return found


def _until(it: Stretch, now: datetime) -> datetime:
    """What is told shortly after the end belongs to it, too."""
    return now if it.end is None else it.end + GAP


def _by_stretch(
    troubled: Sequence[Stretch], notices: Sequence[Notice]
) -> Sequence[Sequence[Notice]]:
    """Of each stretch the notices of its alerts, up to the next that has one of the same."""
    found: list[list[Notice]] = [[] for _ in troubled]
    latest: dict[Trouble, int] = {}
    """The stretch that had each alert last."""
    place = 0
    for notice in notices:
        while place < len(troubled) and troubled[place].begin <= notice.at:
            latest |= dict.fromkeys(troubled[place].troubles, place)
            place += 1
        owner = max((latest[each] for each in notice.about if each in latest), default=None)
        if owner is not None:
            found[owner].append(notice)
    return found


class _Near:
    """Changes by time."""

    def __init__(self, changes: Sequence[Change]) -> None:
        self._changes = sorted(changes, key=lambda each: each.began_at)
        self._begins = [each.began_at for each in self._changes]
        ends = (each.ended_at or _NEVER for each in self._changes)
        self._ends = list(accumulate(ends, max))
        """By when each and all before it had ended: it only grows, and so can be searched."""

    def between(self, start: datetime, end: datetime) -> Sequence[Change]:
        """Those that were being done at some moment of it."""
        first, last = bisect_left(self._ends, start), bisect_right(self._begins, end)
        return [e for e in self._changes[first:last] if (e.ended_at or _NEVER) >= start]


class _Story:
    """One incident, put together from all that was recorded around it."""

    def __init__(
        self,
        it: Stretch,
        around: Sequence[Event],
        *,
        changes: Sequence[Change],
        notices: Sequence[Notice],
        now: datetime,
    ) -> None:
        self._it = it
        self._changes = changes
        self._now = now
        self._events = [each for each in around if self._is_ours(each)]
        self._told = tuple(self._telling(each) for each in notices)

    def incident(self) -> Incident:
        it = self._it
        alerts = tuple(self._alerts())
        lines = [*self._event_lines(), *self._change_lines(), *_notice_lines(self._told)]
        shown, left_out = _shortened(sorted(lines, key=lambda each: each.at))
        return Incident(
            id=sha256(it.first.id.encode()).hexdigest()[:12],
            title=f"{_about(it.first)}: {told_in_words(it.first)}",
            begin=it.begin,
            end=it.end,
            services=it.services,
            alerts=alerts,
            done=tuple(self._done()),
            told=self._told,
            lines=shown,
            left_out=left_out,
            to_detect_s=min((self._after(each.fired_at) for each in alerts), default=None),
            to_tell_s=min((e.after_s for e in self._told if e.status == "sent"), default=None),
            to_recover_s=None if it.end is None else self._after(it.end),
        )

    def _after(self, at: datetime) -> float:
        return (at - self._it.begin).total_seconds()

    def _is_ours(self, event: Event) -> bool:
        """What happened to others matters only while it lasts."""
        if event.type in {AlertFiring.type, AlertResolved.type}:
            return Trouble.of_alert(event.data.get("labels")) in self._it.troubles
        if event.type == RemediationMoved.type:
            return event.data.get("alert") in {e.name for e in self._it.troubles}
        is_over = self._it.end is not None and event.time > self._it.end
        if is_over and event.data.get("service") not in self._it.services:
            return False
        return event.type == GatewayApplied.type or is_about_services(event)

    def _event_lines(self) -> Iterator[Line]:
        for event in self._events:
            yield Line(
                at=event.time,
                after_s=self._after(event.time),
                kind=_kind(event),
                what=told_in_words(event),
                about=_about(event),
                by=self._by(event),
                event=event.id,
            )

    def _by(self, event: Event) -> str:
        if event.type == AlertFiring.type:
            return "alerting"
        if event.type == RemediationMoved.type:
            return "remediation"
        is_start = event.type == ServiceStarted.type
        if not is_start and not (event.type == ServiceStopped.type and event.data.get("wanted")):
            return ""
        change = self._change_of(str(event.data.get("service")), event.time)
        if change is not None:
            return change.actor
        return _POLICY if is_start else ""

    def _change_of(self, service: str, at: datetime) -> Change | None:
        """The one that was at work on the service."""
        for each in reversed(self._changes):
            is_meant = any(step.service == service for step in each.steps)
            if is_meant and each.began_at <= at <= (each.ended_at or self._now):
                return each
        return None

    def _change_lines(self) -> Iterator[Line]:
        for each in self._changes:
            told = Line(
                at=each.began_at,
                after_s=self._after(each.began_at),
                kind="change",
                what=f"begun: {each.title}",
                about=f"change {each.id}",
                by=each.actor,
            )
            yield told
            if each.ended_at is not None:
                after_s = self._after(each.ended_at)
                what = f"{_outcome(each)}: {each.title}"
                yield replace(told, at=each.ended_at, after_s=after_s, what=what)

    def _done(self) -> Sequence[Done]:
        found = [
            Done(e.began_at, self._after(e.began_at), e.title, e.actor, _outcome(e))
            for e in self._changes
            if e.ended_at is None or e.ended_at >= self._it.begin
        ]
        for event in self._events:
            by = self._by(event)
            if event.type == ServiceStarted.type and by == _POLICY:
                what = f"restart {event.data.get('service')}"
                outcome = told_in_words(event)
                found.append(Done(event.time, self._after(event.time), what, by, outcome))
        return sorted(found, key=lambda each: each.at)

    def _alerts(self) -> Iterable[AlertSeen]:
        seen: dict[Trouble, AlertSeen] = {}
        for event in self._events:
            trouble = Trouble.of_alert(event.data.get("labels"))
            if event.type == AlertResolved.type and trouble in seen:
                seen[trouble] = replace(seen[trouble], resolved_at=event.time)
            elif event.type == AlertFiring.type:
                first = seen.get(trouble)
                seen[trouble] = AlertSeen(
                    name=trouble.name,
                    severity=str(event.data.get("severity", "")),
                    labels=trouble.which,
                    value=str(event.data.get("value", "")),
                    fired_at=first.fired_at if first else event.time,
                    resolved_at=None,
                )
        return seen.values()

    def _telling(self, notice: Notice) -> Told:
        return Told(
            at=notice.at,
            after_s=self._after(notice.at),
            channel=notice.channel,
            kind=notice.kind,
            status=notice.status,
            tries=notice.tries,
            answer=notice.answer,
        )


def _notice_lines(told: Sequence[Told]) -> Iterator[Line]:
    for each in told:
        what = f"notice ({each.kind}): {each.status}"
        yield Line(each.at, each.after_s, "notice", what, f"channel {each.channel}", "alerting")


def _outcome(change: Change) -> str:
    return change.status if change.error is None else f"{change.status}: {change.error}"


def _about(event: Event) -> str:
    service, replica = event.data.get("service"), event.data.get("replica")
    if isinstance(service, str):
        return f"{service}/{replica}" if replica else service
    return event.subject


def _kind(event: Event) -> LineKind:
    if event.type in {AlertFiring.type, AlertResolved.type}:
        return "alert"
    if event.type == ServiceFailed.type or event.data.get("status") == "DOWN":
        return "failure"
    is_end = event.type == ServiceStopped.type and not event.data.get("wanted")
    if is_end or event.type == "suite.recovery_alert":
        return "failure"
    if event.type in {ServiceStarted.type, "suite.recovered"} or is_up(event):
        return "recovery"
    return "other"


def _shortened(lines: Sequence[Line]) -> tuple[tuple[Line, ...], int]:
    """The beginning and the end matter most."""
    left_out = max(0, len(lines) - _MOST_LINES)
    if not left_out:
        return tuple(lines), 0
    half = _MOST_LINES // 2
    return (*lines[:half], *lines[-half:]), left_out
