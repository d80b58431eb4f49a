"""All rules of a suite over its stored samples, in a limited time."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from intertie.errors import NotFoundError
from intertie.monitor.heartbeat import with_heartbeats
from intertie.monitor.replay import MAX_LOOKS, Replayed, replay
from intertie.monitor.replay_ahead import ahead
from intertie.monitor.rules import ALERT_NAME, SEVERITY, AlertRule, Rules, rules_of, with_own
from intertie.monitor.sample import Source
from intertie.monitor.slo import with_slos
from intertie.suite.monitoring import Monitoring
from intertie.suite.nearest import did_you_mean

_QUICK_LOOKS = 20_000
"""So many are done in less than a second."""
_LONGER = 4
"""How many times as long each try is as the one before."""


@dataclass(frozen=True, slots=True)
class Span:
    """When it is looked at rules: from `start_ms` to `end_ms`, `step_ms` apart."""

    start_ms: int
    end_ms: int
    step_ms: int

    @property
    def looks(self) -> int:
        """At one rule."""
        return max(0, self.end_ms - self.start_ms) // self.step_ms + 1


@dataclass(frozen=True, slots=True)
class Past:
    """What became of rules over the newest part of a span, the whole of it unless it is cut."""

    span: Span
    rules: tuple[tuple[AlertRule, Replayed], ...]
    is_cut: bool
    """There was no time for more."""


def rules_in(config: Monitoring) -> Rules:
    """All that are looked at in a suite so configured. Raises IntertieError."""
    rules = with_slos(with_own(rules_of(config.alerts, own=config.own_names)), config.slo)
    return with_heartbeats(rules, config.dead_mans_switch.expect)


def span_of(config: Monitoring, start_ms: int, end_ms: int) -> Span:
    """As often as the suite looks at rules, or as a replay can."""
    tick_ms = round(config.metrics_collection.interval * 1000)
    wanted_ms = round((config.alerts.evaluation_interval or 0) * 1000)
    step_ms = max(1, -(-wanted_ms // tick_ms)) * tick_ms
    least = -(-max(0, end_ms - start_ms) // (MAX_LOOKS - 1))
    step_ms *= max(1, -(-least // step_ms))
    return Span(-(-start_ms // step_ms) * step_ms, end_ms // step_ms * step_ms, step_ms)


def chosen(rules: Rules, name: str) -> Rules:
    """One rule, and those whose alerts can hide its own. Raises NotFoundError."""
    wanted = next((each for each in rules.rules if each.name == name), None)
    if wanted is None:
        names = [each.name for each in rules.rules]
        near = did_you_mean(name, names) or f"known are {', '.join(names) or 'none'}"
        raise NotFoundError(f"cannot replay rule {name[:100]!r}: there is none; {near}")
    hiding = [each for each in rules.inhibitions if _may_have(wanted, each.target)]
    upper = [
        rule
        for rule in rules.rules
        if rule is not wanted and any(_may_have(rule, each.source) for each in hiding)
    ]
    return replace(rules, rules=(wanted, *upper))


async def replay_rules(
    rules: Collection[AlertRule], source: Source, span: Span, *, is_late: Callable[[], bool]
) -> Past:
    """Their past up to the end of the span: as much of it as there is time for, the newest first.

    Raises StoreError when samples cannot be read.
    """
    known = Past(replace(span, start_ms=span.end_ms), (), is_cut=True)
    for start_ms in _starts(span, len(rules)):
        part = replace(span, start_ms=start_ms)
        found = await _replayed(rules, source, part, is_late)
        if found is None:
            return known
        known = Past(part, found, is_cut=start_ms > span.start_ms)
    return known


async def _replayed(
    rules: Collection[AlertRule], source: Source, span: Span, is_late: Callable[[], bool]
) -> tuple[tuple[AlertRule, Replayed], ...] | None:
    """None: there was no time."""
    found: list[tuple[AlertRule, Replayed]] = []
    for rule in rules:
        evaluate = ahead(source, step_ms=span.step_ms, end_ms=span.end_ms)
        past = await replay(
            rule,
            evaluate,
            span.start_ms,
            end_ms=span.end_ms,
            step_ms=span.step_ms,
            is_late=is_late,
        )
        if past.is_cut:
            return None
        found.append((rule, past))
    return tuple(found)


def _starts(span: Span, rules: int) -> Sequence[int]:
    """Where each try starts: the last one is the whole span, each before a quarter of the next."""
    starts, looks = [span.start_ms], span.looks
    while looks * rules > _QUICK_LOOKS and looks > _LONGER:
        looks //= _LONGER
        starts.append(span.end_ms - looks * span.step_ms)
    return starts[::-1]


def _may_have(rule: AlertRule, labels: Mapping[str, str]) -> bool:
    """Whether alerts of the rule can bear them: those of series are not known before."""
    own = {**dict(rule.labels), ALERT_NAME: rule.name, SEVERITY: rule.severity}
    return all(own.get(name, value) == value or "{{" in own[name] for name, value in labels.items())
