"""Who would be called when, if nobody answered: alerting played in virtual time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from intertie.monitor.escalation import Ack, Kind, Span, simulate
from intertie.monitor.notices import pacing_of, told_of, whom
from intertie.monitor.rota import person_of, reached
from intertie.monitor.stages import TENANT, Alert, Silence
from intertie.suite.monitoring import Monitoring, Mute


@dataclass(frozen=True, slots=True)
class Call:
    """One notice."""

    at: datetime
    kind: Kind
    people: tuple[str, ...]
    """Those on call who are meant."""
    channels: tuple[str, ...]


def course(
    alert: Alert,
    config: Monitoring,
    *,
    until: datetime,
    silences: Iterable[Silence] = (),
    acks: Sequence[Ack] = (),
) -> list[Call]:
    """All that is told of the alert from its start on, while it goes on and nobody answers.

    As the suite file has it, with mute windows, and with `silences` and `acks` as they stand.
    What one alert hides of another is not foreseen. At most the first 10 000.
    """
    holds = [*_muted(alert, config.alerts.mute, until), *_silenced(alert, silences)]
    pacing = pacing_of(config, alert.severity)
    told = told_of(config, alert.labels.get(TENANT, ""))
    found: list[Call] = []
    escalated = False
    start, until = alert.starts_at.astimezone(UTC), until.astimezone(UTC)
    for at, kind in simulate(pacing, start=start, until=until, acks=acks, holds=holds):
        escalated = escalated or kind == "escalation"
        names = whom(kind, told, escalated=escalated)
        people = (person_of(name, config.on_call, at) for name in names)
        meant = tuple(dict.fromkeys(person for person in people if person))
        found.append(Call(at, kind, meant, reached(names, config.on_call, at)))
    return found


def _silenced(alert: Alert, silences: Iterable[Silence]) -> Iterator[Span]:
    return ((each.starts_at, each.ends_at) for each in silences if each.fits(alert))


def _muted(alert: Alert, windows: Mapping[str, Mute], until: datetime) -> Iterator[Span]:
    for window in windows.values():
        if all(alert.labels.get(name, "") == text for name, text in window.matchers.items()):
            yield from _open(window, alert.starts_at, until)


def _open(window: Mute, start: datetime, until: datetime) -> Iterator[Span]:
    """When it is open."""
    span = timedelta(seconds=window.duration)
    for each in CronSim(window.schedule, (start - span).astimezone(ZoneInfo(window.timezone))):
        begin = each.astimezone(UTC)
        if begin > until:
            break
        yield begin, begin + span
