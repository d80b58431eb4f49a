"""What a replay of rules is told as."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from typing import TYPE_CHECKING, Literal

from intertie.control.monitoring import HeldBack

if TYPE_CHECKING:  # needed by suites that are monitored only
    from intertie.monitor.replay import Fired, Replayed
    from intertie.monitor.replay_rules import Past
    from intertie.monitor.replay_told import Telling, Tellings
    from intertie.monitor.rules import AlertRule

SHOWN = 100
"""Firings of a rule, and notices of a firing, that are told one by one: the newest, the first."""

Which = Literal["running", "written"]


@dataclass(frozen=True, slots=True)
class TellingView:
    """A notice that there would have been."""

    at: datetime
    kind: str
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FiringView:
    """One time that an alert would have fired."""

    labels: Mapping[str, str]
    since: datetime
    until: datetime | None
    """None: it would fire still."""
    lasted_s: float
    """Up to now where it would fire still."""
    value: float | None
    """When it began; None where it is no number."""
    notices: int
    told: tuple[TellingView, ...]
    """The first hundred of them."""
    held: tuple[HeldBack, ...]
    """Why it would have been held back, for some time at least."""


@dataclass(frozen=True, slots=True)
class RuleReplay:
    """What a rule would have told."""

    name: str
    severity: str
    shown: str
    fired: int
    """How often, all series together."""
    lasted_s: float
    """All firings together."""
    looks: int
    blind: int
    """Looks at which nothing that it reads was measured."""
    firings: tuple[FiringView, ...]
    """The newest hundred, in the order in which they began."""


@dataclass(frozen=True, slots=True)
class ReplayView:
    """Rules over stored samples, as if nobody had silenced or acknowledged anything."""

    rules_of: Which
    since: datetime
    until: datetime
    step_s: float
    """Between two looks at a rule."""
    cut: str
    """Why it is less than was asked for; empty: it is all."""
    notices: int
    """To all channels together, each counted once."""
    rules: tuple[RuleReplay, ...]


def replay_view(
    past: "Past", told: "Tellings", *, names: Iterable[str], which: Which, cut: str
) -> ReplayView:
    """Rules of those names; `told`: of all firings of all rules, in their order."""
    wanted, since = set(names), moment(past.span.start_ms)
    until = moment(past.span.end_ms)
    rules: list[RuleReplay] = []
    first = 0
    for rule, found in past.rules:
        last = first + len(found.fired)
        firings = [
            _firing(each, notices, held, until)
            for each, notices, held in zip(
                found.fired, told.told[first:last], told.held[first:last], strict=True
            )
        ]
        first = last
        if rule.name in wanted:
            rules.append(_rule(rule, found, firings))
    return ReplayView(
        rules_of=which,
        since=since,
        until=until,
        step_s=past.span.step_ms / 1000,
        cut=cut,
        notices=told.notices,
        rules=tuple(rules),
    )


def moment(at_ms: int) -> datetime:
    """In UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def _rule(rule: "AlertRule", found: "Replayed", firings: Sequence[FiringView]) -> RuleReplay:
    return RuleReplay(
        name=rule.name,
        severity=rule.severity,
        shown=rule.shown,
        fired=len(firings),
        lasted_s=sum(each.lasted_s for each in firings),
        looks=found.looks,
        blind=found.blind,
        firings=tuple(firings[-SHOWN:]),
    )


def _firing(
    fired: "Fired",
    told: "Sequence[Telling]",
    held: Iterable[tuple[str, str]],
    now: datetime,
) -> FiringView:
    since = moment(fired.from_ms)
    until = None if fired.to_ms is None else moment(fired.to_ms)
    return FiringView(
        labels=dict(fired.labels),
        since=since,
        until=until,
        lasted_s=((until or now) - since).total_seconds(),
        value=fired.value if isfinite(fired.value) else None,
        notices=len(told),
        told=tuple(TellingView(each.at, each.kind, each.channels) for each in told[:SHOWN]),
        held=tuple(HeldBack(stage, why) for stage, why in held),
    )
