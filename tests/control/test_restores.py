"""Backups looked at from the other end."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from intertie.automation.backup.port import BackupError
from intertie.control.backups import Backups
from intertie.control.restores import Part, Restores
from intertie.suite.schedule import Backup, BackupRetention, BackupSource

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 1, 1, 2, tzinfo=UTC)
SOURCES = {
    "data": BackupSource(kind="folder", path="data", tenant_part="{tenant}"),
    "more": BackupSource(kind="folder", path="more"),
}
RETENTION = BackupRetention(daily=1, weekly=0, monthly=0)


@pytest.fixture
def backups(tmp_path: Path) -> Backups:
    """Of two folders, one of them with a tenant."""
    for name in ("data/acme/a", "data/other/a", "more/a"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("before")
    config = Backup(sources=SOURCES, repository="kept", append_only=True, retention=RETENTION)
    return Backups(
        config=lambda: config,
        root=tmp_path,
        state=tmp_path / "state",
        record=tmp_path / "record",
        resolve=lambda text: text,
        now=lambda: NOW,
    )


async def test_a_source_alone_is_restored(backups: Backups, tmp_path: Path) -> None:
    """With the record, so that it can be compared; nothing else is written."""
    await backups.back_up()
    restores = Restores(backups)
    chosen = await restores.choose()

    await restores.restore(chosen.id, tmp_path / "out", part=Part(source="more"))
    same = await restores.since(tmp_path / "out", part=Part(source="more"))
    (tmp_path / "more" / "a").unlink()
    gone = await restores.since(tmp_path / "out", part=Part(source="more"))

    written = {each.relative_to(tmp_path / "out").as_posix() for each in look(tmp_path / "out")}
    assert written == {"backup.json", "sources/more/a"}
    assert same == []
    assert [(each.name, each.change) for each in gone] == [("a", "removed")]


def look(folder: Path) -> list[Path]:
    """Files below it."""
    return [each for each in folder.rglob("*") if each.is_file()]


async def test_a_tenant_that_a_backup_does_not_have_is_told(
    backups: Backups, tmp_path: Path
) -> None:
    """An empty folder is no restore."""
    await backups.back_up()
    restores = Restores(backups)
    chosen = await restores.choose()

    with pytest.raises(BackupError, match="sources/data/nobody: not in the backup"):
        await restores.restore(chosen.id, tmp_path / "out", part=Part(tenant="nobody"))
    part = Part(tenant="acme")
    with pytest.raises(BackupError, match="name either paths, or a source and a tenant"):
        await restores.restore(chosen.id, tmp_path / "out", part=part, paths=["x"])


async def test_what_is_no_server_is_not_brought_back(backups: Backups, tmp_path: Path) -> None:
    """With what to do in place of it."""
    restores = Restores(backups)

    with pytest.raises(BackupError, match="put them back by its own means"):
        await restores.put_back(tmp_path, "s3://any", part=Part(source="data"))
    with pytest.raises(BackupError, match="say which source"):
        await restores.put_back(tmp_path, "s3://any", part=Part())


async def test_pruning_wants_a_drill_and_a_key(backups: Backups) -> None:
    """A repository that does not only grow has none."""
    restores = Restores(backups)
    key = await restores.make_prune_key()
    await backups.back_up()
    with pytest.raises(BackupError, match="that is not its key"):
        await restores.prune(None)
    with pytest.raises(BackupError, match="no restore has been practised yet"):
        await restores.prune(key)
    await backups.practise()
    later = Restores(replace(backups, now=lambda: NOW + timedelta(days=1)))
    await later.backups.back_up()

    removed = await later.prune(key)

    assert len(removed) == 1
    assert len(await backups.list()) == 1
    plain = replace(backups, config=lambda: Backup(sources=SOURCES, repository="kept"))
    with pytest.raises(BackupError, match="does not only grow"):
        await Restores(plain).prune(key)
