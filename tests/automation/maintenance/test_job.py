import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from intertie.automation.maintenance.job import TASKS, MaintenanceReport, maintain, work
from intertie.automation.maintenance.port import Around
from intertie.automation.runner import Attempt
from intertie.errors import DaemonError
from intertie.suite.schedule import Maintenance
from tests.automation.maintenance.stage import ATTEMPT, make, staged

pytestmark = pytest.mark.anyio


async def rotated(least: int) -> tuple[int, int]:
    """Two logs."""
    assert least > 0
    return 2, 10


async def unrotated(least: int) -> tuple[int, int]:
    """Nobody keeps the logs."""
    raise DaemonError(f"cannot rotate logs above {least} bytes: nobody keeps them now")


def test_each_task_of_the_suite_file_can_be_done() -> None:
    """And is known by its own name."""
    assert tuple(TASKS) == Maintenance().tasks
    assert [task.name for task in TASKS.values()] == list(TASKS)


@pytest.mark.slow
async def test_all_tasks_are_done_in_their_order(tmp_path: Path) -> None:
    """With what each did, also as JSON."""
    make(tmp_path / "tmp" / "old")
    async with staged(tmp_path, temp_paths=["tmp"]) as around:
        with closing(sqlite3.connect(around.state.database)) as made:
            made.execute("CREATE TABLE a (b)")
        report = await maintain(replace(around, rotate_logs=rotated))

    told = [(task.name, task.outcome, task.changed) for task in report.tasks]
    assert told == [
        ("log_rotation", "done", 2),
        ("cache_cleanup", "nothing", 0),
        ("temp_cleanup", "done", 1),
        ("index_optimization", "done", 1),
    ]
    assert report.passed
    assert report.freed_bytes >= 10
    assert MaintenanceReport.model_validate_json(report.model_dump_json()) == report


async def test_a_task_that_fails_does_not_stop_the_next(tmp_path: Path) -> None:
    """The run has failed all the same, and says which task did."""
    async with staged(tmp_path, tasks=["log_rotation", "cache_cleanup"]) as around:
        report = await maintain(replace(around, rotate_logs=unrotated))

    assert [task.outcome for task in report.tasks] == ["failed", "nothing"]
    assert not report.passed
    assert report.why.startswith("log_rotation: cannot rotate logs above")


async def test_as_scheduled_work_it_gives_its_report(tmp_path: Path) -> None:
    """As the output of the run."""
    async with staged(tmp_path, tasks=["log_rotation"]) as around:

        def prepare(attempt: Attempt) -> Around:
            assert attempt is ATTEMPT
            return replace(around, rotate_logs=unrotated)

        outcome = await work(prepare)(ATTEMPT)

    assert not outcome.ok
    assert outcome.error.startswith("log_rotation: cannot")
    assert json.loads(outcome.output)["tasks"][0]["outcome"] == "failed"
