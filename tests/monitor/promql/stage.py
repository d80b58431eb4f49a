"""A source of samples made by hand or at random, and what promtool says of the same ones."""

import random
import re
import struct
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from intertie.monitor.promql.query import Options, Query, QueryError, Value, Vector, compile
from intertie.monitor.sample import NAME_LABEL, STALE, Found, Matcher, Series

STEP_S = 15
Answer = Mapping[str, float] | None
"""Each series' value, by its labels as one text; None where it was refused."""


@dataclass(frozen=True)
class Line:
    """One series: a value for each 15 s from 0 on, None for a gap."""

    series: Series
    values: Sequence[float | None]

    def found(self) -> Found:
        """Its samples."""
        known = [(index, value) for index, value in enumerate(self.values) if value is not None]
        times = np.array([index * STEP_S * 1000 for index, _ in known], dtype=np.int64)
        return Found(self.series, times, np.array([value for _, value in known], dtype=np.float64))

    def told(self) -> str:
        """Its values as promtool reads them."""
        return " ".join(_told(value) for value in self.values)


@dataclass
class Memory:
    """Samples in memory; what was asked for is kept."""

    lines: Sequence[Line]
    asked: int = 0

    async def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int
    ) -> Sequence[Found]:
        """As a store would."""
        self.asked += 1
        fitting = (line for line in self.lines if all(one.fits(line.series) for one in matchers))
        cut = (_cut(line.found(), start_ms, end_ms) for line in fitting)
        return [found for found in cut if len(found.times)]


def line(name: str, values: str, **labels: str) -> Line:
    """A series by values such as `1 2 _ stale 5`."""
    return Line(Series.of(name, labels), [_value(word) for word in values.split()])


def random_lines(seed: int, count: int = 120) -> Sequence[Line]:
    """Counters with resets, gauges, limits, histograms and odd values; gaps and endings in all."""
    draw = random.Random(seed)  # noqa: S311 -- test data
    lines: list[Line] = []
    for job in ("a", "b", "c"):
        for instance in ("0", "1", "2"):
            where = {"job": job, "instance": instance}
            lines.append(_random("requests_total", _counter(draw, count), draw, **where))
            lines.append(_random("temperature", _gauge(draw, count), draw, **where))
            # Never two the same: which of equals is best is not promised.
            lines.append(_random("load", [draw.random() for _ in range(count)], draw, **where))
        lines.append(_random("limit", _gauge(draw, count), draw, job=job))
        growing = np.zeros(count)
        for edge in ("0.1", "0.5", "1", "+Inf"):
            growing = growing + np.cumsum([draw.randrange(5) for _ in range(count)])
            lines.append(_random("seconds_bucket", growing.tolist(), draw, job=job, le=edge))
    odd = [draw.choice([0.0, -1.0, 1e300, float("nan"), float("inf")]) for _ in range(count)]
    quiet = Line(Series("quiet"), [None] * (count - 40) + [7.0] + [None] * 39)
    return [*lines, _random("odd", odd, draw, job="a"), quiet]


def promtool(lines: Sequence[Line], cases: Sequence[tuple[str, int]], folder: Path) -> list[Answer]:
    """Promtool's answer for each expression and time in seconds.

    Each case expects what never is, so that promtool tells what it has found instead.
    """
    rules = folder / "rules.yml"
    rules.write_text(_rule_test(lines, cases))
    done = subprocess.run(
        ["promtool", "test", "rules", str(rules)], capture_output=True, text=True, check=False
    )
    answer = r"(?: err: (?P<why>.*)|\n        exp: .*\n        got: (?P<got>.*))"
    pattern = rf"^    expr: .*, time: .*,{answer}$"
    told = list(re.finditer(pattern, done.stderr, re.MULTILINE))
    assert len(told) == len(cases) + 1, done.stderr[:3000]
    return [None if one["why"] else _parsed(one["got"]) for one in told[:-1]]


async def ours(query: Query, lines: Sequence[Line], at_s: int) -> Answer:
    """The same from our engine."""
    try:
        return as_answer(await query.instant(Memory(lines), at_s * 1000))
    except QueryError:
        return None


