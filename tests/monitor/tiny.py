"""An evaluator for `name OP number` only, so that rules are tested apart from PromQL."""

import math
import operator
import re
from collections.abc import Callable, Sequence

from intertie.errors import IntertieError
from intertie.monitor.rule_look import Evaluate
from intertie.monitor.rules import Labels, labels_of
from intertie.monitor.sample import NAME_LABEL, Matcher, Source, is_stale

LOOKBACK_MS = 5 * 60_000
_FORM = re.compile(r"(\w+) (>=|<=|==|!=|>|<) (-?[0-9.]+)")
_OPS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}


def over(source: Source) -> Evaluate:
    """Instants of Prometheus 2: a sample exactly five minutes old still counts."""

    async def evaluate(expr: str, at_ms: int) -> Sequence[tuple[Labels, float]] | None:
        found = _FORM.fullmatch(expr)
        if found is None:
            raise IntertieError(f"cannot evaluate {expr}: it is too much for this one")
        name, op, number = found.groups()
        start_ms = at_ms - LOOKBACK_MS - 1
        matched = await source.select([Matcher(NAME_LABEL, "=", name)], start_ms, at_ms)
        last = [(each.series, float(each.values[-1])) for each in matched]
        alive = [(series, value) for series, value in last if not is_stale(value)]
        return (
            [
                (labels_of(series.labels, [(NAME_LABEL, name)]), value)
                for series, value in alive
                if not math.isnan(value) and _OPS[op](value, float(number))
            ]
            if alive
            else None
        )

    return evaluate
