"""A thousand tasks that are due at one moment: until all are claimed, run and written down.

That no run is begun twice or forgotten when processes are killed is not measured but tested: see
tests/automation/test_chaos.py.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from anyio import Event, create_task_group, fail_after

from benchmarks.monitoring.figure import Figure
from intertie.automation.clock import SystemClock
from intertie.automation.ledger import RunLedger
from intertie.automation.record import Outcome
from intertie.automation.runner import Attempt, Surroundings
from intertie.automation.scheduler import Job, RunResult, Scheduler, Verdict, schedule_text
from intertie.suite.schedule import Timing

TASKS, ROUNDS, QUICK_ROUNDS = 1_000, 5, 3


async def figures(quick: bool) -> Sequence[Figure]:
    """See the module."""
    found = [await _round() for _ in range(QUICK_ROUNDS if quick else ROUNDS)]
    begun, ended = zip(*found, strict=True)
    what = f"{TASKS:,} tasks due at once"
    return [
        Figure("scheduler", f"s until the last of {what} has begun", begun),
        Figure("scheduler", f"s until the last of {what} is done, on the disk", ended,
               note="that killed processes lose and double none is a test: test_chaos.py"),
    ]  # fmt: skip


async def _round() -> tuple[float, float]:
    """Seconds until the last has begun, and until the last is done."""
    now = datetime.now(UTC)
    due = now - timedelta(minutes=5)  # as after an outage: all of them wait
    timing = Timing(schedule=f"{due.minute} {due.hour} * * *")
    crowd = _Crowd()
    jobs = {f"task-{number}": Job(timing, crowd.work) for number in range(TASKS)}
    with TemporaryDirectory() as folder:
        async with RunLedger.open(Path(folder) / "runs.db", owner="bench") as ledger:
            known = {name: schedule_text(timing) for name in jobs}
            await ledger.meet(known, now - timedelta(minutes=10))
            around = Surroundings(ledger, SystemClock(), random.Random(1))  # noqa: S311 — no secret
            scheduler = Scheduler(jobs, around, machine="bench", on_finished=crowd.note)
            return await crowd.timed(scheduler)


@dataclass(slots=True)
class _Crowd:
    """Tasks that do nothing, and when they did it."""

    begun: list[float] = field(default_factory=list[float])
    ended: list[float] = field(default_factory=list[float])
    all_over: Event = field(default_factory=Event)

    async def work(self, _: Attempt) -> Outcome:
        """See Work."""
        self.begun.append(perf_counter())
        return Outcome(exit=0)

    async def note(self, result: RunResult) -> None:
        """It is in the ledger that it is over."""
        if result.verdict is not Verdict.SUCCESS:
            raise SystemExit(f"{result.run.task}: {result.verdict}")
        self.ended.append(perf_counter())
        if len(self.ended) == TASKS:
            self.all_over.set()

    async def timed(self, scheduler: Scheduler) -> tuple[float, float]:
        """See `_round`."""
        start = perf_counter()
        with fail_after(120):
            async with create_task_group() as group:
                await group.start(scheduler.run)
                await self.all_over.wait()
                group.cancel_scope.cancel()
        if len(self.begun) != TASKS:
            raise SystemExit(f"{len(self.begun)} runs were begun for {TASKS} tasks")
        return self.begun[-1] - start, self.ended[-1] - start
