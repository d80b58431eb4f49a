"""Rules evaluated by the suite's own PromQL."""

from collections.abc import Sequence

from intertie.errors import IntertieError
from intertie.monitor.promql.query import Options, Query, Scalar, Value, Vector, compile
from intertie.monitor.rule_look import Evaluate
from intertie.monitor.rules import Labels
from intertie.monitor.sample import NAME_LABEL, Found, Matcher, Source, is_stale

_DEFAULT = Options()


def over(source: Source, *, options: Options = _DEFAULT) -> Evaluate:
    """Expressions over the samples of a source; each is compiled once, when it is asked first."""
    queries: dict[str, Query] = {}

    async def evaluate(expr: str, at_ms: int) -> Sequence[tuple[Labels, float]] | None:
        query = queries.get(expr)
        if query is None:
            query = queries[expr] = compile(expr, options=options)
        watched = _Watched(source)
        values = _values(expr, await query.instant(watched, at_ms))
        return values if values or watched.is_alive or not watched.is_asked else None

    return evaluate


class _Watched:
    """A source that knows whether anything was there to read."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.is_asked = False
        self.is_alive = False

    async def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int
    ) -> Sequence[Found]:
        """As the source itself."""
        found = await self._source.select(matchers, start_ms, end_ms)
        self.is_asked = True
        self.is_alive |= any(len(each.values) and not _has_ended(each) for each in found)
        return found


def _has_ended(found: Found) -> bool:
    return is_stale(float(found.values[-1]))


def _values(expr: str, value: Value) -> Sequence[tuple[Labels, float]]:
    match value:
        case Vector():
            return [
                (_labels(each.series.name, each.series.labels), each.value) for each in value.points
            ]
        case Scalar():
            return [((), value.value)]
        case _:
            raise IntertieError(f"cannot use `{expr}` as a rule: its value is a text")


def _labels(name: str, labels: Labels) -> Labels:
    return ((NAME_LABEL, name), *labels) if name else labels
