"""Processes that share a ledger and are killed all the time: no run twice, and none forgotten."""

import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from anyio import fail_after, sleep

from intertie.automation.cron import due
from intertie.automation.ledger import RunLedger
from intertie.automation.record import Status
from intertie.automation.scheduler import schedule_text
from tests.automation.crew import MISSED, names, timing

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
PROCESSES = 4
KILLS = 12
WITHIN_S = 170.0


class Crew:
    """Processes, each of a name never used before."""

    def __init__(self, ledger: Path, journal: Path, tasks: int, schedule: str) -> None:
        self._args = [str(ledger), str(journal)]
        self._jobs = [str(tasks), schedule]
        self._numbers = count()
        self.processes: list[subprocess.Popen[bytes]] = []

    def add(self) -> None:
        """One more."""
        module = [sys.executable, "-m", "tests.automation.crew"]
        args = [*module, *self._args, f"crew-{next(self._numbers)}", *self._jobs]
        self.processes.append(subprocess.Popen(args, cwd=ROOT))

    def kill(self, victim: subprocess.Popen[bytes]) -> None:
        """At once, in the middle of whatever it does."""
        victim.kill()
        victim.wait()
        self.processes.remove(victim)


@contextmanager
def crew(ledger: Path, journal: Path, tasks: int, schedule: str) -> Iterator[Crew]:
    """All of them at work; none is left afterwards."""
    made = Crew(ledger, journal, tasks, schedule)
    try:
        for _ in range(PROCESSES):
            made.add()
        yield made
    finally:
        for process in list(made.processes):
            made.kill(process)


async def done(ledger: RunLedger, tasks: list[str]) -> int:
    """How many runs have gone well."""
    pages = [await ledger.history(task) for task in tasks]
    return sum(run.status is Status.DONE for page in pages for run in page.runs)


@pytest.mark.timeout(240)
async def test_under_a_storm_of_kills_each_run_is_begun_once_per_attempt_and_done(
    tmp_path: Path,
) -> None:
    """Four processes, 200 tasks (INTERTIE_TASKS) that missed three runs each, twelve kills.

    Each fourth time it is all of them.
    """
    tasks = names(int(os.environ.get("INTERTIE_TASKS", "200")))
    now = datetime.now(UTC)
    schedule = f"30 {(now.hour + 12) % 24} * * *"  # nothing new is due meanwhile
    last = now - timedelta(days=10)
    expected = {(task, at) for task in tasks for at in due(timing(schedule), last, now)}
    journal = tmp_path / "journal"
    rng = random.Random()  # noqa: S311 — when and who

    async with RunLedger.open(tmp_path / "runs.db", owner="test") as ledger:
        text = schedule_text(timing(schedule))
        await ledger.meet(dict.fromkeys(tasks, text), last)
        with crew(tmp_path / "runs.db", journal, len(tasks), schedule) as at_work:
            with fail_after(WITHIN_S):
                for kill in range(KILLS):
                    # Spread over the work, however fast it is: each run begins at least once.
                    await begun_so_many(journal, len(expected) * (kill + 1) // (KILLS + 2))
                    await sleep(rng.uniform(0.0, 0.1))
                    everybody = list(at_work.processes)
                    for victim in everybody if kill % 4 == 3 else [rng.choice(everybody)]:
                        at_work.kill(victim)
                        at_work.add()
                while await done(ledger, tasks) < len(expected):  # noqa: ASYNC110
                    await sleep(0.5)
        runs = [run for task in tasks for run in (await ledger.history(task)).runs]

    begun = [line.split() for line in journal.read_text().splitlines()]
    twice = [key for key, times in Counter(map(tuple, begun)).items() if times > 1]
    assert twice == []
    assert {(task, datetime.fromisoformat(at)) for task, at, _ in begun} == expected
    assert len(expected) == len(tasks) * MISSED
    assert Counter(run.status for run in runs) == {Status.DONE: len(expected)}
    assert {(run.task, run.scheduled_at) for run in runs} == expected
    assert max(run.attempt for run in runs) > 1, "no kill hit a run"


async def begun_so_many(journal: Path, count: int) -> None:
    """Return once so many runs have begun."""
    while not journal.exists() or journal.read_bytes().count(b"\n") < count:  # noqa: ASYNC110, ASYNC240
        await sleep(0.01)
