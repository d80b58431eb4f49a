"""Past alerts against the rules of now, in virtual time: what would have been done, and what not.

Nobody can know whether an action would have helped: here it does not, and an alert ends when it
really did. So this is the most that the rules would have done.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from intertie.automation.remediation import Entry, Firing, Site
from intertie.automation.remediation_plan import World, plan, relevant, wake_at
from intertie.event import AlertFiring, AlertResolved, Event
from intertie.suite.remediation import AlertRemediation

_MOST_STEPS = 20_000


@dataclass(frozen=True, slots=True)
class Past:
    """An alert that was."""

    alert: Firing
    until: datetime | None
    """None: it still fires."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What would have been."""

    alerts: int
    unanswered: Mapping[str, int]
    """Alerts that no rule fits, by name."""
    entries: Sequence[Entry]
    """By time; `mode` is that of the rule, what was approved is taken for granted."""
    cut: bool
    """There was so much of it that the end is missing."""


def alerts_of(events: Iterable[Event], since: datetime) -> Sequence[Past]:
    """Those that had not ended by `since`, by their beginning, of events in any order."""
    open_: dict[str, Firing] = {}
    found: list[Past] = []
    for event in sorted(events, key=lambda each: each.time):
        if event.type not in {AlertFiring.type, AlertResolved.type}:
            continue
        alert = Firing(_texts(event.data.get("labels")), event.time)
        if event.type == AlertFiring.type:
            open_.setdefault(alert.fingerprint, alert)
        elif alert.fingerprint in open_:
            found.append(Past(open_.pop(alert.fingerprint), event.time))
    found += [Past(each, None) for each in open_.values()]
    kept = [each for each in found if each.until is None or each.until >= since]
    return sorted(kept, key=lambda each: each.alert.since)


def replay(config: AlertRemediation, past: Sequence[Past], site: Site, now: datetime) -> Replayed:
    """What the rules would have done up to now. `site`: the suite as it is now."""
    meant = [each for each in past if _rule(config, each) is not None]
    run = _Run(_acting(config), meant, site, now)
    cut = not run.through()
    unanswered: dict[str, int] = {}
    for each in past:
        if _rule(config, each) is None:
            unanswered[each.alert.name] = unanswered.get(each.alert.name, 0) + 1
    told = tuple(replace(each, mode=config.mode_of(each.rule)) for each in run.entries)
    return Replayed(len(past), unanswered, told, cut)


class _Run:
    """Goes from one moment that matters to the next."""

    def __init__(
        self, config: AlertRemediation, past: Sequence[Past], site: Site, now: datetime
    ) -> None:
        self._config = config
        self._past = past
        self._site = site
        self._now = now
        self.entries: list[Entry] = []

    def through(self) -> bool:
        """Up to now; False: it was cut off before."""
        marks = {each.alert.since for each in self._past}
        marks |= {each.until for each in self._past if each.until is not None}
        todo = sorted(each for each in marks if each <= self._now)
        at = todo[0] if todo else None
        for _ in range(_MOST_STEPS):
            if at is None or at > self._now:
                return True
            world = self._look(at)
            later = next((each for each in todo if each > at), None)
            wake = wake_at(world)
            at = min(filter(None, (later, wake)), default=None)
        return False

    def _look(self, at: datetime) -> World:
        firing = [
            each.alert
            for each in self._past
            if each.alert.since <= at and (each.until is None or each.until > at)
        ]
        world = World(self._config, firing, self.entries, self._site, at)
        for entry in plan(replace(world, entries=relevant(world))):
            self._keep(entry, at)
        return replace(world, entries=self.entries)

    def _keep(self, entry: Entry, at: datetime) -> None:
        if entry.id:
            self.entries[entry.id - 1] = entry
            return
        made = replace(entry, id=len(self.entries) + 1)
        if made.status == "doing":
            wait = timedelta(seconds=self._config.rules[made.rule].wait)
            made = replace(made, status="waiting", deadline=at + wait)
        self.entries.append(made)


def _rule(config: AlertRemediation, past: Past) -> str | None:
    return config.rule_for(past.alert.name, past.alert.severity, past.alert.labels)


def _acting(config: AlertRemediation) -> AlertRemediation:
    """As if each rule acted by itself."""
    rules = {n: r.model_copy(update={"mode": None}) for n, r in config.rules.items()}
    return config.model_copy(update={"mode": "automatic", "rules": rules})


def _texts(labels: object) -> dict[str, str]:
    return {str(n): str(v) for n, v in labels.items()} if isinstance(labels, dict) else {}
