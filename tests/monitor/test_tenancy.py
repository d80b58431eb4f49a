"""One tenant's view is what it would be if there were no others."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from intertie.monitor.duck import DuckStore
from intertie.monitor.promql.query import Query, QueryError, tracks_as_json
from intertie.monitor.sample import Matcher, Sample, Series, Source
from intertie.monitor.tenancy import OwnSource, OwnStore, check_matchers, compiled
from tests.monitor.promql.expressions import EXPRESSIONS
from tests.monitor.promql.stage import Line, Memory, as_answer, differs, line, random_lines

pytestmark = pytest.mark.anyio

ESCAPES = (
    '{tenant=~".*", __name__!=""}',
    '{tenant=~"acme|globex"}',
    '{tenant="globex"}',
    '{tenant!="acme", __name__!=""}',
    '{tenant!~"acme", __name__=~".+"}',
    '{tenant="", __name__=~".+"}',
    '{__name__=~".+"}',
    '{__name__=~".+", tenant=~"g.*"}',
    'temperature{tenant="globex"} or temperature',
    'temperature or {tenant="globex", __name__=~".+"}',
    'temperature * on(job) group_left(tenant) limit{tenant="globex"}',
    'limit * on(job) group_right(tenant) temperature{tenant=~"globex|acme"}',
    'temperature unless on() limit{tenant="globex"}',
    'absent(temperature{tenant="globex"})',
    'absent({tenant="globex"})',
    'absent_over_time(temperature{tenant="globex"}[5m])',
    "count by (tenant) ({__name__=~'.+'})",
    "count_values('tenant', temperature)",
    'label_replace(temperature, "tenant", "globex", "", "")',
    'sum by (tenant) (label_replace(temperature, "tenant", "globex", "", ""))',
    'max_over_time(sum({tenant=~".*", __name__!=""})[10m:1m])',
    'scalar(sum({tenant="globex"}))',
    'vector(scalar(count({tenant="globex"})))',
    'sum(rate(requests_total{tenant="globex"}[5m])) / sum(rate(requests_total[5m]))',
    'quantile_over_time(scalar(limit{tenant="globex"}), temperature[5m])',
    'topk(scalar(count({tenant="globex"})), temperature)',
    'histogram_quantile(0.9, sum by (le) (rate({tenant=~".*", le!=""}[5m])))',
    'temperature{tenant="globex"} @ 600 offset -1m',
)


def of(tenant: str, lines: Sequence[Line]) -> list[Line]:
    """The same with its label."""
    return [
        Line(
            Series.of(each.series.name, {**dict(each.series.labels), "tenant": tenant}), each.values
        )
        for each in lines
    ]


@pytest.mark.parametrize("expression", [*EXPRESSIONS, *ESCAPES])
async def test_an_answer_is_that_of_a_store_without_others(expression: str) -> None:
    """Whatever is asked, over samples that are new each time: at a moment and over a range."""
    seed = random.randrange(2**32)  # noqa: S311 -- test data
    mine = of("acme", random_lines(seed))
    others = [*of("globex", random_lines(seed + 1)), *random_lines(seed + 2)]
    together = OwnSource(Memory([*others, *mine]), "acme")
    alone = Memory(mine)
    at_ms = random.Random(seed).randrange(300, 1900) * 1000  # noqa: S311 -- test data

    query = compiled(expression)
    seen, wanted = [await _asked(query, source, at_ms) for source in (together, alone)]

    assert seen == wanted, f"seed {seed}"


async def _asked(query: Query, source: Source, at_ms: int) -> object:
    """Everything it says; a refusal is one too."""
    try:
        now = await query.instant(source, at_ms)
        tracks = await query.range(source, at_ms - 600_000, end_ms=at_ms, step_ms=60_000)
    except QueryError as exc:
        return str(exc)
    return repr(now.as_json()), repr(tracks_as_json(tracks))


async def test_the_comparison_finds_a_planted_leak() -> None:
    """One expression that reads past the view, and the answers are not the same any more."""
    mine, others = of("acme", random_lines(1)), of("globex", random_lines(2))
    query = compiled("sum(temperature)")

    leaked = await query.instant(Memory([*mine, *others]), 900_000)
    alone = await query.instant(Memory(mine), 900_000)

    assert differs(as_answer(leaked), as_answer(alone))


async def test_a_store_tells_a_tenant_of_its_own_series_only(tmp_path: Path) -> None:
    """Names, labels, their values, series and summaries."""
    async with DuckStore.open(tmp_path / "metrics.duckdb") as store:
        await store.append(
            60_000,
            [
                Sample(Series.of("orders", {"tenant": "acme", "shop": "a"}), 1.0),
                Sample(Series.of("orders", {"tenant": "globex", "till": "7"}), 2.0),
                Sample(Series.of("secret_orders", {"tenant": "globex"}), 3.0),
                Sample(Series("up"), 4.0),
            ],
        )
        own = OwnStore(store, "acme")
        anything = [Matcher("__name__", "=~", ".*")]

        assert await own.names() == ["orders"]
        assert await own.labels("orders") == {"shop": ["a"], "tenant": ["acme"]}
        assert await own.labels("secret_orders") == {}
        assert await own.series(anything, 10) == [
            Series.of("orders", {"tenant": "acme", "shop": "a"})
        ]
        found = await own.aggregate(anything, 0, 120_000, step="1m", functions=["max"])
        assert [each.values.tolist() for each in found] == [[1.0]]
        assert len(await OwnSource(store, "acme").select(anything, 0, 120_000)) == 1
        assert await own.series([Matcher("tenant", "=", "globex")], 10) == []


@pytest.mark.parametrize(
    "expression",
    [
        'a{b=~"(?=x)x"}',
        'label_replace(a, "b", "$1", "c", "(x+)+y")',
        'label_replace(a, "b", "$1", "c", "(x*)(x*)(x*)y")',
        'label_replace(a, "b", "$1", "c", "(x|y|z|x|y)a")',
        'label_replace(a, "b", "$1", "c", "x?x?x?xxx")',
    ],
)
def test_a_pattern_that_may_take_long_is_refused(expression: str) -> None:
    """Everybody would wait for it."""
    with pytest.raises(QueryError, match="cannot use"):
        compiled(expression)


@pytest.mark.parametrize("pattern", ["(.*):.*", r"([^:+*]+)\+(\d+)", "(?:a|b)(.+)", r"\(x\)*(y+)"])
def test_a_plain_pattern_is_taken(pattern: str) -> None:
    """What is in brackets or after a backslash repeats nothing."""
    text = pattern.replace("\\", "\\\\")
    compiled(f'label_replace(a, "b", "$1", "c", "{text}")')


def test_conditions_of_silences_are_looked_at_too() -> None:
    """They are asked of each alert."""
    check_matchers([Matcher("a", "=~", "(x+)+"), Matcher("b", "=", "(?=x)")])
    with pytest.raises(QueryError):
        check_matchers([Matcher("b", "!~", "(?=x)")])


async def test_labels_cannot_be_made_longer_and_longer() -> None:
    """Joined with itself fifteen times, one would fill the memory."""
    expression = "a"
    for _ in range(15):
        expression = f'label_join({expression}, "b", "", "b", "b")'

    with pytest.raises(QueryError, match="more than 10000 characters"):
        await compiled(expression).instant(Memory([line("a", "1", b="x")]), 0)
