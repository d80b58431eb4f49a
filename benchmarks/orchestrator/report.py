"""Tables in Markdown, the bars of ours, and everything as JSON."""

import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from benchmarks.orchestrator.bench import Column, Result
from benchmarks.orchestrator.rivals.intertie import Intertie

RESULTS = Path(__file__).resolve().parents[1] / "results" / "orchestrator.json"

Statistic = Callable[[Sequence[float]], float]


@dataclass(frozen=True, slots=True)
class Measure:
    """One column of a table."""

    key: str
    title: str
    scenario: str
    digits: int = 2
    alone: bool = False
    """Shown as the median only: a count, or the spread is of no use."""


@dataclass(frozen=True, slots=True)
class Bar:
    """What ours has to reach."""

    key: str
    statistic: Statistic
    says: str
    limit: float
    at_least: bool = False

    def met(self, value: float) -> bool:
        """Whether a value is within it."""
        return value >= self.limit if self.at_least else value <= self.limit


def percentile(samples: Sequence[float], share: float) -> float:
    """Nearest rank."""
    ordered = sorted(samples)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def _p95(samples: Sequence[float]) -> float:
    return percentile(samples, 0.95)


def _p99(samples: Sequence[float]) -> float:
    return percentile(samples, 0.99)


TABLES: Mapping[str, Sequence[Measure]] = {
    "Start, crash, stop (median; p95; max)": (
        Measure("start_50_s", "start 50, s", "start50"),
        Measure("start_200_s", "start 200, s", "start200"),
        Measure("chain_50_s", "chain of 50, s", "chain"),
        Measure("restart_ms", "kill -9 to running, ms", "start50", 1),
        Measure("stop_50_s", "stop 50, s", "start50"),
        Measure("stop_200_s", "stop 200, s", "start200"),
        Measure("stop_200_back_s", "and the command back, s", "start200"),
    ),
    "Idle with 200 services (median)": (
        Measure("idle_cpu_percent", "CPU %", "idle", 3, alone=True),
        Measure("idle_pss_mb", "PSS MB", "idle", 1, alone=True),
        Measure("idle_processes", "processes", "idle", 0, alone=True),
        Measure("probed_cpu_percent", "CPU %, 1 s http probes", "probed", 2, alone=True),
        Measure("probed_pss_mb", "PSS MB, probed", "probed", 1, alone=True),
    ),
    "Logs, all of it in files (median)": (
        Measure("logs_1x200_mb_s", "1 x 200 MB, MB/s", "logs1", 0, alone=True),
        Measure("logs_1x200_lost_percent", "missing %", "logs1", 2, alone=True),
        Measure("logs_50x4_mb_s", "50 x 4 MB, MB/s", "logs50", 0, alone=True),
        Measure("logs_50x4_lost_percent", "missing %", "logs50", 2, alone=True),
    ),
    "Left behind (processes)": (
        Measure("left_group", "grandchild in the group, of 5", "group", 0, alone=True),
        Measure("left_group_stop_s", "stop, s", "group", 1, alone=True),
        Measure("left_session", "in its own session, of 5", "session", 0, alone=True),
        Measure("left_session_stop_s", "stop, s", "session", 1, alone=True),
        Measure("left_daemon", "daemon killed, of 20", "daemon", 0, alone=True),
        Measure("left_daemon_new", "started anew and left", "daemon", 0, alone=True),
    ),
    "Status and reload of 200 (median; p95; max)": (
        Measure("status_kept_ms", "http, kept, ms", "start200"),
        Measure("status_new_ms", "http, new connection, ms", "start200"),
        Measure("status_command_ms", "command, ms", "start200", 0),
        Measure("reload_bounced", "bounced by 1 change", "start200", 0, alone=True),
        Measure("reload_s", "reload command, s", "start200"),
    ),
}

