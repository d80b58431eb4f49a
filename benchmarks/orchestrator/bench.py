"""Rounds of all scenarios, contenders in turns."""

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from benchmarks.orchestrator import scenarios
from benchmarks.orchestrator.rivals.install import Missing
from benchmarks.orchestrator.rivals.rival import Rival
from benchmarks.orchestrator.scenarios import Scenario
from benchmarks.orchestrator.session import Failed


@dataclass(slots=True)
class Column:
    """All that one contender measured."""

    rival: Rival
    version: str = ""
    missing: str = ""
    """Why it cannot take part here."""
    samples: dict[str, list[float]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    """Why a scenario gave nothing, by scenario."""


@dataclass(slots=True)
class Result:
    """A whole run."""

    columns: Sequence[Column]
    loads: list[float] = field(default_factory=list)
    """The one-minute load of the machine before each round."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How long to measure."""

    rounds: int
    idle_rounds: int
    idle_s: float


def plan(extent: Extent) -> Mapping[str, tuple[int, Scenario]]:
    """Rounds and what is run in them, by scenario."""
    many, few = extent.rounds, extent.idle_rounds
    return {
        "start50": (many, scenarios.start_few),
        "start200": (many, scenarios.start_many),
        "chain": (many, scenarios.chain_few),
        "logs1": (many, partial(scenarios.logs, writers=1, megabytes=200)),
        "logs50": (many, partial(scenarios.logs, writers=50, megabytes=4)),
        "group": (few, partial(scenarios.grandchildren, where="group")),
        "session": (few, partial(scenarios.grandchildren, where="session")),
        "daemon": (few, scenarios.daemon_killed),
        "idle": (few, partial(scenarios.idle, seconds=extent.idle_s)),
        "probed": (few, partial(scenarios.idle_probed, seconds=extent.idle_s)),
    }


def installed(rivals: Sequence[Rival]) -> Sequence[Column]:
    """A column each, also for those that cannot be had."""
    columns = [Column(rival) for rival in rivals]
    for column in columns:
        try:
            column.version = column.rival.install()
        except Missing as exc:
            column.missing = str(exc)
            _say(f"{column.rival.label} cannot take part: {exc}")
    return columns


def measure(
    columns: Sequence[Column], chosen: Mapping[str, tuple[int, Scenario]]
) -> Iterator[Result]:
    """What is there so far, after each scenario.

    Within a round each contender runs once, so that a slow moment of the machine hits all.
    """
    result = Result(columns)
    for name, (rounds, scenario) in chosen.items():
        for number in range(1, rounds + 1):
            result.loads.append(os.getloadavg()[0])
            # Another one begins each round: nobody always comes after the same neighbour's dust.
            present = [column for column in columns if not column.missing]
            for column in present[number % len(present) :] + present[: number % len(present)]:
                _round(column, name, scenario, f"{number}/{rounds}")
        yield result


def _round(column: Column, name: str, scenario: Scenario, number: str) -> None:
    if name in column.failures:
        return
    began, found = time.monotonic(), dict[str, Sequence[float]]()
    try:
        for samples in scenario(column.rival):
            found.update(samples)
    except Failed as exc:
        column.failures[name] = f"round {number}: {exc}"
        _say(f"{name} {number} {column.rival.label}: failed: {exc}")
    for measure, each in found.items():
        column.samples.setdefault(measure, []).extend(each)
    short = ", ".join(f"{key} {sum(each) / len(each):,.3f}" for key, each in found.items() if each)
    _say(f"{name} {number} {column.rival.label}: {short} ({time.monotonic() - began:.0f} s)")


def _say(text: str) -> None:
    sys.stderr.write(f"  {text}\n")
    sys.stderr.flush()
