"""Made-up measurements, the same each time."""

import random
from collections.abc import Sequence

from intertie.monitor.sample import Sample, Series

SERIES = 1_000
_MADE = 180
"""Ticks that differ; they are told again and again: building them is not measured."""

Tick = Sequence[Sample]


def ticks(count: int) -> Sequence[Tick]:
    """Five kinds in turn: load, memory, a counter, latency, a queue. One list for each second."""
    numbers = random.Random(1)  # noqa: S311 — the same each time
    series = [Series.of(f"kind_{place % 5}", {"place": str(place)}) for place in range(SERIES)]
    state = [numbers.uniform(0, 100) for _ in series]
    made: list[Tick] = []
    for _ in range(_MADE):
        for place in range(SERIES):
            state[place] = _next(place % 5, state[place], numbers)
        made.append([Sample(*each) for each in zip(series, state, strict=True)])
    return [made[tick % _MADE] for tick in range(count)]


def _next(kind: int, value: float, numbers: random.Random) -> float:
    match kind:
        case 0:
            return round(min(100.0, max(0.0, value + numbers.gauss(0, 2))), 1)
        case 1:
            return float(max(0, int(value) + 4096 * numbers.randint(-50, 50)))
        case 2:
            return float(int(value) + numbers.randint(0, 200))
        case 3:
            return round(numbers.lognormvariate(-3, 0.8), 6)
        case _:
            return float(max(0, int(value) + numbers.randint(-2, 2)))
