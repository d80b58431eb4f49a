"""What the rules of the file would have made of the past, beside those that run."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from intertie.control.replay_views import SHOWN, moment

if TYPE_CHECKING:  # needed by suites that are monitored only
    from intertie.monitor.replay import Fired
    from intertie.monitor.replay_diff import RuleChange
    from intertie.monitor.replay_rules import Past

_SAID = {"__name__", "alertname", "severity"}
_DAYS_FROM_H = 48
_LINES = 5
"""Of a rule, each way: the newest."""


@dataclass(frozen=True, slots=True)
class FiringInBrief:
    """One time that an alert would have fired."""

    labels: Mapping[str, str]
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class RuleChangeView:
    """A rule of the file that is another one than in the running suite."""

    name: str
    what: str
    """new, changed or removed."""
    fired_before: int
    """How often it fires as it runs now, over the time looked at."""
    fired_after: int
    """How often it would fire as written."""
    would_fire: tuple[FiringInBrief, ...]
    """As written, and not as it runs now; the newest hundred."""
    would_not: tuple[FiringInBrief, ...]
    """As it runs now, and not as written; the newest hundred."""


@dataclass(frozen=True, slots=True)
class RuleDifference:
    """What the rules as written would have made of the last seven days."""

    since: datetime
    until: datetime
    cut: str
    """Why it is less than seven days, or nothing; empty: it is all."""
    rules: tuple[RuleChangeView, ...]


def in_brief(
    changes: "Sequence[RuleChange]", before: "Past", after: "Past", *, cut: str
) -> RuleDifference:
    """`before` and `after`: what became of the rules as they run, and as they are written."""
    since_ms = max(before.span.start_ms, after.span.start_ms)
    old, new = _fired(before, since_ms), _fired(after, since_ms)
    return RuleDifference(
        since=moment(since_ms),
        until=moment(max(before.span.end_ms, after.span.end_ms)),
        cut=cut,
        rules=tuple(
            _change(each, old.get(each.name, ()), new.get(each.name, ())) for each in changes
        ),
    )


def unknown(changes: "Sequence[RuleChange]", now: datetime, why: str) -> RuleDifference:
    """It is not known what would have fired."""
    rules = (RuleChangeView(each.name, each.what, 0, 0, (), ()) for each in changes)
    return RuleDifference(now, now, why, tuple(rules))


def lines(found: RuleDifference) -> Iterator[str]:
    """For a person."""
    hours = (found.until - found.since).total_seconds() / 3600
    span = f"{hours / 24:.3g} days" if hours >= _DAYS_FROM_H else f"{hours:.2g} h"
    if found.since == found.until:
        for each in found.rules:
            yield f"rule {each.name} {each.what}"
        yield f"what these rules would have told is not known: {found.cut or 'there is no past'}"
        return
    for each in found.rules:
        yield f"rule {each.name} {each.what}: over the last {span} it {_says(each)}"
        for firing in each.would_fire[-_LINES:]:
            yield f"  would have fired, and did not: {_when(firing)}"
        for firing in each.would_not[-_LINES:]:
            yield f"  fired, and would not have: {_when(firing)}"
    if found.cut:
        yield f"rules over the past: {found.cut}"


def _says(each: RuleChangeView) -> str:
    if each.what == "new":
        return f"would have fired {_times(each.fired_after)}"
    if each.what == "removed":
        return f"fired {_times(each.fired_before)}"
    return f"fired {_times(each.fired_before)}, as written {_times(each.fired_after)}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _when(firing: FiringInBrief) -> str:
    of = ", ".join(f"{name}={text}" for name, text in firing.labels.items() if name not in _SAID)
    since = firing.since.isoformat(timespec="seconds").replace("+00:00", "Z")
    if firing.until is None:
        return f"{of or 'it'} since {since}"
    return f"{of or 'it'} at {since} for {(firing.until - firing.since).total_seconds():g} s"


def _change(change: "RuleChange", old: "Sequence[Fired]", new: "Sequence[Fired]") -> RuleChangeView:
    from intertie.monitor.replay_diff import only_in  # noqa: PLC0415

    return RuleChangeView(
        name=change.name,
        what=change.what,
        fired_before=len(old),
        fired_after=len(new),
        would_fire=tuple(_brief(each) for each in only_in(new, old)[-SHOWN:]),
        would_not=tuple(_brief(each) for each in only_in(old, new)[-SHOWN:]),
    )


def _fired(past: "Past", since_ms: int) -> "Mapping[str, Sequence[Fired]]":
    """By rule, those that were not over before."""
    return {
        rule.name: [each for each in found.fired if each.to_ms is None or each.to_ms >= since_ms]
        for rule, found in past.rules
    }


def _brief(fired: "Fired") -> FiringInBrief:
    until = None if fired.to_ms is None else moment(fired.to_ms)
    return FiringInBrief(dict(fired.labels), moment(fired.from_ms), until)