def as_answer(value: Value) -> Answer:
    """An answer for comparison."""
    if isinstance(value, Vector):
        return {_key(point.series): point.value for point in value.points}
    return {"{}": float(value.value)}


def differs(left: Answer, right: Answer, share: float = 1e-9) -> bool:
    """Whether the series, or values by more than rounding, are not the same."""
    if left is None or right is None:
        return left is not right
    if left.keys() != right.keys():
        return True
    return not all(
        np.isclose(left[key], right[key], rtol=share, atol=share, equal_nan=True) for key in left
    )


def _rule_test(lines: Sequence[Line], cases: Sequence[tuple[str, int]]) -> str:
    told = ["evaluation_interval: 1m", "tests:", f"- interval: {STEP_S}s", "  input_series:"]
    for one in lines:
        told += [f"  - series: '{one.series}'", f"    values: '{one.told()}'"]
    told.append("  promql_expr_test:")
    # It loads samples up to the last time asked for only: one more case has it load all.
    for expression, at_s in [*cases, ("vector(0)", 7200)]:
        text = expression.replace("'", "''")
        told += [f"  - expr: '{text}'", f"    eval_time: {at_s}s", "    exp_samples:"]
        told += ["    - labels: never_there", "      value: 0"]
    return "\n".join(told) + "\n"


def _parsed(answer: str) -> Answer:
    found = re.findall(r"(\{[^}]*\}) ([-+.\w]+)", answer)
    return {labels: float(value) for labels, value in found}


def _key(series: Series) -> str:
    named = ((NAME_LABEL, series.name),) if series.name else ()
    pairs = sorted((*named, *series.labels))
    return "{" + ", ".join(f'{name}="{value}"' for name, value in pairs) + "}"


def _cut(found: Found, start_ms: int, end_ms: int) -> Found:
    kept = (found.times > start_ms) & (found.times <= end_ms)
    return Found(found.series, found.times[kept], found.values[kept])


def _random(name: str, values: Sequence[float], draw: random.Random, **labels: str) -> Line:
    kept: list[float | None] = list(values)
    for _ in range(draw.randrange(4)):
        start = draw.randrange(len(kept))
        length = draw.choice([1, 2, 5, 25])
        kept[start : start + length] = [None] * len(kept[start : start + length])
        if draw.random() < 0.6:
            kept[start] = STALE
    return Line(Series.of(name, labels), kept)


def _counter(draw: random.Random, count: int) -> Sequence[float]:
    values = [draw.choice([0.0, 3.0, 1000.0])]
    while len(values) < count:
        grown = values[-1] + draw.choice([0, 1, 2.5, 40])
        values.append(draw.choice([0.0, 2.0]) if draw.random() < 0.05 else grown)
    return values


def _gauge(draw: random.Random, count: int) -> Sequence[float]:
    return [round(draw.uniform(-50, 50), draw.choice([0, 1, 3])) for _ in range(count)]


def _value(word: str) -> float | None:
    if word == "_":
        return None
    return STALE if word == "stale" else float(word)


def _told(value: float | None) -> str:
    if value is None:
        return "_"
    if struct.pack("<d", value) == struct.pack("<d", STALE):
        return "stale"
    text = repr(float(value))
    return {"nan": "NaN", "inf": "Inf", "-inf": "-Inf"}.get(text, text.replace("e+", "e"))


def ask(text: str, *lines: Line, at_s: float = 60, options: Options | None = None) -> Answer:
    """The answer of an expression over these series, without any waiting."""
    query = compile(text, options=options or Options())
    at_ms = round(at_s * 1000)
    samples: dict[tuple[Matcher, ...], list[Found]] = {}
    for read in query.reads(at_ms, at_ms):
        fitting = (one for one in lines if all(m.fits(one.series) for m in read.matchers))
        found = [_cut(one.found(), read.start_ms, read.end_ms) for one in fitting]
        samples.setdefault(read.matchers, []).extend(found)
    return as_answer(query.evaluate(samples, at_ms))
