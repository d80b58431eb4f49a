from pathlib import Path

import pytest

from intertie.automation.backup.archive import ArchiveEngine
from intertie.automation.backup.borg import BorgEngine
from intertie.automation.backup.engine import KEY, open_engine
from intertie.automation.backup.port import BackupEngine, BackupError
from intertie.automation.backup.restic import ResticEngine
from intertie.suite.schedule import Backup


def opened(root: Path, *, password: str | None = None, **config: str) -> BackupEngine:
    """Of a suite in a folder."""
    return open_engine(
        Backup.model_validate(config), root=root, state=root / "state", password=password, nice=19
    )


def test_a_folder_is_of_the_suite_file(tmp_path: Path) -> None:
    """Unless it is given from the root, or is somewhere else altogether."""
    default = opened(tmp_path)
    absolute = opened(tmp_path, engine="restic", repository="/srv/backups")
    remote = opened(tmp_path, engine="borg", repository="ssh://host/srv")

    assert isinstance(default, ArchiveEngine)
    assert default.repository == tmp_path / ".intertie" / "backups"
    assert isinstance(absolute, ResticEngine)
    assert (absolute.repository, absolute.nice) == ("/srv/backups", 19)
    assert isinstance(remote, BorgEngine)
    assert remote.repository == "ssh://host/srv"


def test_a_password_is_made_once(tmp_path: Path) -> None:
    """And kept where only its owner reads it; one that is given is used."""
    first, second = opened(tmp_path, engine="restic"), opened(tmp_path, engine="borg")
    given = opened(tmp_path, engine="restic", password="given")

    assert isinstance(first, ResticEngine)
    assert isinstance(second, BorgEngine)
    assert isinstance(given, ResticEngine)
    assert first.password == second.password != ""
    assert (tmp_path / "state" / KEY).stat().st_mode & 0o777 == 0o600
    assert given.password == "given"


def test_archives_need_a_folder(tmp_path: Path) -> None:
    """Another machine is said to need another engine."""
    with pytest.raises(BackupError, match="use restic or borg"):
        opened(tmp_path, repository="s3:host/bucket")