BARS = (
    Bar("start_200_s", median, "start 200, median s", 0.8),
    Bar("chain_50_s", median, "chain of 50, median s", 0.3),
    Bar("restart_ms", median, "first crash to running, median ms", 10),
    Bar("restart_ms", _p95, "first crash to running, p95 ms", 25),
    Bar("idle_cpu_percent", median, "idle 200, CPU %", 0.1),
    Bar("probed_cpu_percent", median, "1 s http probes on 200, CPU %", 5),
    Bar("idle_pss_mb", median, "idle 200, PSS MB", 60),
    Bar("probed_pss_mb", median, "probed 200, PSS MB", 60),
    Bar("stop_200_s", median, "stop 200, median s", 0.3),
    Bar("logs_1x200_mb_s", median, "one writer, MB/s", 800, at_least=True),
    Bar("logs_50x4_mb_s", median, "50 writers, MB/s", 400, at_least=True),
    Bar("logs_1x200_lost_percent", max, "one writer, lost %", 0),
    Bar("logs_50x4_lost_percent", max, "50 writers, lost %", 0),
    Bar("left_group", max, "left of grandchildren in the group", 0),
    Bar("left_session", max, "left of grandchildren in a session", 0),
    Bar("left_daemon", max, "left by a killed daemon", 0),
    Bar("status_kept_ms", _p99, "status of 200, p99 ms, kept connection", 10),
    Bar("status_new_ms", _p99, "status of 200, p99 ms, new connection", 10),
    Bar("reload_bounced", max, "bounced by 1 change", 1),
)


def tables(result: Result) -> str:
    """All tables, then the bars."""
    parts = [_table(title, measures, result.columns) for title, measures in TABLES.items()]
    bars = [_bars(each) for each in result.columns if each.rival.name == Intertie.name]
    return "\n\n".join([*parts, *bars, _footnotes(result)])


def keep(result: Result, scenarios: Sequence[str]) -> None:
    """Write every sample."""
    RESULTS.parent.mkdir(exist_ok=True)
    kept = {
        "title": "orchestrator",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{os.cpu_count()} x {platform.machine()}, {platform.release()}",
        "scenarios": list(scenarios),
        "load_before_rounds": [round(load, 2) for load in result.loads],
        "contenders": {column.rival.label: _kept(column) for column in result.columns},
    }
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n")


def _kept(column: Column) -> Mapping[str, object]:
    return {
        "version": column.version,
        "settings": (column.rival.best if column.rival.tuned else "defaults") or "defaults",
        "missing": column.missing,
        "failures": column.failures,
        "samples": {
            key: [round(each, 4) for each in samples] for key, samples in column.samples.items()
        },
    }


def _table(title: str, measures: Sequence[Measure], columns: Sequence[Column]) -> str:
    head = "| | " + " | ".join(measure.title for measure in measures) + " |"
    line = "|---" * (len(measures) + 1) + "|"
    rows = [
        f"| {column.rival.label} | " + " | ".join(_cell(column, each) for each in measures) + " |"
        for column in columns
    ]
    return "\n".join([f"**{title}**", "", head, line, *rows])


def _cell(column: Column, measure: Measure) -> str:
    if column.missing:
        return "not installed"
    samples = column.samples.get(measure.key)
    if not samples:
        return "failed" if measure.scenario in column.failures else "–"
    if measure.alone:
        return f"{median(samples):.{measure.digits}f}"
    found = (median(samples), percentile(samples, 0.95), max(samples))
    return "; ".join(f"{value:.{measure.digits}f}" for value in found)


def _bars(ours: Column) -> str:
    lines = ["**Bars of ours**", "", "| | measured | bar | |", "|---|---|---|---|"]
    for bar in BARS:
        samples = ours.samples.get(bar.key)
        sign = "≥" if bar.at_least else "≤"
        if not samples:
            lines.append(f"| {bar.says} | – | {sign} {bar.limit:g} | not measured |")
            continue
        value = bar.statistic(samples)
        verdict = "met" if bar.met(value) else "**missed**"
        lines.append(f"| {bar.says} | {value:.3g} | {sign} {bar.limit:g} | {verdict} |")
    return "\n".join(lines)


def _footnotes(result: Result) -> str:
    loads = result.loads or [0.0]
    lines = [f"Load before the rounds: median {median(loads):.2f}, highest {max(loads):.2f}."]
    for column in result.columns:
        name = column.rival.label
        if column.missing:
            lines.append(f"{name}: not installed: {column.missing}")
            continue
        settings = column.rival.best if column.rival.tuned else "defaults"
        lines.append(f"{name} {column.version}: {settings}")
        lines += [f"{name}: {scenario} failed: {why}" for scenario, why in column.failures.items()]
    return "\n".join(f"- {line}" for line in lines)
