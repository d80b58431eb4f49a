"""How services are, for everybody: their states, 90 days and open incidents, and nothing else."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from intertie.monitor.sample import NAME_LABEL, Matcher
from intertie.monitor.store import STEP_MS, MetricsStore
from intertie.runtime.component import Status

DAYS = 90
_UP = "intertie_service_up"
_WORST_FIRST = (Status.DOWN, Status.DEGRADED, Status.UP)


@dataclass(frozen=True, slots=True)
class Counted:
    """Measurements of a service on one day."""

    well: float
    """Of them it was well."""
    all: float


History = Mapping[str, Mapping[date, Counted]]
"""By service and day of UTC."""


@dataclass(frozen=True, slots=True)
class StatusDay:
    """A service on one day of UTC."""

    day: date
    availability: float | None
    """Percent of the measurements at which it was well; None: it was not measured."""
    measurements: int


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """One service, in public."""

    name: str
    status: Status
    availability: float | None
    """Percent over all its days."""
    days: tuple[StatusDay, ...]
    """The oldest first; the last is today, so far."""


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """A service that is not well yet."""

    service: str
    since: datetime | None
    """Of the first measurement after it was well last; None: it was never measured."""


@dataclass(frozen=True, slots=True)
class StatusReport:
    """The whole page."""

    title: str
    status: Status
    """As its worst service."""
    at: datetime
    services: tuple[ServiceStatus, ...]
    incidents: tuple[OpenIncident, ...]
    note: str = ""
    """Why there is no history, where there is none."""


async def history(store: MetricsStore, now: datetime) -> History:
    """What was measured of all services. Raises StoreError."""
    since = _days(now)[0]
    found = await store.aggregate(
        [Matcher(NAME_LABEL, "=", _UP)],
        _ms(datetime(since.year, since.month, since.day, tzinfo=UTC)),
        _ms(now),
        step="1d",
        functions=("sum", "count"),
    )
    sums: dict[tuple[str, date], dict[str, float]] = {}
    for each in found:
        name = dict(each.series.labels).get("service", "")
        for at_ms, value in zip(each.times.tolist(), each.values.tolist(), strict=True):
            parts = sums.setdefault((name, _moment(at_ms).date()), {})
            parts[each.function] = parts.get(each.function, 0.0) + value
    told: dict[str, dict[date, Counted]] = {}
    for (name, day), parts in sums.items():
        told.setdefault(name, {})[day] = Counted(parts.get("sum", 0.0), parts.get("count", 0.0))
    return told


def service_status(
    name: str, status: Status, counted: Mapping[date, Counted], now: datetime
) -> ServiceStatus:
    """One service over the last days."""
    days = tuple(_day(day, counted.get(day)) for day in _days(now))
    kept = [counted[each.day] for each in days if each.day in counted]
    well, measured = sum(each.well for each in kept), sum(each.all for each in kept)
    return ServiceStatus(name, status, 100 * well / measured if measured else None, days)


async def unwell_since(
    store: MetricsStore, names: Sequence[str], now: datetime
) -> Mapping[str, datetime | None]:
    """Since when each of them was measured as not well, without a break. Raises StoreError."""
    return {name: await _unwell_since(store, name, now) for name in names}


def after_last(values: Sequence[float], good: float = 1.0) -> int:
    """The place after the last good value; 0: there is none."""
    return max((place + 1 for place, value in enumerate(values) if value >= good), default=0)


async def _unwell_since(store: MetricsStore, name: str, now: datetime) -> datetime | None:
    """Hours are looked at first, then the samples of the one in which it ended to be well."""
    matchers = [Matcher(NAME_LABEL, "=", _UP), Matcher("service", "=", name)]
    now_ms = _ms(now)
    hours = await store.aggregate(
        matchers, now_ms - DAYS * STEP_MS["1d"], now_ms, step="1h", functions=("max",)
    )
    if not hours:
        return None
    begins = hours[0].times.tolist()
    last = max(after_last(hours[0].values.tolist()) - 1, 0)
    end_ms = begins[last + 1] + STEP_MS["1h"] if last + 1 < len(begins) else now_ms
    found = await store.select(matchers, begins[last] - 1, end_ms)
    times = found[0].times.tolist() if found else []
    place = after_last(found[0].values.tolist()) if found else 0
    if times:
        return _moment(times[min(place, len(times) - 1)])
    return _moment(begins[min(last + 1, len(begins) - 1)])


def worst(statuses: Iterable[Status]) -> Status:
    """UP when there is none."""
    present = set(statuses)
    return next((each for each in _WORST_FIRST if each in present), Status.UP)


def _day(day: date, counted: Counted | None) -> StatusDay:
    if counted is None or not counted.all:
        return StatusDay(day, None, 0)
    return StatusDay(day, 100 * counted.well / counted.all, round(counted.all))


def _days(now: datetime) -> list[date]:
    today = now.astimezone(UTC).date()
    return [today - timedelta(days=back) for back in reversed(range(DAYS))]


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _moment(at_ms: float) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)
