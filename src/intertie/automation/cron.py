"""When a task is due. Pure: from its timing, for any time that the caller names.

A schedule is read by the clock on the wall of its zone, and that clock leaves hours out and shows
others twice. `debian` is cronsim's own way; the other three walk a clock that never changes, and
then ask which moments the wall clock showed that time.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import islice, takewhile
from typing import assert_never
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from intertie.errors import IntertieError
from intertie.suite.schedule import Timing

GRACE = timedelta(seconds=60)
"""A run that begins within this was not missed."""
_FIELDS = 5
_NEVER = "it never comes"
_DAY = timedelta(days=1)
_FIRST_LOOK = timedelta(hours=1)
_WIDER = 4


def occurrences(
    timing: Timing,
    after: datetime,
    *,
    count: int | None = None,
    until: datetime | None = None,
) -> Iterator[datetime]:
    """Moments in UTC at which it is due: later than `after`, up to `until` inclusive, in order.

    Jitter is not in them. Raises IntertieError, at once, for a schedule that cannot be used.
    """
    check(timing)
    found = _growing(_moments(timing, after.astimezone(UTC)), after)
    if until is not None:
        found = takewhile(lambda at: at <= until, found)
    return islice(found, count)


def check(timing: Timing) -> None:
    """Raises IntertieError for a schedule or zone that cannot be used, or that never comes."""
    zone(timing)
    if next(parsed(timing, datetime(2024, 1, 1)), None) is None:  # noqa: DTZ001 — the wall's
        raise _unusable(timing, _NEVER)


def due(timing: Timing, last: datetime | None, now: datetime) -> Sequence[datetime]:
    """What to run now, in order, when everything up to `last` has been seen to.

    More than one only where runs were missed and all of them are wanted. None for a task that was
    never seen before: it begins with the next time.
    """
    if last is None:
        return ()
    match timing.missed:
        case "skip":
            return newest(timing, max(last, now - GRACE), now, count=1)
        case "once":
            return newest(timing, last, now, count=1)
        case "all":
            return newest(timing, last, now, count=timing.max_missed)
        case _:
            assert_never(timing.missed)


def newest(timing: Timing, after: datetime, until: datetime, *, count: int) -> Sequence[datetime]:
    """The latest `count` moments, in order; as quick after a year as after an hour."""
    look = _FIRST_LOOK
    while True:
        start = max(after, until - look)
        found = list(occurrences(timing, start, until=until))
        if len(found) >= count or start == after:
            return found[-count:]
        look *= _WIDER


def jitter(timing: Timing, task: str, machine: str) -> timedelta:
    """How much later than due it begins: less than `timing.jitter`, always as much for the two."""
    digest = hashlib.sha256(f"{task}\0{machine}".encode()).digest()
    share = int.from_bytes(digest[:6], "big") / 2**48
    return timedelta(seconds=timing.jitter * share)


def zone(timing: Timing) -> ZoneInfo:
    """The zone by whose clock the schedule is read. Raises IntertieError when there is none."""
    try:
        return ZoneInfo(timing.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise IntertieError(
            f"cannot use time zone {timing.timezone!r}: it is not known on this machine; "
            "expected a name such as Europe/Berlin"
        ) from exc


def parsed(timing: Timing, after: datetime) -> CronSim:
    """The schedule from here on, in the zone of `after`. Raises IntertieError."""
    if len(timing.schedule.split()) != _FIELDS:
        raise _unusable(timing, "it does not have five fields")
    try:
        return CronSim(timing.schedule, after)
    except CronSimError as exc:
        raise _unusable(timing, _told(timing, str(exc))) from exc


def instants(wall: datetime, place: ZoneInfo) -> Sequence[datetime]:
    """The moments at which the clock shows this: none in a gap, two where the hour repeats."""
    both = [wall.replace(tzinfo=place, fold=fold).astimezone(UTC) for fold in (0, 1)]
    shown = [at for at in both if at.astimezone(place).replace(tzinfo=None) == wall]
    return sorted(set(shown))


def _moments(timing: Timing, after: datetime) -> Iterator[datetime]:
    place = zone(timing)
    match timing.dst:
        case "debian":
            return _utc(parsed(timing, after.astimezone(place)))
        case "utc":
            return parsed(timing, after)
        case "skip":
            return _once(timing, after, place)
        case "both":
            return _both(timing, after, place)
        case _:
            assert_never(timing.dst)


def _utc(moments: Iterator[datetime]) -> Iterator[datetime]:
    return (at.astimezone(UTC) for at in moments)


def _once(timing: Timing, after: datetime, place: ZoneInfo) -> Iterator[datetime]:
    for wall in parsed(timing, _wall(after, place)):
        yield from instants(wall, place)[:1]


def _both(timing: Timing, after: datetime, place: ZoneInfo) -> Iterator[datetime]:
    """In order: all of an hour's first pass before its second."""
    later: list[datetime] = []
    for wall in parsed(timing, _wall(after, place)):
        first, *second = instants(wall, place) or [_after_gap(wall, place)]
        while later and later[0] <= first:
            yield heappop(later)
        for at in second:
            heappush(later, at)
        yield first


def _wall(after: datetime, place: ZoneInfo) -> datetime:
    """What the clock shows; less where it is about to be turned back, so that no hour is lost."""
    here = after.astimezone(place).replace(tzinfo=None)
    tomorrow = (after + _DAY).astimezone(place).replace(tzinfo=None)
    return here - max(timedelta(), here + _DAY - tomorrow)


def _after_gap(wall: datetime, place: ZoneInfo) -> datetime:
    """The first moment after the gap that this time falls into."""
    # PEP 495: read with fold 1 it is before the gap, with fold 0 after it, by the gap's length.
    low = wall.replace(tzinfo=place, fold=1).astimezone(UTC)
    high = wall.replace(tzinfo=place, fold=0).astimezone(UTC)
    return change(low, high, place)


def change(low: datetime, high: datetime, place: ZoneInfo) -> datetime:
    """The moment between the two at which the zone's offset becomes that of `high`."""
    wanted = high.astimezone(place).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(place).utcoffset() == wanted:
            high = middle
        else:
            low = middle
    return high


def _growing(moments: Iterator[datetime], after: datetime) -> Iterator[datetime]:
    """Each moment once: an hour shown twice, and several times moved out of one gap, repeat."""
    last = after
    try:
        for at in moments:
            if at > last:
                last = at
                yield at
    except OverflowError:  # the year 10000
        return


def _told(timing: Timing, why: str) -> str:
    """In our words: cronsim's for 30 February is a bad day of the month."""
    field = why.removeprefix("Bad ")
    day, month = timing.schedule.split()[2:4]
    if field == "day-of-month" and all(c in "0123456789,-/*" for c in day):
        alone = timing.model_copy(update={"schedule": f"0 0 {day} 1 *"})
        if month != "1" and _is_readable(alone):
            return f"no such day in month {month}: {_NEVER}"
    position = {"minute": 1, "hour": 2, "day-of-month": 3, "month": 4, "day-of-week": 5}
    if field in position:
        text = timing.schedule.split()[position[field] - 1]
        return f"{text!r} is no {field.replace('-', ' ')}"
    return why[:1].lower() + why[1:]


def _is_readable(timing: Timing) -> bool:
    try:
        CronSim(timing.schedule, datetime(2024, 1, 1))  # noqa: DTZ001 — only whether it parses
    except CronSimError:
        return False
    return True


def _unusable(timing: Timing, why: str) -> IntertieError:
    return IntertieError(
        f"cannot use schedule {timing.schedule!r}: {why}; expected five fields such as 0 2 * * *"
    )
