"""Runs the gates of `make check`, two at a time, and says which failed and why.

Name some to run only those: `python tools/check.py mypy tests`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Gate:
    """One check: a command that exits 0 when all is well."""

    name: str
    command: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What a gate found; `output` is what it printed."""

    gate: Gate
    passed: bool
    output: str
    took_s: float


# The long ones first: with two at a time, the short ones fill the gap at the end.
GATES = (
    Gate("tests", (sys.executable, "-m", "pytest", "-n", "2", "-m", "not slow")),
    Gate("mypy", (str(BIN / "mypy"),)),
    Gate("pyright", (str(BIN / "pyright"),)),
    Gate("imports", (str(BIN / "lint-imports"), "--no-logo")),
    Gate("lint", (str(BIN / "ruff"), "check", "--output-format=concise", "--quiet", ".")),
    Gate("format", (str(BIN / "ruff"), "format", "--check", "--quiet", ".")),
    Gate("spelling", (str(BIN / "codespell"),)),
    Gate("lock", (str(ROOT / ".cache/uv/bin/uv"), "lock", "--check", "--offline", "--quiet")),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the gates named on the command line, or all; 0 when each passed."""
    parser = argparse.ArgumentParser(description="Run the gates.")
    parser.add_argument("gates", nargs="*", metavar="gate", help=", ".join(g.name for g in GATES))
    wanted: list[str] = parser.parse_args(argv).gates
    unknown = sorted(set(wanted) - {gate.name for gate in GATES})
    if unknown:
        parser.error(f"no such gate: {', '.join(unknown)}")
    return report(run([gate for gate in GATES if not wanted or gate.name in wanted]))


def run(gates: Iterable[Gate], *, at_once: int = 2) -> Iterator[Outcome]:
    """Each gate's outcome, as soon as it is known."""
    with ThreadPoolExecutor(at_once) as pool:
        for done in as_completed([pool.submit(run_one, gate) for gate in gates]):
            yield done.result()


def run_one(gate: Gate) -> Outcome:
    """Run one gate to its end."""
    began = time.monotonic()
    try:
        done = subprocess.run(
            gate.command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        passed, output = done.returncode == 0, done.stdout
    except OSError as exc:
        passed, output = False, f"cannot run {gate.command[0]}: {exc}\n"
    return Outcome(gate, passed, output, time.monotonic() - began)


def report(outcomes: Iterable[Outcome]) -> int:
    """Print a line per gate as it ends, then what the failed ones said; the exit code."""
    failed: list[Outcome] = []
    passed = 0
    for outcome in outcomes:
        word = "ok  " if outcome.passed else "FAIL"
        print(f"{word} {outcome.gate.name:<10}{outcome.took_s:5.1f} s  {last_line(outcome)}")
        sys.stdout.flush()
        if outcome.passed:
            passed += 1
        else:
            failed.append(outcome)
    for outcome in failed:
        print(f"\n--- {outcome.gate.name}: {' '.join(outcome.gate.command)}\n{outcome.output}")
    names = ": " + ", ".join(outcome.gate.name for outcome in failed) if failed else ""
    print(f"{passed} gates passed, {len(failed)} failed{names}")
    return 1 if failed else 0


def last_line(outcome: Outcome) -> str:
    """The line in which most tools sum up; empty for a quiet one."""
    lines = [line for line in outcome.output.splitlines() if line.strip()]
    return lines[-1].strip("= ") if lines else ""


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
