"""Gathers why alerts fire, at the look that made them fire."""

from collections.abc import Iterable

from intertie.errors import IntertieError
from intertie.monitor.evidence import Evidence, Measured
from intertie.monitor.promql.query import compile
from intertie.monitor.rules import AlertRule, Labels
from intertie.monitor.sample import Found, Source
from intertie.monitor.stages import Alert
from intertie.monitor.states import Transition

MOST_ALERTS = 50
"""Of one look at a rule: what fires beyond is told without."""
_MOST_SERIES = 20


async def gather(
    rule: AlertRule, begun: Iterable[tuple[Alert, Transition]], source: Source, at_ms: int
) -> list[Evidence]:
    """Of each alert that has just begun to fire; nothing where samples cannot be read again."""
    wanted = list(begun)[:MOST_ALERTS]
    if not wanted:
        return []
    try:
        reads = compile(rule.expr).reads(at_ms, at_ms)
        found = [
            each
            for read in reads
            for each in await source.select(read.matchers, read.start_ms, read.end_ms)
        ]
    except IntertieError:
        return []
    return [_one(rule, alert, moved, found, at_ms=at_ms) for alert, moved in wanted]


def _one(
    rule: AlertRule, alert: Alert, moved: Transition, found: Iterable[Found], *, at_ms: int
) -> Evidence:
    mine = sorted(found, key=lambda each: (-_shared(each, moved.state.series), str(each.series)))
    return Evidence(
        fingerprint=alert.fingerprint,
        rule=rule.name,
        expr=rule.expr,
        for_ms=rule.for_ms,
        at_ms=at_ms,
        value=repr(moved.state.value),
        active_at_ms=moved.state.active_at_ms,
        samples=tuple(_newest(each) for each in mine[:_MOST_SERIES] if len(each.times)),
    )


def _shared(found: Found, labels: Labels) -> int:
    """How many labels of the alert the series has."""
    return len({*found.series.labels} & {*labels})


def _newest(found: Found) -> Measured:
    return Measured(str(found.series), int(found.times[-1]), repr(float(found.values[-1])))
