"""What was measured, beside its bar and beside others, as a table or as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median

Values = Sequence[float]


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure must be at most, or at least."""

    limit: float
    at_least: bool = False

    def is_met(self, value: float) -> bool:
        """Whether the value is on the right side."""
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        return f"{'>=' if self.at_least else '<='} {_number(self.limit)}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One row: `what` names the unit."""

    part: str
    what: str
    ours: Values
    bar: Bar | None = None
    rivals: Mapping[str, Values] = field(default_factory=dict[str, Values])
    """By name, taken by turns with ours."""
    note: str = ""
    load: str = ""
    """Of the machine when its part began, over the minute before."""

    @property
    def median(self) -> float:
        """Of ours."""
        return median(self.ours)

    @property
    def is_missed(self) -> bool:
        """Whether there is a bar that is not met."""
        return self.bar is not None and not self.bar.is_met(self.median)


def table(figures: Sequence[Figure]) -> str:
    """Markdown: medians, bars, and rivals with their ratio to ours."""
    lines = ["| | measured | bar | | others (ratio to ours) | load |", "|---|---|---|---|---|---|"]
    for each in figures:
        bar = "" if each.bar is None else str(each.bar)
        met = "" if each.bar is None else "**missed**" if each.is_missed else "met"
        others = ", ".join(_beside(name, told, each) for name, told in each.rivals.items())
        beside = "; ".join(text for text in (others, each.note) if text)
        what = f"{each.part}: {each.what}"
        lines.append(
            f"| {what} | {_number(each.median)} | {bar} | {met} | {beside} | {each.load} |"
        )
    return "\n".join(lines)


def as_json(figures: Sequence[Figure]) -> str:
    """All rounds of everything."""
    told = [{**asdict(each), "median": each.median, "missed": each.is_missed} for each in figures]
    return json.dumps({"figures": told}, indent=2)


def _beside(name: str, values: Values, ours: Figure) -> str:
    found = median(values)
    ratio = f" ({found / ours.median:.2g} ×)" if ours.median else ""
    return f"{name} {_number(found)}{ratio}"


def _number(value: float) -> str:
    size = abs(value)
    if size >= 1000:  # noqa: PLR2004 — as people read numbers
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 100 else f"{value:.3g}"  # noqa: PLR2004 — as above
