"""One look at a rule: its expressions are evaluated, and what came of it is told."""

from collections.abc import Awaitable, Callable, Sequence

from intertie.errors import IntertieError
from intertie.monitor.rules import AlertRule, Labels, labels_of
from intertie.monitor.sample import NAME_LABEL
from intertie.monitor.states import Failed, NoData, Outcome, Vector

Evaluate = Callable[[str, int], Awaitable[Sequence[tuple[Labels, float]] | None]]
"""The value of a PromQL expression at a time in milliseconds; None where no series that it reads
has any sample. A name is the label `__name__`. Raises IntertieError."""


async def look(rule: AlertRule, evaluate: Evaluate, at_ms: int) -> Outcome:
    """What is to be made of the rule at that time; an error is an outcome too."""
    try:
        values = await evaluate(rule.expr, at_ms)
        better = await evaluate(rule.recovery, at_ms) if rule.recovery else ()
    except IntertieError as exc:
        return Failed(str(exc))
    if values is None:
        return NoData()
    return Vector(values, frozenset(_unnamed(labels) for labels, _ in better or ()))


def _unnamed(labels: Labels) -> Labels:
    return labels_of(each for each in labels if each[0] != NAME_LABEL)
