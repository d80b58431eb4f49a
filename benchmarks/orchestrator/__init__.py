"""Ours and seven rivals, interleaved in one run, all with the same small C program as service.

`--quick` is one round of everything and takes minutes; the whole takes hours.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from benchmarks.orchestrator import report
from benchmarks.orchestrator.bench import Extent, installed, measure, plan
from benchmarks.orchestrator.rivals import contenders

_WHOLE = Extent(rounds=10, idle_rounds=3, idle_s=60)
_QUICK = Extent(rounds=1, idle_rounds=1, idle_s=10)
_LOAD_A_CORE = 0.5


def main(argv: Sequence[str] = ("--quick",)) -> int:
    """Measure, print, keep; the exit code."""
    options = _options(argv)
    load = os.getloadavg()[0]
    limit = options.max_load
    if load > limit and not options.any_load:
        sys.stderr.write(
            f"cannot measure: the machine's load is {load:.2f}, more than {limit:.2f};"
            " wait, or measure all the same with --any-load\n"
        )
        return 1
    extent = _QUICK if options.quick else _WHOLE
    chosen = {
        name: (options.rounds or rounds, scenario)
        for name, (rounds, scenario) in plan(extent).items()
        if not options.only or name in options.only
    }
    rivals = [each for each in contenders() if not options.rival or each.name in options.rival]
    tables = ""
    for result in measure(installed(rivals), chosen):
        report.keep(result, list(chosen))
        tables = report.tables(result)
    sys.stdout.write(f"{tables}\n")
    return 0


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.orchestrator", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round, idle for 10 s")
    parser.add_argument("--rounds", type=int, help="so many rounds of each scenario")
    parser.add_argument(
        "--only", action="append", choices=list(plan(_QUICK)), help="this scenario; repeatable"
    )
    names = sorted({each.name for each in contenders()})
    parser.add_argument(
        "--rival", action="append", choices=names, help="this contender; repeatable"
    )
    parser.add_argument(
        "--max-load",
        type=float,
        default=_LOAD_A_CORE * (os.cpu_count() or 1),
        help="refuse to begin above this load (default: half of the cores)",
    )
    parser.add_argument("--any-load", action="store_true", help="measure whatever the load")
    return parser.parse_args(argv)
