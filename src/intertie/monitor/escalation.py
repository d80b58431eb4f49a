"""How insistently a group of alerts is told: first, again and again, to others too, and not at all.

All in terms of moments: what is due now, and when to ask again. Repeats stand on a grid, interval
by interval from the notice before: asking late makes one notice late, and moves none after it.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Literal

from intertie.suite.monitoring import SeverityLevel

Kind = Literal["first", "repeat", "escalation", "resolved", "flapping"]
Span = tuple[datetime, datetime]
"""From the first moment on, up to and without the second."""

_SHORTEST = timedelta(milliseconds=1)
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Pacing:
    """How one severity is told."""

    interval: timedelta
    wait: timedelta = timedelta()
    """How long the notice of a new alert waits for more."""
    timeout: timedelta | None = None
    """When nobody has acknowledged it for so long, others are told; None: there are none."""

    @classmethod
    def of(cls, level: SeverityLevel, *, wait_s: float = 0.0, escalates: bool = True) -> "Pacing":
        """As the suite file has it."""
        return cls(
            interval=max(timedelta(seconds=level.notification_interval), _SHORTEST),
            wait=timedelta(seconds=wait_s),
            timeout=timedelta(seconds=level.escalation_timeout) if escalates else None,
        )


@dataclass(frozen=True, slots=True)
class Ack:
    """Somebody's word that a group is being looked after."""

    who: str
    at: datetime
    until: datetime | None = None
    """None: until the group has a new alert, or none."""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Pace:
    """Where a group is: from its first alert that may be told until all have ended."""

    since: datetime
    newest_at: datetime
    """When the newest of its alerts came."""
    new_since: datetime | None = None
    """Since when an alert of it waits that was not told; None: there is none."""
    first_at: datetime | None = None
    last_at: datetime | None = None
    """When it was due last, by the grid."""
    escalated_at: datetime | None = None
    is_held: bool = False
    """Whether each of its alerts was held back when it was looked at last."""
    released_at: datetime | None = None
    """When that ended last."""
    count: int = 0
    """Notices so far; makes each of them unique."""


@dataclass(frozen=True, slots=True)
class Due:
    """A notice that is to be made now."""

    kind: Kind
    at: datetime
    """When it was due: now, or somewhat earlier when it was asked for late."""


def begin(now: datetime) -> Pace:
    """Of a group that was not there."""
    return Pace(since=now, newest_at=now)


def see(pace: Pace, now: datetime, *, has_come: bool, has_new: bool, is_held: bool) -> Pace:
    """After it was looked at.

    `has_come`: an alert was not there before; `has_new`: one was not told yet; `is_held`: each is
    held back.
    """
    new_since = (pace.new_since or now) if has_new else None
    pace = replace(pace, new_since=new_since, newest_at=now if has_come else pace.newest_at)
    if pace.is_held and not is_held:
        pace = replace(pace, released_at=now)
    return replace(pace, is_held=is_held)


def ack_end(pace: Pace, ack: Ack | None) -> datetime | None:
    """When the acknowledgement ends or has ended; None: there is none, or it has no end yet.

    It ends early when the group gets a new alert; one made before the group came is none.
    """
    if ack is None or ack.at < pace.since:
        return None
    if pace.newest_at <= ack.at:
        return ack.until
    return pace.newest_at if ack.until is None else min(pace.newest_at, ack.until)


def is_acknowledged(pace: Pace, ack: Ack | None, now: datetime) -> bool:
    """Whether somebody looks after it now."""
    if ack is None or not pace.since <= ack.at <= now:
        return False
    end = ack_end(pace, ack)
    return end is None or now < end


def due(
    pace: Pace, pacing: Pacing, now: datetime, *, ack: Ack | None = None
) -> tuple[tuple[Due, ...], Pace]:
    """What is to be told now, and where the group is once that is told.

    A new alert is told also while the group is acknowledged. At most one of a kind, however late.
    """
    if pace.is_held:
        return (), pace
    found: list[Due] = []
    is_open = not is_acknowledged(pace, ack, now)
    escalates_at = _escalates_at(pace, pacing, ack) if is_open else None
    repeats_at = _repeats_at(pace, pacing, ack) if is_open else None
    first_at = pace.new_since + pacing.wait if pace.new_since is not None else None
    if first_at is not None and first_at <= now:
        found.append(Due("first", _newest(first_at, now, pacing)))
    elif repeats_at is not None and repeats_at <= now:
        found.append(Due("repeat", _newest(repeats_at, now, pacing)))
    if escalates_at is not None and escalates_at <= now:
        found.append(Due("escalation", escalates_at))
    for each in found:
        pace = told(pace, each)
    return tuple(found), pace


