"""What a schedule does that its author may not have meant. Pure."""

import calendar
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from intertie.automation import cron
from intertie.suite.schedule import Timing

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_HOURS = 24
_LAST_MONTH = 12
_SHORTEST_MONTH = 28
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Oddity:
    """Something that happens, or does not, at this time (UTC)."""

    at: datetime
    what: str


def oddities(timing: Timing, name: str, start: datetime, years: int = 2) -> Sequence[Oddity]:
    """All in so many years from `start`, in order. Raises IntertieError for a bad schedule."""
    end = start + timedelta(days=round(years * 365.25))
    first = next(cron.occurrences(timing, start, until=end), None)
    if first is None:
        return [_far(timing, name, start, years)]
    found = [
        *_either_day(timing, name, start),
        *_short_months(timing, name, start, end),
        *_clock_changes(timing, name, start, end),
    ]
    return sorted(found, key=lambda odd: odd.at)


def _far(timing: Timing, name: str, start: datetime, years: int) -> Oddity:
    later = next(cron.occurrences(timing, start), None)
    until = "" if later is None else f"; next on {later.astimezone(cron.zone(timing)).date()}"
    span = "a year" if years == 1 else f"{years} years"
    return Oddity(start, f"{name} does not run within {span}{until}")


def _either_day(timing: Timing, name: str, start: datetime) -> Iterator[Oddity]:
    day, _, weekday = timing.schedule.split()[2:]
    if not day.startswith("*") and not weekday.startswith("*"):
        what = f"day of month {day} and day of week {weekday} are both set"
        yield Oddity(start, f"{name} runs when either fits, not only when both do: {what}")


def _short_months(timing: Timing, name: str, start: datetime, end: datetime) -> Iterator[Oddity]:
    """Months without the 29th, 30th or 31st that is asked for."""
    day, _, weekday = timing.schedule.split()[2:]
    if day.startswith("*") or not weekday.startswith("*"):
        return
    place = UTC if timing.dst == "utc" else cron.zone(timing)
    schedule = cron.parsed(timing, datetime(2024, 1, 1))  # noqa: DTZ001 — only its fields
    asked = sorted(d for d in schedule.days if d > _SHORTEST_MONTH)
    for year, month in _months(start.astimezone(place), end.astimezone(place)):
        length = calendar.monthrange(year, month)[1]
        missing = [d for d in asked if d > length]
        if missing and month in schedule.months:
            told = " or ".join(str(d) for d in missing)
            at = datetime(year, month, length, tzinfo=place).astimezone(UTC)
            if start <= at <= end:
                which = f"day {told} of {calendar.month_name[month]} {year}"
                yield Oddity(at, f"{name} does not run on {which}: there is none")


def _months(start: datetime, end: datetime) -> Iterator[tuple[int, int]]:
    year, month = start.year, start.month
    while (year, month) <= (end.year, end.month):
        yield year, month
        year, month = (year + 1, 1) if month == _LAST_MONTH else (year, month + 1)


def _clock_changes(timing: Timing, name: str, start: datetime, end: datetime) -> Iterator[Oddity]:
    place = cron.zone(timing)
    for at in changes(place, start, end):
        before, after = _offset(at - timedelta(seconds=1), place), _offset(at, place)
        if timing.dst == "utc":
            what = _moved(timing, at, place)
        elif after > before:
            what = _gap(timing, at, place, after - before)
        else:
            what = _repeat(timing, at, place, before - after)
        if what:
            yield Oddity(at, f"{name} {what}")


def changes(place: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    """When the zone's clock is turned, between the two."""
    low = start.astimezone(UTC).replace(second=0, microsecond=0)
    while low < end:
        high = min(low + _DAY, end)
        if _offset(low, place) != _offset(high, place):
            yield cron.change(low, high, place)
        low = high


def _offset(at: datetime, place: ZoneInfo) -> timedelta:
    return at.astimezone(place).utcoffset() or timedelta()


def _gap(timing: Timing, at: datetime, place: ZoneInfo, span: timedelta) -> str:
    """What becomes of times that the clock leaves out at `at`."""
    end = at.astimezone(place).replace(tzinfo=None)
    lost = _walls(timing, end - span, end)
    if not lost or _is_hourly(timing):
        return ""
    runs = next(cron.occurrences(timing, at - timedelta(seconds=1), until=at), None)
    instead = f"runs at {end:%H:%M}" if runs is not None else "does not run for it"
    return f"{instead} on {end.date()}: the clock leaves {_told(lost)} out"


def _repeat(timing: Timing, at: datetime, place: ZoneInfo, span: timedelta) -> str:
    """What becomes of times that the clock shows twice, the second time from `at` on."""
    begin = at.astimezone(place).replace(tzinfo=None)
    twice = _walls(timing, begin, begin + span)
    if not twice:
        return ""
    second = [*cron.occurrences(timing, at - timedelta(seconds=1), until=at + span)]
    again = any(at <= moment < at + span for moment in second)
    if _is_hourly(timing):
        pause = f"does not run from {begin:%H:%M} to {begin + span:%H:%M} the second time"
        return "" if again else f"{pause} on {begin.date()}, when the clock shows it twice"
    how = "runs twice" if again else "runs only the first time"
    return f"{how} on {begin.date()}: the clock shows {_told(twice)} twice"


def _moved(timing: Timing, at: datetime, place: ZoneInfo) -> str:
    if _is_hourly(timing):
        return ""
    first = next(cron.occurrences(timing, at), None)
    if first is None:
        return ""
    here = first.astimezone(place)
    was = (first + (_offset(at - timedelta(seconds=1), place) - _offset(at, place))).astimezone(
        place
    )
    return f"runs at {here:%H:%M} from {here.date()} on, not at {was:%H:%M}: UTC keeps its time"


def _walls(timing: Timing, begin: datetime, end: datetime) -> Sequence[datetime]:
    """Times by the clock from `begin` to before `end`, as if it were never turned."""
    schedule = cron.parsed(timing, begin - timedelta(seconds=1))
    return list(takewhile(lambda wall: wall < end, schedule))


def _is_hourly(timing: Timing) -> bool:
    schedule = cron.parsed(timing, datetime(2024, 1, 1))  # noqa: DTZ001 — only its fields
    return len(schedule.hours) == _HOURS


def _told(walls: Sequence[datetime]) -> str:
    named = [f"{wall:%H:%M}" for wall in walls[:_MOST_NAMED]]
    more = len(walls) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")
