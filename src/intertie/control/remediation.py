"""How alerts are answered: looked at, approved, reported on, and tried out on the past."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from anyio import to_thread

from intertie.control.actor import Actor
from intertie.control.health import status_of
from intertie.errors import NotFoundError
from intertie.plan import Snapshot
from intertie.runtime.change import Change, Changes
from intertie.runtime.component import Status
from intertie.runtime.journal import Journal
from intertie.suite.model import Suite
from intertie.suite.remediation import AlertRemediation, Mode

if TYPE_CHECKING:  # needed by suites that ask for it only
    from intertie.automation.remediation import Entry, Site
    from intertie.automation.remediation_replay import Replayed
    from intertie.automation.remediation_report import Judged, ShadowReport
    from intertie.automation.remediator import Remediator

_MOST_EVENTS = 20_000
_MOST_CHANGES = 1_000
_MOST_ENTRIES = 10_000
_ACTOR = "remediation"
_NONE = (
    "cannot look at remediation: the suite has none, or it does not run yet; write"
    " `automation.remediation`, then `intertie apply`"
)


@dataclass(frozen=True, slots=True)
class EntryView:
    """One answer to an alert."""

    id: int
    """0 in a replay."""
    at: datetime
    rule: str
    alert: str
    service: str
    action: str
    mode: Mode
    attempt: int
    status: str
    code: str
    """Of a refusal: no_service, unknown_service, busy, neighbour, rate or blast_radius."""
    why: str
    deadline: datetime | None
    """Until when it waits: for recovery, for approval."""
    ended_at: datetime | None
    resolved_at: datetime | None
    """When the alert was over."""
    change: str
    by: str
    """Who approved or declined it."""
    verdict: str | None = None
    """In shadow: helped, did_not_help, by_itself, no_evidence or open."""
    same_by: str = ""
    """In shadow: who did the same."""


@dataclass(frozen=True, slots=True)
class RuleView:
    """A rule, and what shadow mode found of it."""

    name: str
    mode: Mode
    action: str
    max_attempts: int
    actions: int
    """That were done, as far as they are kept."""
    recovered: int
    """After which the alert was over in time."""
    shadow: Mapping[str, int]
    """Entries of shadow mode, by verdict."""
    would_have_helped: float | None
    """Share of those with evidence; None: there is none."""


@dataclass(frozen=True, slots=True)
class ReplayView:
    """What the rules of now would have done about alerts of the past, at most."""

    since: datetime
    until: datetime
    alerts: int
    unanswered: Mapping[str, int]
    """Alerts that no rule fits, by name."""
    done: int
    """Actions that would have been begun."""
    refused: int
    given_up: int
    cut: bool
    """There was so much of it that the end is missing."""
    entries: tuple[EntryView, ...]


@dataclass(frozen=True, slots=True)
class RemediationSources:
    """Where it is kept."""

    remediator: "Callable[[], Remediator | None]"
    suite: Callable[[], Suite]
    journal: Journal
    changes: Changes
    snapshot: Callable[[], Snapshot]


@dataclass(frozen=True, slots=True)
class RemediationControl:
    """Each call raises NotFoundError where the suite has no remediation."""

    sources: RemediationSources | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def rules(self, actor: Actor) -> Sequence[RuleView]:
        """All of them, in their order, with what became of their actions."""
        config, it = self._it(actor)
        from intertie.automation.remediation_report import judge, report  # noqa: PLC0415

        entries = await self._remediator(it).ledger.newest(_MOST_ENTRIES)
        found = {e.rule: e for e in report(judge(entries, await _changes(it), config))}
        return [_rule(name, config, entries, found.get(name)) for name in config.rules]

    async def history(
        self, actor: Actor, *, most: int, is_open: bool | None = None
    ) -> Sequence[EntryView]:
        """The newest first."""
        config, it = self._it(actor)
        from intertie.automation.remediation_report import judge  # noqa: PLC0415

        entries = await self._remediator(it).ledger.newest(_MOST_ENTRIES)
        judged = {e.entry.id: e for e in judge(entries, await _changes(it), config)}
        chosen = [e for e in reversed(entries) if is_open is None or e.is_open == is_open]
        return [_entry(each, judged.get(each.id)) for each in chosen[:most]]

    async def approve(self, actor: Actor, id: int) -> EntryView:
        """Do what was proposed. Raises NotFoundError, ConflictError."""
        _, it = self._it(actor)
        actor.require_write()
        return _entry(await self._remediator(it).approve(id, actor.name))

    async def decline(self, actor: Actor, id: int) -> EntryView:
        """Do not do what was proposed. Raises NotFoundError, ConflictError."""
        _, it = self._it(actor)
        actor.require_write()
        return _entry(await self._remediator(it).decline(id, actor.name))

    async def replay(self, actor: Actor, since_s: float) -> ReplayView:
        """What the rules would have done about the alerts of so long; nothing is done."""
        config, it = self._it(actor)
        now = self.now()
        since = now - timedelta(seconds=since_s)
        return await to_thread.run_sync(_replay, config, it, since, now)

    def _it(self, actor: Actor) -> tuple[AlertRemediation, RemediationSources]:
        actor.require_read()
        config = self.sources.suite().automation.remediation if self.sources else None
        if config is None or self.sources is None:
            raise NotFoundError(_NONE)
        return config, self.sources

    def _remediator(self, it: RemediationSources) -> "Remediator":
        found = it.remediator()
        if found is None:
            raise NotFoundError(_NONE)
        return found


def site_of(suite: Suite, snapshot: Snapshot, changes: Iterable[Change]) -> "Site":
    """The suite's own services as remediation sees them."""
    from intertie.automation.remediation import Site  # noqa: PLC0415

    mine = {n: s for n, s in snapshot.services.items() if n in suite.services}
    busy = {
        step.service: f"{each.title} (by {each.actor})"
        for each in changes
        if each.status == "doing"
        for step in each.steps
        if step.status in {"todo", "doing"}
    }
    return Site(
        instances={name: len(each.replicas) for name, each in mine.items()},
        needs={name: tuple(each.spec.depends_on) for name, each in mine.items()},
        busy=busy,
        unwell=frozenset(n for n, each in mine.items() if status_of(each) is not Status.UP),
    )


