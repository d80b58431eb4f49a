"""Mute windows as time intervals of Alertmanager."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from cronsim import CronSim, CronSimError

from intertie.errors import IntertieError
from intertie.suite.monitoring import Mute

Tree = dict[str, object]

_DAY = 24 * 60
_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTHS = 12
_MONTH_DAYS = 31
_MOST_BEGINNINGS = 96
_ANY_TIME = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Part:
    """A window's share of one day, in minutes."""

    start: int
    end: int
    days_later: int


def time_intervals(mute: Mute) -> Sequence[Tree]:
    """What Alertmanager writes for the window. Raises IntertieError where it cannot.

    It reads clocks, and a window is a length of time: on days when clocks change, one that is open
    at that hour is an hour longer or shorter there.
    """
    cron = _cron(mute.schedule)
    minutes, odd = divmod(round(mute.duration), 60)
    if odd:
        raise IntertieError("its duration is no whole number of minutes")
    parts = _parts(_beginnings(cron), minutes)
    told: list[Tree] = []
    for later in sorted({part.days_later for part in parts}):
        times = [_times(part) for part in parts if part.days_later == later]
        told += [{"times": times, **days, "location": mute.timezone} for days in _days(cron, later)]
    return told


def _cron(schedule: str) -> CronSim:
    try:
        cron = CronSim(schedule, _ANY_TIME)
    except CronSimError as exc:
        raise IntertieError(f"its schedule `{schedule}` is none; {exc}") from exc
    if len(schedule.split()) != 5:  # noqa: PLR2004 — fields of cron
        raise IntertieError("its schedule has seconds")
    return cron


def _beginnings(cron: CronSim) -> Sequence[int]:
    starts = [hour * 60 + minute for hour in sorted(cron.hours) for minute in sorted(cron.minutes)]
    if len(starts) > _MOST_BEGINNINGS:
        raise IntertieError(f"it begins more than {_MOST_BEGINNINGS} times a day")
    return starts


def _parts(starts: Iterable[int], minutes: int) -> Sequence[_Part]:
    parts: list[_Part] = []
    for start in starts:
        end = start + minutes
        for day in range((end - 1) // _DAY + 1):
            first, last = max(start - day * _DAY, 0), min(end - day * _DAY, _DAY)
            parts.append(_Part(first, last, day))
    return parts


def _times(part: _Part) -> Tree:
    return {"start_time": _clock(part.start), "end_time": _clock(part.end)}


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _days(cron: CronSim, later: int) -> Iterable[Tree]:
    """Which days, as alternatives: where cron has both kinds of day, either is enough."""
    every_month = len(cron.months) == _MONTHS
    every_day = len(cron.days) == _MONTH_DAYS
    every_weekday = len({day % 7 for day in cron.weekdays if isinstance(day, int)}) == len(
        _WEEKDAYS
    )
    if later and not (every_month and every_day):
        raise IntertieError("it goes beyond midnight, on certain days of a month")
    months = {} if every_month else {"months": [str(month) for month in sorted(cron.months)]}
    of_month: Tree = {} if every_day else {"days_of_month": _of_month(cron)}
    of_week: Tree = {} if every_weekday else {"weekdays": _of_week(cron, later)}
    if of_month and of_week and not cron.day_and:
        return [{**of_month, **months}, {**of_week, **months}]
    return [{**of_month, **of_week, **months}]


def _of_month(cron: CronSim) -> Sequence[str]:
    if CronSim.LAST_WEEKDAY in cron.days:
        raise IntertieError("its schedule has the last working day of a month")
    return [str(-1 if day == CronSim.LAST else day) for day in sorted(cron.days)]


def _of_week(cron: CronSim, later: int) -> Sequence[str]:
    if not all(isinstance(day, int) for day in cron.weekdays):
        raise IntertieError("its schedule has a certain weekday of a month")
    days = sorted({(cast("int", day) + later) % 7 for day in cron.weekdays})
    return [_WEEKDAYS[day] for day in days]
