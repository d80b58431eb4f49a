from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from intertie.control.backups import Backups
from intertie.errors import StoreError
from intertie.suite.schedule import Backup, BackupSource

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 1, 1, 2, tzinfo=UTC)


def backups(folder: Path, now: datetime = NOW) -> Backups:
    """Of one folder, into another."""
    source = BackupSource(kind="folder", path="data")
    config = Backup(sources={"data": source}, repository="kept")
    return Backups(
        config=lambda: config,
        root=folder,
        state=folder / "state",
        record=folder / "state" / "automation",
        resolve=lambda text: text,
        now=lambda: now,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With something to be backed up."""
    (tmp_path / "state").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.txt").write_text("a")
    return tmp_path


async def test_drills_are_remembered(folder: Path) -> None:
    """By the next process too; cleanup asks for the newest drill."""
    before = backups(folder)
    taken = await before.back_up()
    practised = await before.practise()
    later = backups(folder, NOW + timedelta(hours=1))
    again = await later.back_up()

    assert (taken.ok, practised.ok, again.ok) == (True, True, True)
    assert b"no restore has been practised yet" in taken.output
    assert b"0 removed" in again.output or b"1 removed" in again.output
    drill = later.newest_drill()
    assert drill is not None
    assert drill.passed
    assert len(await later.list()) >= 1
    assert (folder / "state" / "automation").stat().st_mode & 0o077 == 0


async def test_a_source_that_is_not_there_is_a_failure_that_is_told(folder: Path) -> None:
    """With the step that failed."""
    (folder / "data" / "a.txt").unlink()
    (folder / "data").rmdir()

    found = await backups(folder).back_up()

    assert found.ok is False
    assert "data" in found.error


def test_a_record_that_cannot_be_read_says_what_to_do(folder: Path) -> None:
    """Nothing is taken for a drill that went well."""
    record = folder / "state" / "automation"
    record.mkdir()
    (record / "drill.json").write_text("nonsense")

    with pytest.raises(StoreError, match=r"cannot read .*drill\.json.*remove it"):
        backups(folder).newest_drill()