def _replay(
    config: AlertRemediation, it: RemediationSources, since: datetime, now: datetime
) -> ReplayView:
    from intertie.automation.remediation import ACTED  # noqa: PLC0415
    from intertie.automation.remediation_replay import alerts_of, replay  # noqa: PLC0415

    past = alerts_of(it.journal.latest(_MOST_EVENTS), since)
    found: Replayed = replay(config, past, site_of(it.suite(), it.snapshot(), ()), now)
    entries = [each for each in found.entries if each.at >= since]
    statuses = [each.status for each in entries]
    return ReplayView(
        since=since,
        until=now,
        alerts=found.alerts,
        unanswered=found.unanswered,
        done=sum(each in ACTED for each in statuses),
        refused=statuses.count("refused"),
        given_up=statuses.count("given_up"),
        cut=found.cut,
        entries=tuple(map(_entry, entries)),
    )


async def _changes(it: RemediationSources) -> Sequence[Change]:
    """Of others."""
    found = (await it.changes.list(limit=_MOST_CHANGES)).items
    return [each for each in found if each.actor != _ACTOR]


def _rule(
    name: str,
    config: AlertRemediation,
    entries: "Sequence[Entry]",
    shadow: "ShadowReport | None",
) -> RuleView:
    from intertie.automation.remediation import ACTED  # noqa: PLC0415

    mine = [each.status for each in entries if each.rule == name]
    rule = config.rules[name]
    return RuleView(
        name=name,
        mode=config.mode_of(name),
        action=rule.told,
        max_attempts=rule.max_attempts,
        actions=sum(each in ACTED for each in mine),
        recovered=mine.count("recovered"),
        shadow={str(word): count for word, count in shadow.counts.items()} if shadow else {},
        would_have_helped=shadow.would_have_helped if shadow else None,
    )


def _entry(entry: "Entry", judged: "Judged | None" = None) -> EntryView:
    return EntryView(
        id=entry.id,
        at=entry.at,
        rule=entry.rule,
        alert=entry.alert,
        service=entry.service,
        action=entry.action,
        mode=entry.mode,
        attempt=entry.attempt,
        status=entry.status,
        code=entry.code,
        why=entry.why,
        deadline=entry.deadline if entry.is_open else None,
        ended_at=entry.ended_at,
        resolved_at=entry.resolved_at,
        change=entry.change,
        by=entry.by,
        verdict=judged.verdict if judged else None,
        same_by=judged.by if judged else "",
    )
