"""Look at incidents: what is recorded of them in many places, put together when asked."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import isnan
from typing import TYPE_CHECKING

from anyio import to_thread

from intertie.control.actor import Actor
from intertie.control.incident import Excerpt, Incident, Measured, Notice, incidents
from intertie.control.incident_log import IncidentLog
from intertie.control.incident_stretch import Trouble
from intertie.control.monitoring import Watching
from intertie.errors import NotFoundError
from intertie.event import AlertFiring, AlertResolved, Event
from intertie.plan import Snapshot, State
from intertie.runtime.change import Change, Changes
from intertie.runtime.journal import Journal

if TYPE_CHECKING:  # needed by suites that are monitored only
    from intertie.monitor.ledger import Row
    from intertie.monitor.sample import Found

_MOST_EVENTS = 20_000
_MOST_CHANGES = 1_000
_MOST_NOTICES = 1_000
_MOST_FAILURES = 50
_AROUND = timedelta(minutes=2)
_WELL = frozenset({State.STOPPED, State.LISTENING, State.RUNNING, State.COMPLETED})
_FIGURES = (
    "intertie_replica_running",
    "intertie_replica_restarts_total",
    "intertie_replica_memory_bytes",
)


@dataclass(frozen=True, slots=True)
class Brief:
    """An incident in one line."""

    id: str
    title: str
    begin: datetime
    end: datetime | None
    """None: it is not over."""
    services: tuple[str, ...]
    alerts: tuple[str, ...]
    """Names of their rules."""
    told: int
    """Notices that were sent."""
    to_recover_s: float | None


@dataclass(frozen=True, slots=True)
class Sources:
    """Where it is recorded."""

    journal: Journal
    changes: Changes
    snapshot: Callable[[], Snapshot]
    log: IncidentLog
    watching: Callable[[], Watching | None] = lambda: None


@dataclass(frozen=True, slots=True)
class IncidentControl:
    """Nothing is kept of an incident itself: it is there as long as the events are."""

    sources: Sources | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def list(
        self, actor: Actor, since: datetime | None = None, until: datetime | None = None
    ) -> Sequence[Brief]:
        """Those that were not over at `since` and had begun by `until`, the newest first."""
        found = await self._all(actor)
        return [
            _brief(each)
            for each in reversed(found)
            if (since is None or each.end is None or each.end >= since)
            and (until is None or each.begin <= until)
        ]

    async def get(self, actor: Actor, id: str) -> Incident:
        """All of one, with the log lines and figures of that time. Raises NotFoundError."""
        for each in await self._all(actor):
            if each.id == id and actor.reach.tenant is not None:
                return each  # lines and figures are those of services of all
            if each.id == id:
                return replace(each, log=await self._log(each), measured=await self._measured(each))
        raise NotFoundError(
            f"cannot find incident {id[:100]!r}: look at `intertie incidents --since 30d`"
        )

    async def _all(self, actor: Actor) -> Sequence[Incident]:
        actor.require_own_read()
        it, tenant = self.sources, actor.reach.tenant
        if it is None:
            return []
        notices = await _notices(it.watching(), tenant or "")
        changes = await _changes(it.changes) if tenant is None else ()
        events: Sequence[Event] = await to_thread.run_sync(it.journal.latest, _MOST_EVENTS)
        now, still = self.now(), set(_still(it.snapshot(), it.watching(), self.now()))
        if tenant is not None:
            events = [each for each in events if _is_of(each, tenant)]
            still = set(_alarming(it.watching(), now, tenant))
        return await to_thread.run_sync(
            lambda: incidents(events, notices, changes, now, still=still)
        )

    async def _log(self, incident: Incident) -> tuple[Excerpt, ...]:
        """The first of each service: why it failed again is seldom another reason."""
        if self.sources is None:
            return ()
        ids = [each.event for each in incident.lines if each.kind == "failure"]
        first: dict[str, Excerpt] = {}
        for each in await self.sources.log.find(ids[:_MOST_FAILURES]):
            first.setdefault(each.service, each)
        return tuple(first.values())

    async def _measured(self, incident: Incident) -> tuple[Measured, ...]:
        watching = self.sources.watching() if self.sources else None
        if watching is None or not incident.services:
            return ()
        from intertie.monitor.sample import Matcher  # noqa: PLC0415

        services = "|".join(incident.services)  # names hold nothing that a pattern would take
        end = incident.end or self.now()
        found: list[Measured] = []
        for name in _FIGURES:
            series = await watching.source.select(
                [Matcher("__name__", "=", name), Matcher("service", "=~", services)],
                _ms(incident.begin - _AROUND),
                _ms(end + _AROUND),
            )
            found += [_figure(each, _ms(incident.begin), _ms(end)) for each in series]
        return tuple(found)


def _brief(it: Incident) -> Brief:
    return Brief(
        id=it.id,
        title=it.title,
        begin=it.begin,
        end=it.end,
        services=it.services,
        alerts=tuple(dict.fromkeys(each.name for each in it.alerts)),
        told=sum(each.status == "sent" for each in it.told),
        to_recover_s=it.to_recover_s,
    )


async def _changes(changes: Changes) -> Sequence[Change]:
    return (await changes.list(limit=_MOST_CHANGES)).items


async def _notices(watching: Watching | None, tenant: str) -> Sequence[Notice]:
    if watching is None:
        return []
    rows = await watching.desk.notices(most=_MOST_NOTICES, tenant=tenant)
    return [_notice(each) for each in rows]


def _is_of(event: Event, tenant: str) -> bool:
    """Whether it tells of an alert of the tenant."""
    labels = event.data.get("labels")
    of_alert = event.type in {AlertFiring.type, AlertResolved.type}
    return of_alert and isinstance(labels, dict) and labels.get("tenant") == tenant


def _alarming(watching: Watching | None, now: datetime, tenant: str) -> Iterator[Trouble]:
    """Alerts of the tenant that fire."""
    for alert in watching.alerting.alerts if watching is not None else ():
        if alert.fires(now) and alert.labels.get("tenant") == tenant:
            yield Trouble.of_alert(alert.labels)


def _notice(row: "Row") -> Notice:
    return Notice(
        at=row.planned_at,
        kind=row.kind,
        channel=row.channel,
        status=row.status,
        tries=row.tries,
        answer=row.answer,
        about=frozenset(_alerts_of(row.text)),
    )


def _alerts_of(text: str) -> Iterator[Trouble]:
    """Alerts that a notice tells of: it is kept as the message that is sent."""
    try:
        told = json.loads(text)["alerts"]
        yield from [Trouble.of_alert(each["labels"]) for each in told]
    except (ValueError, KeyError, TypeError):
        return  # of an older version, which kept another text


def _still(snapshot: Snapshot, watching: Watching | None, now: datetime) -> Iterator[Trouble]:
    """What is in trouble now."""
    for service in snapshot.services.values():
        for replica in service.replicas:
            if replica.state not in _WELL:
                yield Trouble.of_replica(service.name, replica.index)
    if watching is not None:
        for alert in watching.alerting.alerts:
            if alert.fires(now):
                yield Trouble.of_alert(alert.labels)


def _figure(found: "Found", begin_ms: int, end_ms: int) -> Measured:
    times = found.times.tolist()
    pairs = [(t, v) for t, v in zip(times, found.values.tolist(), strict=True) if not isnan(v)]
    during = [value for at, value in pairs if begin_ms <= at <= end_ms]
    before = [value for at, value in pairs if at < begin_ms]
    after = [value for at, value in pairs if at > end_ms]
    return Measured(
        series=str(found.series),
        before=before[-1] if before else None,
        lowest=min(during, default=None),
        highest=max(during, default=None),
        after=after[-1] if after else None,
    )


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
