"""One of several processes that share a ledger, for the test that kills them.

`python -m tests.automation.crew LEDGER JOURNAL OWNER TASKS SCHEDULE` runs a scheduler whose tasks
write down that they have begun, and lives until it is killed.
"""

import os
import random
import sys
from pathlib import Path

import anyio

from intertie.automation.clock import SystemClock
from intertie.automation.ledger import RunLedger
from intertie.automation.record import Outcome
from intertie.automation.runner import Attempt, Surroundings, Work
from intertie.automation.scheduler import Job, Scheduler
from intertie.suite.schedule import TaskRetry, Timing

LEASE_S = 2.0
MISSED = 3


def timing(schedule: str) -> Timing:
    """Of all tasks: each missed run is wanted, however often its process dies."""
    retry = TaskRetry(attempts=1000, delay=0.05, max_delay=0.1)
    return Timing(schedule=schedule, missed="all", max_missed=MISSED, timeout=60, retry=retry)


def names(tasks: int) -> list[str]:
    """Of so many tasks."""
    return [f"task-{n}" for n in range(tasks)]


def journalled(journal: int, rng: random.Random) -> Work:
    """Work that says in one write that it has begun, and takes a moment."""

    async def work(attempt: Attempt) -> Outcome:
        line = f"{attempt.task} {attempt.scheduled_at.isoformat()} {attempt.number}\n"
        os.write(journal, line.encode())
        await anyio.sleep(rng.uniform(0.0, 0.1))
        return Outcome(exit=0)

    return work


async def main(ledger: Path, journal: Path, owner: str, jobs: tuple[int, str]) -> None:
    """Until killed."""
    file = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    tasks, schedule = jobs
    rng = random.Random()  # noqa: S311 — when, not what
    planned = {name: Job(timing(schedule), journalled(file, rng)) for name in names(tasks)}
    async with RunLedger.open(ledger, owner=owner) as opened:
        around = Surroundings(opened, SystemClock(), rng, lease_s=LEASE_S, longest_wait_s=0.5)
        await Scheduler(planned, around, machine="crew", most_at_once=8).run()


if __name__ == "__main__":
    path, written, name, count, when = sys.argv[1:]
    anyio.run(main, Path(path), Path(written), name, (int(count), when))
