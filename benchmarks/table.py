"""Runs contenders in turns and prints medians and ratios."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

RESULTS = Path(__file__).parent / "results"

Measures = Mapping[str, float]


@dataclass(slots=True)
class Column:
    """What one contender measured, round by round."""

    name: str
    rounds: list[Measures] = field(default_factory=list)

    def median(self, measure: str) -> float:
        """The median over the rounds."""
        return median(each[measure] for each in self.rounds)

    def ratio(self, base: "Column", measure: str) -> float:
        """The median of the ratios to `base`, round by round: a slow moment hit both."""
        pairs = zip(self.rounds, base.rounds, strict=True)
        return median(mine[measure] / other[measure] for mine, other in pairs)


def interleave(contenders: Mapping[str, Callable[[], Measures]], rounds: int) -> Sequence[Column]:
    """Let each contender run once a round, so that a slow moment of the machine hits all."""
    columns = {name: Column(name) for name in contenders}
    for number in range(1, rounds + 1):
        for name, run in contenders.items():
            columns[name].rounds.append(run())
            print(f"  round {number}/{rounds} {name}: {_short(columns[name].rounds[-1])}")
    return list(columns.values())


def report(title: str, columns: Sequence[Column], *, baseline: str) -> None:
    """Print medians with ratios to `baseline`, and keep everything as JSON under results/."""
    base = next(column for column in columns if column.name == baseline)
    measures = list(base.rounds[0])
    print(f"\n{title}: medians of {len(base.rounds)} interleaved rounds (ratio to {baseline})")
    print(f"{'':<24}" + "".join(f"{measure:>26}" for measure in measures))
    for column in columns:
        medians = {measure: column.median(measure) for measure in measures}
        cells = (
            f"{value:>15,.3f} ({value / base.median(measure):6.3f})"
            for measure, value in medians.items()
        )
        print(f"{column.name:<24}" + "".join(f"{cell:>26}" for cell in cells))
    RESULTS.mkdir(exist_ok=True)
    kept = {
        "title": title,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "rounds": {column.name: column.rounds for column in columns},
    }
    (RESULTS / f"{title}.json").write_text(json.dumps(kept, indent=2) + "\n")


def _short(measures: Measures) -> str:
    return ", ".join(f"{name} {value:,.3f}" for name, value in measures.items())
