"""`make bench-monitoring`: all of it; FLAGS name parts, `--quick` and `--json`."""

import argparse
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from importlib import import_module
from time import perf_counter

import anyio

from benchmarks.monitoring.figure import Figure, as_json, table

PARTS = ("store", "page", "daemon", "promql", "scheduler", "backup")

Measure = Callable[[bool], Awaitable[Sequence[Figure]]]


def main() -> None:
    """Run the parts one after the other and print one table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.monitoring")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="less of each, in two minutes")
    parser.add_argument("--json", action="store_true", help="every round of every figure")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    figures = [each for name in asked.parts or PARTS for each in _measured(name, asked.quick)]
    print(as_json(figures) if asked.json else table(figures))


def _measured(name: str, quick: bool) -> Sequence[Figure]:
    load = f"{os.getloadavg()[0]:.1f}"
    print(f"measuring: {name} (load {load} before) ...", file=sys.stderr, flush=True)
    measure: Measure = import_module(f"benchmarks.monitoring.{name}").figures
    began = perf_counter()
    found = [replace(each, load=load) for each in anyio.run(measure, quick)]
    print(f"  {perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    return found


if __name__ == "__main__":
    main()
