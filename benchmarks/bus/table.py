"""Medians, and how they compare to the raw client's."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.bus.engines import BASELINE, NAMES
from benchmarks.bus.work import PUBLISHERS

Rounds = Mapping[str, Sequence[Mapping[str, float]]]
"""Of one engine: what each contestant measured, round by round."""

_NONE = "–"
_US = "µs"  # noqa: RUF001 - the sign for micro


@dataclass(frozen=True, slots=True)
class Measure:
    """A row."""

    key: str
    title: str
    pattern: str = "{:,.0f}"
    difference: bool = False
    """Whether contestants are compared by what they need more, not by how often as much."""


MEASURES = (
    Measure("publish_1_per_s", "publish, 1 at a time, messages/s"),
    Measure(f"publish_{PUBLISHERS}_per_s", f"publish, {PUBLISHERS} at a time, messages/s"),
    Measure("consume_per_s", "consume, messages/s"),
    Measure("latency_p50_us", f"end to end p50, {_US}", difference=True),
    Measure("latency_p99_us", f"end to end p99, {_US}", difference=True),
    Measure("publish_cpu_s_per_10k", "publish, CPU s per 10,000", "{:.2f}"),
    Measure("consume_cpu_s_per_10k", "consume, CPU s per 10,000", "{:.2f}"),
)


def medians(rounds: Rounds, measure: Measure) -> dict[str, float]:
    """Of those contestants that finished any round with it."""
    figures = {
        name: [each[measure.key] for each in found if measure.key in each]
        for name, found in rounds.items()
    }
    return {name: median(found) for name, found in figures.items() if found}


def markdown(engines: Mapping[str, Rounds]) -> str:
    """A table for the documentation: the raw client's figure, and the others with a comparison."""
    shown = [name for name in NAMES if any(name in rounds for rounds in engines.values())]
    lines = [_line(["", *shown]), _line(["---"] * (len(shown) + 1))]
    for engine, rounds in engines.items():
        lines += [_line(row) for row in _rows(engine, rounds, shown)]
    return "\n".join(lines) + "\n"


def plain(engines: Mapping[str, Rounds]) -> str:
    """The same in columns, for a terminal."""
    rows = [line.strip("| \n").split(" | ") for line in markdown(engines).splitlines()]
    del rows[1]
    rows[0].insert(0, "")
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    )


def _rows(engine: str, rounds: Rounds, shown: Sequence[str]) -> Iterator[list[str]]:
    for measure in MEASURES:
        found = medians(rounds, measure)
        base = found.get(BASELINE)
        if not found:
            continue
        cells = (_cell(measure, found.get(name), base, name) for name in shown)
        yield [f"{engine}: {measure.title}", *cells]


def _cell(measure: Measure, value: float | None, base: float | None, name: str) -> str:
    if value is None:
        return _NONE
    text = measure.pattern.format(value)
    if base is None or name == BASELINE:
        return text
    return (
        f"{text} ({value - base:+,.0f})" if measure.difference else f"{text} ({value / base:.2f})"
    )


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
