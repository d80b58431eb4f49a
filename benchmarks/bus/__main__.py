"""`python -m benchmarks.bus`: confirmed publishes, acked messages and latency on each engine.

Each round starts the real broker anew and lets each contestant do the same work once, in random
order, in a process and with topics of its own.
"""

import argparse
import json
import os
import random
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import anyio

from benchmarks.bus.engines import ENGINES, NAMES, found
from benchmarks.bus.table import markdown, plain
from benchmarks.bus.work import FULL, QUICK, Amount
from benchmarks.bus.worker import Job
from benchmarks.table import RESULTS
from intertie.suite.bus import QueueConfig

ROUNDS, QUICK_ROUNDS = 5, 2
_WORKER_S = 900.0
_TOLD = 1_500

Rounds = dict[str, list[dict[str, float]]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for."""

    rounds: int
    amount: Amount
    engines: tuple[str, ...]
    contestants: tuple[str, ...]
    profile: bool


def main() -> None:
    """Run and print."""
    plan = _plan()
    if plan.rounds == 0:
        print(_kept_table())
        return
    results: dict[str, Rounds] = {}
    try:
        for engine in plan.engines:
            anyio.run(_engine, engine, plan, results)
    except KeyboardInterrupt:
        print("stopped; nothing is kept of these figures:")
    else:
        if not plan.profile:
            _keep(plan, results)
    print("\n" + plain(results))


def _kept_table() -> str:
    kept = json.loads((RESULTS / "bus.json").read_text())
    return markdown({engine: kept[engine]["rounds"] for engine in ENGINES if engine in kept})


def _plan() -> Plan:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bus", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two small rounds")
    parser.add_argument(
        "--rounds",
        type=int,
        help=f"instead of {ROUNDS}; 0 prints what was kept, for docs/benchmarks.md",
    )
    parser.add_argument("--engine", nargs="+", choices=ENGINES, default=tuple(ENGINES))
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, metavar="CONTESTANT")
    parser.add_argument("--profile", action="store_true", help="show where the CPU time goes")
    options = parser.parse_args()
    return Plan(
        (QUICK_ROUNDS if options.quick else ROUNDS) if options.rounds is None else options.rounds,
        QUICK if options.quick else FULL,
        tuple(options.engine),
        tuple(options.only),
        options.profile,
    )


async def _engine(name: str, plan: Plan, results: dict[str, Rounds]) -> None:
    """All rounds on one engine; what is there of it so far stays in `results`."""
    contestants = [each for each in _importable(name) if each in plan.contestants]
    if not contestants:
        return
    results[name] = {each: [] for each in contestants}
    for number in range(1, plan.rounds + 1):
        print(f"{name}: round {number}/{plan.rounds}", flush=True)
        await _round(name, plan, results[name])


async def _round(name: str, plan: Plan, rounds: Rounds) -> None:
    engine = ENGINES[name]
    amount = _amount(name, plan)
    with tempfile.TemporaryDirectory(prefix="bench-bus-") as folder:
        async with engine.start(Path(folder)) as broker:
            for each in random.sample(list(rounds), len(rounds)):
                config = _of_its_own(broker.config, each)
                job = Job(engine=name, contestant=each, config=config, amount=amount)
                figures = await _worker(job.model_copy(update={"profile": plan.profile}))
                if figures is not None:
                    rounds[each].append(figures)


def _amount(name: str, plan: Plan) -> Amount:
    engine = ENGINES[name]
    return replace(
        plan.amount,
        messages=plan.amount.messages * engine.times,
        single=plan.amount.single * engine.tells_at_once,
    )


def _importable(engine: str) -> list[str]:
    """Contestants whose libraries are there, if the broker is."""
    try:
        found(ENGINES[engine].broker)
    except ImportError as exc:
        print(f"{engine}: left out: {exc}")
        return []
    there: list[str] = []
    for name, where in ENGINES[engine].contestants.items():
        try:
            found(where)
        except ImportError as exc:
            print(f"{engine}: {name} left out: {exc}")
        else:
            there.append(name)
    return there


def _of_its_own(config: QueueConfig, contestant: str) -> QueueConfig:
    """With topics that nobody else has."""
    word = "".join(letter for letter in contestant if letter.isalpha())
    return replace(config, exchange=f"bench_{word}")


async def _worker(job: Job) -> dict[str, float] | None:
    """The figures; None, with a word why, when it did not get to the end."""
    argv = [sys.executable, "-m", "benchmarks.bus.worker"]
    try:
        with anyio.fail_after(_WORKER_S):
            done = await anyio.run_process(
                argv,
                input=job.model_dump_json().encode(),
                check=False,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
    except TimeoutError:
        print(f"  {job.contestant}: not done within {_WORKER_S:g} s")
        return None
    if done.returncode != 0 or job.profile:
        print(f"  {job.contestant}: {done.stderr.decode()[-_TOLD * (1 + 3 * job.profile) :]}")
    if done.returncode != 0:
        return None
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    told = ", ".join(f"{name} {value:,.1f}" for name, value in figures.items())
    print(f"  {job.contestant}: {told}", flush=True)
    return figures


def _keep(plan: Plan, results: dict[str, Rounds]) -> None:
    """Replace what the file says of these engines."""
    file = RESULTS / "bus.json"
    kept = json.loads(file.read_text()) if file.exists() else {}
    at = datetime.now(UTC).isoformat(timespec="seconds")
    for engine, rounds in results.items():
        kept[engine] = {"at": at, "amount": asdict(_amount(engine, plan)), "rounds": rounds}
    RESULTS.mkdir(exist_ok=True)
    file.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
