"""Who is on call, and who would be called when if nobody answered."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from anyio import to_thread

from intertie.control.actor import Actor
from intertie.errors import NotFoundError

if TYPE_CHECKING:  # needed by suites that are monitored only
    from intertie.monitor.alerting import Alerting
    from intertie.monitor.desk import AlertDesk
    from intertie.monitor.escalation import Ack
    from intertie.monitor.rota import Duty
    from intertie.monitor.stages import Alert
    from intertie.suite.monitoring import Monitoring
    from intertie.suite.on_call import Rota

_FIRST_YEAR = 1900
_LAST_YEAR = 9000
_NONE = (
    "cannot look at who is on call: this suite is not monitored, or not yet; add `monitoring: {}`"
    " to its file, then `intertie apply`"
)


@dataclass(frozen=True, slots=True)
class DutyView:
    """Who holds a layer of a rota."""

    rota: str
    layer: str
    person: str
    name: str
    """For readers."""
    channels: tuple[str, ...]
    since: datetime
    """In the rota's time zone."""
    until: datetime
    why: str
    """shift or override."""


@dataclass(frozen=True, slots=True)
class CallView:
    """One notice that would be sent."""

    at: datetime
    kind: str
    people: tuple[str, ...]
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SimulationView:
    """What would be told of an alert while nobody answers."""

    alert: str
    severity: str
    start: datetime
    until: datetime
    calls: tuple[CallView, ...]


@dataclass(frozen=True, slots=True)
class Alarms:
    """What there is while a suite is monitored."""

    config: "Monitoring"
    alerting: "Alerting"
    desk: "AlertDesk"


@dataclass(frozen=True, slots=True)
class OnCallControl:
    """Each call raises NotFoundError where the suite is not monitored."""

    now_alarms: Callable[[], Alarms | None] = lambda: None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def on_call(self, actor: Actor, at: datetime | None) -> Sequence[DutyView]:
        """Of each layer of each rota then; None: now."""
        from intertie.monitor.rota import duties  # noqa: PLC0415

        it = self._it(actor)
        moment = _sane(at or self.now())
        return [
            _view(name, rota, duty)
            for name, rota in it.config.on_call.items()
            for duty in duties(rota, moment)
        ]

    async def simulate(
        self, actor: Actor, name: str, at: datetime | None, *, duration_s: float
    ) -> SimulationView:
        """In virtual time, if nobody answers.

        `name`: a rule, of which an alert would begin at `at`, None: now; or the fingerprint of an
        alert, which began when it did. Silences count as they stand, and who acknowledged such a
        fingerprint. Raises NotFoundError.
        """
        from intertie.monitor.rota_course import course  # noqa: PLC0415

        it = self._it(actor)
        alert, acks = await self._alert(it, name, at)
        until = _sane(alert.starts_at) + timedelta(seconds=duration_s)
        silences = await it.desk.silences("")
        play = partial(course, until=until, silences=silences, acks=acks)
        calls = await to_thread.run_sync(play, alert, it.config)  # it may take a second
        return SimulationView(
            alert=str(alert),
            severity=alert.severity,
            start=alert.starts_at,
            until=until,
            calls=tuple(CallView(each.at, each.kind, each.people, each.channels) for each in calls),
        )

    async def _alert(
        self, it: Alarms, name: str, at: datetime | None
    ) -> "tuple[Alert, Sequence[Ack]]":
        from intertie.monitor.stages import TENANT, Alert, key_of, labels_of  # noqa: PLC0415

        for each in it.alerting.alerts:
            if each.fingerprint == name:
                if at is not None:
                    return Alert(each.labels, at), ()
                key = key_of(labels_of(each, (*it.config.alerts.group_by, TENANT)))
                ack = (await it.desk.state()).acks.get(key)
                return each, () if ack is None else (ack,)
        rule = next((each for each in it.alerting.rules.rules if each.name == name), None)
        if rule is None:
            known = ", ".join(each.name for each in it.alerting.rules.rules)
            why = f"no rule and no alert is called so; rules are {known}"
            raise NotFoundError(f"cannot simulate {name[:100]!r}: {why}")
        labels = {**dict(rule.labels), "alertname": rule.name, "severity": rule.severity}
        return Alert(labels, at or self.now()), ()

    def _it(self, actor: Actor) -> Alarms:
        actor.require_read()
        found = self.now_alarms()
        if found is None:
            raise NotFoundError(_NONE)
        return found


def _view(name: str, rota: "Rota", duty: "Duty") -> DutyView:
    zone, person = ZoneInfo(rota.timezone), rota.people[duty.person]
    return DutyView(
        rota=name,
        layer=duty.layer,
        person=duty.person,
        name=person.name or duty.person,
        channels=person.channels,
        since=duty.since.astimezone(zone),
        until=duty.until.astimezone(zone),
        why=duty.why,
    )


def _sane(at: datetime) -> datetime:
    """The moment itself, where calendars can still be calculated with."""
    if not _FIRST_YEAR <= at.year <= _LAST_YEAR:
        why = f"known are years from {_FIRST_YEAR} to {_LAST_YEAR}"
        raise NotFoundError(f"cannot say who is on call in the year {at.year}: {why}")
    return at
