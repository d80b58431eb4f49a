"""What tasks and backups are measured by."""

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from intertie.app.task_samples import TaskSamples, usual
from intertie.automation.backup.drill import DrillResult
from intertie.automation.ledger import RunLedger
from intertie.automation.record import Outcome, Run, RunId, Status
from intertie.control.backups import Backups
from intertie.control.schedule import Tasks
from intertie.suite.schedule import Backup, BackupSource

pytestmark = pytest.mark.anyio

AT = datetime(2026, 1, 1, 2, tzinfo=UTC)


def ran(took_s: float, status: Status = Status.DONE) -> Run:
    """A run that took so long."""
    ended = AT + timedelta(seconds=took_s)
    return Run(RunId(1), "t", AT, "schedule", status, 1, began_at=AT, ended_at=ended)


def test_what_is_usual_comes_from_runs_that_went_well() -> None:
    """From five of them on; the newest is first."""
    some = [ran(3), ran(900, Status.FAILED), ran(1)]
    many = [ran(float(n)) for n in range(1, 101)]

    last_s, p95_s = usual(some)
    assert last_s == 3
    assert math.isnan(p95_s)
    assert usual(many) == (1, 95)
    assert all(map(math.isnan, usual([])))


async def test_a_backup_and_its_drill_are_measured(tmp_path: Path) -> None:
    """Age against what it may be, size, how long it took, RTO and RPO."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a").write_bytes(bytes(1000))
    config = Backup(sources={"data": BackupSource(kind="folder", path="data")}, repository="kept")
    now = [AT]
    backups = Backups(
        config=lambda: config,
        root=tmp_path,
        state=tmp_path / "state",
        record=tmp_path / "record",
        resolve=str,
        now=lambda: now[0],
    )
    async with RunLedger.open(None, owner="me") as ledger:
        run = await ledger.claim_manual("backup", lease_s=60, now=AT)
        samples = TaskSamples(
            lambda: Tasks(None, ledger, backups),  # type: ignore[arg-type]
            lambda: ["backup", "other"],
            now=lambda: now[0],
        )
        now[0] = AT + timedelta(hours=1)
        before = {each.series.name: each.value for each in await samples.collect(0)}
        now[0] = AT
        taken = await backups.back_up()
        practised = await backups.practise()
        await ledger.finish(run, Status.DONE, Outcome(), AT + timedelta(seconds=5))
        now[0] = AT + timedelta(hours=2)
        after = {each.series.name: each.value for each in await samples.collect(0)}

    assert (taken.ok, practised.ok) == (True, True)
    assert before == {
        "intertie_task_running_seconds": 3600,
        "intertie_backup_age_seconds": 3600,
        "intertie_backup_age_limit_seconds": 2 * 86400,
    }
    assert after["intertie_backup_age_seconds"] == 7200
    assert after["intertie_task_duration_seconds"] == 5
    assert after["intertie_task_running_seconds"] == 0
    assert after["intertie_backup_size_bytes"] > 1000
    assert after["intertie_backup_drill_passed"] == 1
    assert after["intertie_backup_good"] == 1
    assert after["intertie_backup_rpo_seconds"] == 0
    assert {"intertie_backup_duration_seconds", "intertie_backup_rto_seconds"} <= after.keys()
    assert isinstance(backups.newest_drill(), DrillResult)


async def test_nothing_is_measured_where_nothing_is_done() -> None:
    """Nor is anything loaded for it."""
    assert await TaskSamples(lambda: None, lambda: ["backup"]).collect(0) == ()
