"""What it costs to look at rules: 1,000 series each second, in the ring."""

from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter

from benchmarks.monitoring.data import ticks
from benchmarks.monitoring.figure import Bar, Figure
from intertie.monitor.promql.query import compile
from intertie.monitor.ring import Ring
from intertie.monitor.rule_look import look
from intertie.monitor.rule_query import over
from intertie.monitor.rules import AlertRule
from intertie.monitor.sample import Series
from intertie.monitor.states import step

SECONDS, ROUNDS, QUICK_ROUNDS = 600, 15, 5
_ALL = 'avg_over_time({__name__=~"kind_.*"}[5m])'
_BEGIN_MS = 1_000_000_000_000


async def figures(quick: bool) -> Sequence[Figure]:
    """See the module."""
    rounds = QUICK_ROUNDS if quick else ROUNDS
    ring, told = Ring(), ticks(SECONDS)
    for place, samples in enumerate(told):
        ring.append(_BEGIN_MS + place * 1_000, samples)
    series = [each.series for each in told[0]]
    at_ms = _BEGIN_MS + (SECONDS - 1) * 1_000
    note = "Prometheus takes 196 ms for 1,000 rules of the p95 over 5 min"
    return [
        Figure("promql", "ms for 1,000 rules avg_over_time(x[5m]) > n",
               await _times(_rules(ring, series, "avg_over_time({}[5m]) > 1e12", at_ms), rounds),
               Bar(1_000), note="bar: the shortest interval"),
        Figure("promql", "ms for 1,000 rules quantile_over_time(0.95, x[5m]) > n",
               await _times(_rules(ring, series, "quantile_over_time(0.95, {}[5m]) > 1e12", at_ms),
                            rounds), note=note),
        Figure("promql", "ms for one rule over 1,000 series avg_over_time([5m])",
               await _times(_query(ring, _ALL, at_ms), rounds)),
        Figure("promql", "ms for sum by (kind)(rate([5m])) of 200 series",
               await _times(_query(ring, "sum by (kind) (rate(kind_2[5m]))", at_ms), rounds)),
    ]  # fmt: skip


def _rules(
    ring: Ring, series: Sequence[Series], expr: str, at_ms: int
) -> Callable[[], Awaitable[object]]:
    """As `Alerting.evaluate` looks at them: one for each series."""
    evaluate = over(ring)
    rules = [
        AlertRule(name=f"R{place}", expr=expr.format(each), shown="")
        for place, each in enumerate(series)
    ]

    async def run() -> None:
        for rule in rules:
            step(rule, {}, await look(rule, evaluate, at_ms), at_ms)

    return run


def _query(ring: Ring, text: str, at_ms: int) -> Callable[[], Awaitable[object]]:
    query = compile(text)
    return lambda: query.instant(ring, at_ms)


async def _times(run: Callable[[], Awaitable[object]], rounds: int) -> Sequence[float]:
    """Milliseconds; what is compiled once is compiled before."""
    await run()
    took: list[float] = []
    for _ in range(rounds):
        began = perf_counter()
        await run()
        took.append((perf_counter() - began) * 1e3)
    return took
