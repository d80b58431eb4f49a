"""Our answers against those of Prometheus' own engine, on samples that are new in each run."""

import random
from pathlib import Path

import pytest

from intertie.monitor.promql.query import Options, compile
from tests.monitor.promql.expressions import EXPRESSIONS
from tests.monitor.promql.stage import differs, ours, promtool, random_lines

LATE_S = 1470
"""The only sample of `quiet` is four and a half minutes old."""

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def _differences(seed: int, options: Options, folder: Path) -> list[str]:
    draw = random.Random(seed)  # noqa: S311 -- test data
    lines = random_lines(seed)
    # Whole multiples of 15 s are as important as times between: there edges meet samples.
    times = [draw.randrange(0, 120) * 15, draw.randrange(300, 1900), draw.randrange(60, 1800)]
    times.append(LATE_S)
    cases = [(expression, at_s) for expression in EXPRESSIONS for at_s in times]
    told = promtool(lines, cases, folder)
    wrong: list[str] = []
    for (expression, at_s), theirs in zip(cases, told, strict=True):
        answer = await ours(compile(expression, options=options), lines, at_s)
        if differs(answer, theirs):
            wrong.append(f"seed {seed}: {expression} at {at_s} s: {answer}, promtool: {theirs}")
    return wrong


async def test_each_answer_is_prometheus_answer(tmp_path: Path) -> None:
    """With the ranges of the version that is installed, which are closed."""
    seed = random.randrange(2**32)  # noqa: S311 -- test data

    assert await _differences(seed, Options(closed=True), tmp_path) == []


@pytest.mark.parametrize("options", [Options(closed=True, lookback_ms=240_000), Options()])
async def test_the_comparison_finds_a_planted_error(options: Options, tmp_path: Path) -> None:
    """Another lookback, or open ranges, and the answers are not the same any more."""
    seed = random.randrange(2**32)  # noqa: S311 -- test data

    assert await _differences(seed, options, tmp_path) != []
