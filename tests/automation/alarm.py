"""Alerts, rules and entries of remediation, for tests."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from intertie.automation.remediation import Entry, Firing, Site, Status
from intertie.automation.remediation_plan import World, plan
from intertie.suite.remediation import AlertRemediation

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
SITE = Site({"web": 1, "db": 1, "mail": 1, "shop": 3}, {"web": ["db"], "shop": ["web"]})


def at(seconds: float) -> datetime:
    """So long after noon."""
    return NOON + timedelta(seconds=seconds)


def config(rule: Mapping[str, object] | None = None, **more: object) -> AlertRemediation:
    """With one rule, which restarts what is down, waits 20 s, and cools down for 10 s."""
    own = {"alerts": "Down", "action": "restart", "wait": 20, "cooldown": 10, **(rule or {})}
    return AlertRemediation.model_validate({"mode": "automatic", "rules": {"up": own}, **more})


def firing(service: str = "web", since: float = 0, **labels: str) -> Firing:
    """`Down` of a service."""
    own = {"alertname": "Down", "severity": "critical", "service": service}
    return Firing({**own, **labels}, at(since))


def entry(
    status: Status = "waiting", *, service: str = "web", since: float = 0, id: int = 1
) -> Entry:
    """An answer to `Down`."""
    return Entry(
        id=id,
        rule="up",
        alert="Down",
        fingerprint=firing(service).fingerprint,
        service=service,
        action="restart",
        mode="automatic",
        attempt=1,
        status=status,
        at=at(since),
    )


class Story:
    """What happens from one moment to the next; what is to be done is over at once."""

    def __init__(self, rules: AlertRemediation, site: Site = SITE) -> None:
        self.rules = rules
        self.site = site
        self.entries: list[Entry] = []

    def world(self, seconds: float, alerts: Sequence[Firing]) -> World:
        """All that is known then."""
        return World(self.rules, alerts, tuple(self.entries), self.site, at(seconds))

    def look(self, seconds: float, *alerts: Firing) -> list[str]:
        """What the entries that moved or are new have come to."""
        return [self._keep(each, seconds) for each in plan(self.world(seconds, alerts))]

    def statuses(self) -> list[str]:
        """Of all entries."""
        return [each.status for each in self.entries]

    def _keep(self, found: Entry, seconds: float) -> str:
        if found.id:
            self.entries[found.id - 1] = found
            return found.status
        made = replace(found, id=len(self.entries) + 1)
        if made.status == "doing":
            wait_s = self.rules.rules[made.rule].wait
            made = replace(made, status="waiting", deadline=at(seconds + wait_s))
        self.entries.append(made)
        return found.status