def told(pace: Pace, notice: Due) -> Pace:
    """After that notice."""
    pace = replace(pace, count=pace.count + 1)
    if notice.kind == "escalation":
        return replace(pace, escalated_at=notice.at)
    return replace(
        pace,
        new_since=None if notice.kind == "first" else pace.new_since,
        first_at=pace.first_at or notice.at,
        last_at=notice.at,
    )


def wake(pace: Pace, pacing: Pacing, now: datetime, *, ack: Ack | None = None) -> datetime | None:
    """The next moment after `now` at which something may be due, if nothing changes until then."""
    if pace.is_held:
        return None
    moments = [pace.new_since + pacing.wait] if pace.new_since is not None else []
    if is_acknowledged(pace, ack, now):
        moments += [end for end in (ack_end(pace, ack),) if end is not None]
    else:
        both = (_repeats_at(pace, pacing, ack), _escalates_at(pace, pacing, ack))
        moments += [at for at in both if at is not None]
    return min((at for at in moments if at > now), default=None)


def _merged(spans: Iterable[Span]) -> list[Span]:
    """The same moments, in order; what overlaps or touches is one."""
    found: list[Span] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found


def _newest(at: datetime, now: datetime, pacing: Pacing) -> datetime:
    """The newest moment of the grid from `at` on: what was missed is not told one by one."""
    return at + (now - at) // pacing.interval * pacing.interval


def _repeats_at(pace: Pace, pacing: Pacing, ack: Ack | None) -> datetime | None:
    if pace.last_at is None:
        return None
    return max(pace.last_at + pacing.interval, *_interruptions(pace, ack))


def _escalates_at(pace: Pace, pacing: Pacing, ack: Ack | None) -> datetime | None:
    if pace.first_at is None or pacing.timeout is None or pace.escalated_at is not None:
        return None
    return max(pace.first_at, *_interruptions(pace, ack)) + pacing.timeout


def _interruptions(pace: Pace, ack: Ack | None) -> list[datetime]:
    """Since when it is nobody's again, of all the reasons there were not to tell it."""
    ends = (pace.since, pace.released_at, ack_end(pace, ack))
    return [each for each in ends if each is not None]


def simulate(
    pacing: Pacing,
    *,
    start: datetime,
    until: datetime,
    acks: Sequence[Ack] = (),
    new_at: Sequence[datetime] = (),
    ends_at: datetime | None = None,
    holds: Sequence[Span] = (),
) -> list[tuple[datetime, Kind]]:
    """What is told of a group that fires from `start` on, up to and with `until`, in order.

    Further alerts come at `new_at`; all end at `ends_at`. Of acknowledgements the newest counts.
    `holds`: when all are held back. At most the first 10 000.
    """
    run = _Run(pacing, acks, [start, *sorted(new_at)], _merged(holds))
    end = min(until, ends_at or until)
    told = islice(run.notices(end), _MOST)
    found = [each for each in told if ends_at is None or each[0] < ends_at]
    if found and ends_at is not None and ends_at <= until:
        found.append((ends_at, "resolved"))
    return found


@dataclass(frozen=True, slots=True)
class _Run:
    pacing: Pacing
    acks: Sequence[Ack]
    arrivals: Sequence[datetime]
    """Of alerts, in order."""
    holds: Sequence[Span]
    """In order, apart from each other."""

    def notices(self, until: datetime) -> Iterator[tuple[datetime, Kind]]:
        pace: Pace | None = None
        now: datetime | None = self.arrivals[0]
        while now is not None and now <= until:
            held_until = self._held_until(now)
            if held_until is not None and (pace is None or pace.first_at is None):
                pace, now = None, held_until  # nobody knows of it: it begins after that
                continue
            has_come = pace is None or now in self.arrivals
            pace = pace or begin(now)
            has_new = has_come or pace.new_since is not None
            is_held = held_until is not None
            pace = see(pace, now, has_come=has_come, has_new=has_new, is_held=is_held)
            ack = max((a for a in self.acks if a.at <= now), key=lambda a: a.at, default=None)
            found, pace = due(pace, self.pacing, now, ack=ack)
            for each in found:
                yield each.at, each.kind
            now = self._next(now, wake(pace, self.pacing, now, ack=ack))

    def _held_until(self, now: datetime) -> datetime | None:
        before = bisect_right(self.holds, now, key=lambda span: span[0])
        return self.holds[before - 1][1] if before and now < self.holds[before - 1][1] else None

    def _next(self, now: datetime, later: datetime | None) -> datetime | None:
        after = bisect_right(self.holds, now, key=lambda span: span[1])
        edges = self.holds[after] if after < len(self.holds) else ()
        moments = (later, *self.arrivals, *(each.at for each in self.acks), *edges)
        return min((at for at in moments if at is not None and at > now), default=None)
