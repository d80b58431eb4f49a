"""How much remediation may do at once, and how often. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import floor

from intertie.automation.remediation import Entry, Site
from intertie.suite.remediation import Budget, Deed, RemediationRule

_WHOLE = 100.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something is not done."""

    code: str
    """no_service, unknown_service, busy, neighbour, rate or blast_radius."""
    why: str


@dataclass(frozen=True, slots=True)
class Spent:
    """What a decision is measured against."""

    budget: Budget
    acted: Sequence[Entry]
    """What was done, or is being done; in shadow also what would have been."""
    rules: Mapping[str, RemediationRule]
    site: Site
    now: datetime


def refusal(rule: RemediationRule, service: str, spent: Spent) -> Refusal | None:
    """Why the rule's action is not done to the service now; None: it may be."""
    if not service:
        return _without_service(rule, spent)
    site = spent.site
    if service not in site.instances:
        return Refusal("unknown_service", f"the suite has no service {service!r}")
    if service in site.busy:
        return Refusal("busy", f"somebody changes {service}: {site.busy[service]}")
    neighbour = next(_neighbours(service, spent), None)
    if neighbour is not None:
        why = f"{neighbour}, which it depends on or which depends on it, is being remedied"
        return Refusal("neighbour", why)
    return _too_often(service, spent) or _too_much(rule, service, spent)


def instances(rule: RemediationRule, service: str, site: Site) -> int:
    """How many of them the action takes at once: a restart goes from one to the next."""
    if rule.action == "restart":
        return 1
    is_whole = isinstance(rule.action, Deed) and rule.action.command is not None
    return site.instances.get(service, 0) if is_whole or rule.action == "stop" else 0


def allowed(budget: Budget, site: Site) -> int:
    """How many instances may be acted on at once."""
    return max(1, floor(sum(site.instances.values()) * budget.blast_radius / _WHOLE))


def _without_service(rule: RemediationRule, spent: Spent) -> Refusal | None:
    if rule.needs_service:
        return Refusal("no_service", "the alert has no label `service`, and the rule names none")
    return _too_often("", spent)


def _too_often(service: str, spent: Spent) -> Refusal | None:
    since = spent.now - timedelta(seconds=spent.budget.window)
    count = sum(each.service == service and each.at > since for each in spent.acted)
    if count < spent.budget.per_service:
        return None
    where = f"{service or 'no service'} within {spent.budget.window:g} s"
    told = f"1 action on {where} is" if count == 1 else f"{count} actions on {where} are"
    return Refusal("rate", f"{told} enough")


def _too_much(rule: RemediationRule, service: str, spent: Spent) -> Refusal | None:
    """Refused where it would touch more than the budget has left."""
    more = instances(rule, service, spent.site)
    open_ = [each for each in spent.acted if each.is_open and each.rule in spent.rules]
    now = sum(instances(spent.rules[each.rule], each.service, spent.site) for each in open_)
    most = allowed(spent.budget, spent.site)
    if not more or now + more <= most:
        return None
    of = sum(spent.site.instances.values())
    why = f"{now + more} of {of} instances at once, {most} are allowed"
    return Refusal("blast_radius", f"it would take {why}")


def _neighbours(service: str, spent: Spent) -> Iterator[str]:
    """Services being remedied that it depends on, or that depend on it, in the end."""
    needs = spent.site.needs
    below = _reached(service, needs)
    for other in sorted({each.service for each in spent.acted if each.is_open}):
        if other != service and (other in below or service in _reached(other, needs)):
            yield other


def _reached(start: str, needs: Mapping[str, Sequence[str]]) -> set[str]:
    found, todo = set[str](), [start]
    while todo:
        fresh = [each for each in needs.get(todo.pop(), ()) if each not in found]
        found.update(fresh)
        todo += fresh
    return found
