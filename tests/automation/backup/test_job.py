import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from intertie.automation.backup.archive import ArchiveEngine
from intertie.automation.backup.drill import DrillResult, Practice, drill
from intertie.automation.backup.job import BackupJob, BackupReport
from intertie.suite.schedule import Backup, Drill
from tests.automation.backup.trees import flip, plant

pytestmark = pytest.mark.anyio
AT = datetime(2026, 5, 1, 2, tzinfo=UTC)
DAY = timedelta(days=1)
ALL = ("snapshot_creation", "backup_execution", "verification", "cleanup")


def job(root: Path, *, drilled: DrillResult | None = None, **config: object) -> BackupJob:
    """Of a folder `data`, unless it is told otherwise."""
    given = {"sources": {"data": {"kind": "folder", "path": "data"}}, **config}
    return BackupJob(
        config=Backup.model_validate(given),
        engine=ArchiveEngine(
            repository=root / ".intertie" / "backups", key_file=root / ".intertie" / "key"
        ),
        root=root,
        state=root / ".intertie",
        interval=DAY,
        newest_drill=lambda: drilled,
    )


def outcomes(report: BackupReport) -> dict[str, str]:
    """Of each step."""
    return {step.name: step.outcome for step in report.steps}


def staging_left(root: Path) -> list[Path]:
    """What is left of where sources were brought together."""
    return list((root / ".intertie" / "backup-work").iterdir())


async def practised(job: BackupJob, now: datetime) -> DrillResult:
    """A drill on what the job has kept."""
    return await drill(Practice(engine=job.engine, scratch=job.work, config=Drill()), now=now)


async def test_a_run_from_beginning_to_end(tmp_path: Path) -> None:
    """Checks, then tasks, in their order; what was kept passes a drill."""
    plant(tmp_path / "data")
    work = job(tmp_path)

    report = await work.run(AT)

    assert [step.name for step in report.steps] == [
        "storage_space",
        "service_status",
        "network_connectivity",
        *ALL,
    ]
    assert set(outcomes(report).values()) == {"done", "refused"}
    assert outcomes(report)["cleanup"] == "refused"
    assert report.passed
    assert report.files == 9
    assert BackupReport.model_validate_json(report.model_dump_json()) == report
    assert (await practised(work, AT)).passed
    assert staging_left(tmp_path) == []


async def test_cleanup_needs_a_drill_that_went_well(tmp_path: Path) -> None:
    """Without one nothing is removed; with one, what the policy does not keep."""
    plant(tmp_path / "data")
    few = {"daily": 2, "weekly": 0, "monthly": 0}
    for n in range(3):
        await job(tmp_path, retention=few).run(AT + n * DAY)
    good = await practised(job(tmp_path), AT + 2 * DAY)
    bad = good.model_copy(update={"findings": ("it is damaged",)})

    refused = await job(tmp_path, drilled=bad, retention=few).run(AT + 3 * DAY)
    done = await job(tmp_path, drilled=good, retention=few).run(AT + 4 * DAY)

    assert outcomes(refused)["cleanup"] == "refused"
    assert refused.passed
    assert len(done.removed) == 3
    left = await job(tmp_path).engine.list()
    assert [one.at for one in left] == [AT + 4 * DAY, AT + 3 * DAY]


async def test_nothing_is_removed_where_data_is_damaged(tmp_path: Path) -> None:
    """Verification fails before it, and the run has failed."""
    plant(tmp_path / "data")
    work = job(tmp_path, tasks=["verification", "cleanup"])
    first = await job(tmp_path).run(AT)
    flip(work.state / "backups" / f"{first.snapshot}.tar.zst.age", at=5000)

    report = await work.run(AT + DAY)

    assert outcomes(report)["verification"] == "failed"
    assert "cleanup" not in outcomes(report)
    assert not report.passed
    assert "damaged" in report.steps[-1].told


async def test_the_first_check_that_fails_is_the_last_step(tmp_path: Path) -> None:
    """Nothing is taken from services that are not well."""
    plant(tmp_path / "data")

    async def unwell() -> str | None:
        return "db is down"

    made = job(tmp_path)
    work = BackupJob(
        config=made.config,
        engine=made.engine,
        root=made.root,
        state=made.state,
        interval=DAY,
        services=unwell,
    )

    report = await work.run(AT)

    assert outcomes(report) == {"storage_space": "done", "service_status": "failed"}
    assert report.steps[-1].told == "cannot begin the backup: db is down"
    assert await work.engine.list() == []


async def test_a_source_that_is_gone_fails_the_run(tmp_path: Path) -> None:
    """It is named, and nothing is left of what was begun."""
    report = await job(tmp_path, pre_checks=[]).run(AT)

    assert outcomes(report) == {"snapshot_creation": "failed"}
    assert "data does not exist" in report.steps[0].told
    assert report.snapshot is None
    assert staging_left(tmp_path) == []


async def test_keeping_needs_something_to_keep(tmp_path: Path) -> None:
    """Tasks are done in the order they are given."""
    plant(tmp_path / "data")

    report = await job(tmp_path, pre_checks=[], tasks=["backup_execution"]).run(AT)

    assert "must come before" in report.steps[0].told


async def test_the_state_folder_is_backed_up_by_itself(tmp_path: Path) -> None:
    """With its databases, without the repository; so it does not grow from night to night."""
    (tmp_path / ".intertie").mkdir()
    with closing(sqlite3.connect(tmp_path / ".intertie" / "s.db")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (n)")
        connection.commit()
        work = job(tmp_path, sources={})

        first = await work.run(AT)
        second = await work.run(AT + DAY)

    assert first.passed
    assert second.passed
    assert first.files == second.files == 3
    assert (await practised(work, AT + DAY)).passed
