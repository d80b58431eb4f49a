"""What shadow mode found: whether what would have been done would have helped.

The only proof there is are others: where somebody did the same to the same service, and the alert
was over soon after, it would have helped.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from intertie.automation.remediation import Entry
from intertie.runtime.change import Change
from intertie.suite.remediation import AlertRemediation

Verdict = Literal["helped", "did_not_help", "by_itself", "no_evidence", "open"]
_SAME: Mapping[str, frozenset[str]] = {
    "restart": frozenset({"restart", "replace", "start"}),
    "start": frozenset({"restart", "replace", "start"}),
    "stop": frozenset({"stop", "remove"}),
    "scale": frozenset({"scale"}),
}


@dataclass(frozen=True, slots=True)
class Judged:
    """An entry of shadow mode, and what became of its alert."""

    entry: Entry
    verdict: Verdict
    by: str = ""
    """Who did the same."""


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """All of them, of one rule."""

    rule: str
    counts: Mapping[Verdict, int]
    would_have_helped: float | None
    """Share of those with evidence; None: there is none yet."""


def judge(
    entries: Sequence[Entry], changes: Sequence[Change], config: AlertRemediation
) -> Sequence[Judged]:
    """What became of each entry of shadow mode."""
    return [_judged(each, changes, config) for each in entries if each.status == "shadow"]


def report(judged: Sequence[Judged]) -> Sequence[ShadowReport]:
    """By rule, in the order of their names."""
    return [_of_rule(n, judged) for n in sorted({each.entry.rule for each in judged})]


def _of_rule(rule: str, judged: Sequence[Judged]) -> ShadowReport:
    counts: dict[Verdict, int] = {}
    for each in judged:
        if each.entry.rule == rule:
            counts[each.verdict] = counts.get(each.verdict, 0) + 1
    helped = counts.get("helped", 0)
    known = helped + counts.get("did_not_help", 0) + counts.get("by_itself", 0)
    return ShadowReport(rule, counts, helped / known if known else None)


def _judged(entry: Entry, changes: Sequence[Change], config: AlertRemediation) -> Judged:
    over = entry.resolved_at
    if over is None:
        return Judged(entry, "open")
    rule = config.rules.get(entry.rule)
    wait = timedelta(seconds=rule.wait if rule is not None else 0)
    same = list(_same(entry, changes, over))
    for change, ended_at in same:
        if over - ended_at <= wait:
            return Judged(entry, "helped", change.actor)
    if same:
        return Judged(entry, "did_not_help", same[-1][0].actor)
    is_soon = entry.ended_at is not None and over <= entry.ended_at
    return Judged(entry, "by_itself" if is_soon else "no_evidence")


def _same(
    entry: Entry, changes: Sequence[Change], over: datetime
) -> Iterator[tuple[Change, datetime]]:
    """What others did to the service while the alert went on, that was the same.

    An alert may be over before the step is: a service that stops has no metrics any more.
    """
    verbs = _SAME.get(entry.action.split()[0], frozenset())
    for change in changes:
        for step in change.steps:
            began_at, ended_at = step.began_at or change.began_at, step.ended_at
            is_same = step.service == entry.service and step.action in verbs
            if not is_same or step.status != "done" or ended_at is None:
                continue
            if entry.at <= ended_at and began_at <= over:
                yield change, ended_at
