"""What is to be done about alerts now. Pure: time, alerts and all that was done are arguments."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from intertie.automation.remediation import FINAL, STOP, Entry, Firing, Site, Status
from intertie.automation.remediation_budget import Refusal, Spent, refusal
from intertie.errors import ConflictError, NotFoundError
from intertie.suite.remediation import LABEL, AlertRemediation, Mode, RemediationRule


@dataclass(frozen=True, slots=True)
class World:
    """All that a decision is made from."""

    config: AlertRemediation
    firing: Sequence[Firing]
    entries: Sequence[Entry]
    """The oldest first."""
    site: Site
    now: datetime


@dataclass(frozen=True, slots=True)
class _Case:
    """A rule, a service, and the alerts that made them meet."""

    name: str
    rule: RemediationRule
    mode: Mode
    service: str
    alert: Firing
    """The oldest of them."""


def plan(world: World) -> Sequence[Entry]:
    """Entries that have moved on, and new ones (id 0), in the order to be written.

    A new one that is `doing` is to be done.
    """
    moved = list(_moved(world))
    by_id = {each.id: each for each in moved}
    entries = [by_id.get(each.id, each) for each in world.entries]
    fresh: list[Entry] = []
    for case in _cases(world):
        made = _answer(case, replace(world, entries=[*entries, *fresh]))
        if made is not None:
            fresh.append(made)
    return [*moved, *fresh]


def approve(world: World, id: int, by: str) -> Entry:
    """The proposal, now to be done. Raises NotFoundError, ConflictError."""
    entry = _proposal(world, id, "approve")
    rule = world.config.rules.get(entry.rule)
    if rule is None:
        raise ConflictError(
            f"cannot approve {id}: rule {entry.rule!r} is not in the suite any more"
        )
    why = _refused(world, rule, entry, shadow=False)
    if why is not None:
        raise ConflictError(f"cannot approve {id}: {why.why}")
    return replace(entry, status="doing", deadline=None, by=by)


def decline(world: World, id: int, by: str) -> Entry:
    """The proposal, ended. Raises NotFoundError, ConflictError."""
    entry = _proposal(world, id, "decline")
    return replace(entry, status="declined", by=by, ended_at=world.now)


def relevant(world: World) -> Sequence[Entry]:
    """Entries that a decision may still depend on."""
    rules = world.config.rules.values()
    cooldown_s = max((each.cooldown + each.timeout + each.wait for each in rules), default=0.0)
    since = world.now - timedelta(seconds=world.config.budget.window + cooldown_s)
    return [e for e in world.entries if e.is_open or e.resolved_at is None or e.at > since]


def wake_at(world: World) -> datetime | None:
    """The next moment at which time alone may change what is to be done."""
    moments = set[datetime]()
    rules = world.config.rules
    for each in world.entries:
        if each.is_open and each.deadline is not None:
            moments.add(each.deadline)
        if each.ended_at is not None:
            moments |= {each.ended_at + timedelta(seconds=r.cooldown) for r in rules.values()}
        moments.add(each.at + timedelta(seconds=world.config.budget.window))
    return min((each for each in moments if each > world.now), default=None)


def _proposal(world: World, id: int, verb: str) -> Entry:
    found = next((each for each in world.entries if each.id == id), None)
    if found is None:
        raise NotFoundError(f"cannot {verb} {id}: there is no such remediation")
    is_late = found.deadline is not None and world.now >= found.deadline
    if found.status != "proposed" or is_late:
        status = "expired" if found.status == "proposed" else found.status
        raise ConflictError(f"cannot {verb} {id}: it is {status}")
    return found


def _moved(world: World) -> Iterator[Entry]:
    alight = {each.fingerprint for each in world.firing}
    for old in world.entries:
        new = _step(old, world, is_over=old.fingerprint not in alight)
        if new is not old:
            yield new


def _step(old: Entry, world: World, *, is_over: bool) -> Entry:
    """One entry, moved on."""
    if old.status == "doing":
        return old
    entry = old
    if is_over and old.resolved_at is None:
        entry = replace(entry, resolved_at=world.now)
    end = _end(old, world, is_over=is_over) if old.is_open else None
    if end is None:
        return entry
    status, why = end
    return replace(entry, status=status, why=why, ended_at=world.now)


def _end(old: Entry, world: World, *, is_over: bool) -> tuple[Status, str] | None:
    """How what waited has ended, and why."""
    is_late = old.deadline is not None and world.now >= old.deadline
    is_well = old.action == STOP or old.service not in world.site.unwell
    match old.status:
        case "waiting" if is_over and is_well:
            return "recovered", ""
        case "waiting" if is_late:
            return "not_recovered", f"{old.service} is not UP" if is_over else "the alert goes on"
        case "proposed" if is_over:
            return "withdrawn", "the alert is over"
        case "proposed" if is_late:
            return "expired", "nobody approved it in time"
        case "shadow" if is_over or is_late:
            return "shadow", ""
        case _:
            return None


def _cases(world: World) -> Iterator[_Case]:
    """Each pair of rule and service once, by its oldest alert."""
    seen = set[tuple[str, str]]()
    for alert in sorted(world.firing, key=lambda each: (each.since, each.fingerprint)):
        name = world.config.rule_for(alert.name, alert.severity, alert.labels)
        if name is None:
            continue
        rule = world.config.rules[name]
        service = rule.service or alert.labels.get(LABEL, "")
        if (name, service) not in seen:
            seen.add((name, service))
            yield _Case(name, rule, world.config.mode_of(name), service, alert)


def _answer(case: _Case, world: World) -> Entry | None:
    """What is written down of a case now; None: nothing."""
    shadow = case.mode == "shadow"
    mine = [each for each in world.entries if each.service == case.service]
    episode = [e for e in mine if e.rule == case.name and e.at >= case.alert.since]
    goes_on = any(each.is_open and _holds(each, shadow=shadow) for each in mine)
    if goes_on or any(e.status in FINAL and _is_of(e, shadow=shadow) for e in episode):
        return None
    attempts = sum(each.acts(shadow=shadow) for each in episode)
    entry = _entry(case, world.now, attempts + 1)
    if attempts >= case.rule.max_attempts:
        why = f"{attempts} {'action' if attempts == 1 else 'actions'} did not help"
        return replace(entry, attempt=attempts, status="given_up", why=why, ended_at=world.now)
    return _try(entry, case, world, episode) if _is_cool(mine, case, world.now) else None


def _try(entry: Entry, case: _Case, world: World, episode: Sequence[Entry]) -> Entry | None:
    """Begun, or refused; a refusal is told once while the alert goes on."""
    refused = _refused(world, case.rule, entry, shadow=case.mode == "shadow")
    if refused is None:
        return _begun(entry, case, world)
    if any(each.status == "refused" and each.code == refused.code for each in episode):
        return None
    code, why = refused.code, refused.why
    return replace(entry, status="refused", code=code, why=why, ended_at=world.now)


def _is_of(entry: Entry, *, shadow: bool) -> bool:
    return (entry.mode == "shadow") == shadow


def _holds(entry: Entry, *, shadow: bool) -> bool:
    return entry.acts(shadow=shadow) or (entry.status == "proposed" and not shadow)


def _is_cool(mine: Sequence[Entry], case: _Case, now: datetime) -> bool:
    shadow = case.mode == "shadow"
    ends = [e.ended_at for e in mine if e.ended_at is not None and e.acts(shadow=shadow)]
    return not ends or now >= max(ends) + timedelta(seconds=case.rule.cooldown)


def _entry(case: _Case, now: datetime, attempt: int) -> Entry:
    return Entry(
        rule=case.name,
        alert=case.alert.name,
        fingerprint=case.alert.fingerprint,
        service=case.service,
        action=case.rule.told,
        mode=case.mode,
        attempt=attempt,
        status="doing",
        at=now,
    )


def _begun(entry: Entry, case: _Case, world: World) -> Entry:
    if case.mode == "automatic":
        return entry
    if case.mode == "approve":
        until = world.now + timedelta(seconds=world.config.approval)
        return replace(entry, status="proposed", deadline=until)
    until = world.now + timedelta(seconds=case.rule.wait)
    return replace(entry, status="shadow", deadline=until)


def _refused(world: World, rule: RemediationRule, entry: Entry, *, shadow: bool) -> Refusal | None:
    others = [each for each in world.entries if not entry.id or each.id != entry.id]
    spent = Spent(
        budget=world.config.budget,
        acted=[each for each in others if each.acts(shadow=shadow)],
        rules=world.config.rules,
        site=world.site,
        now=world.now,
    )
    return refusal(rule, entry.service, spent)
