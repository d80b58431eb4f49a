"""The engine that a suite file names."""

from collections.abc import Mapping
from pathlib import Path
from typing import assert_never

from intertie.automation.backup.age import new_key
from intertie.automation.backup.archive import ArchiveEngine
from intertie.automation.backup.borg import BorgEngine
from intertie.automation.backup.keys import write_whole
from intertie.automation.backup.port import BackupEngine, BackupError
from intertie.automation.backup.prechecks import is_local
from intertie.automation.backup.restic import ResticEngine
from intertie.suite.schedule import Backup

KEY = "backup.key"
"""In the state folder: what backups are encrypted with where no password is given."""

BORG = "borg"
"""In the state folder: what Borg remembers, which is no part of a backup."""


def open_engine(
    config: Backup,
    *,
    root: Path,
    state: Path,
    password: str | None = None,
    environment: Mapping[str, str] | None = None,
    nice: int = 0,
) -> BackupEngine:
    """Of the configuration. Raises BackupError.

    `root` is the suite file's folder, `state` the suite's state folder. `password` is what the
    configuration's reference stands for; None: a key is made once and kept. `environment` is for
    programs, such as the login of an object store.
    """
    place = config.repository
    repository = str((root / place).absolute()) if is_local(place) else place
    match config.engine:
        case "archive":
            if not is_local(place):
                why = "`engine: archive` keeps backups in a folder; use restic or borg"
                raise BackupError(f"cannot keep backups at {place}: {why}")
            return ArchiveEngine(
                repository=Path(repository),
                key_file=state / KEY,
                password=password,
                append_only=config.append_only,
            )
        case "restic":
            return ResticEngine(
                repository=repository,
                password=_password(password, state / KEY),
                environment=environment or {},
                nice=nice,
            )
        case "borg":
            return BorgEngine(
                repository=repository,
                password=_password(password, state / KEY),
                base=state / BORG,
                append_only=config.append_only,
                environment=environment or {},
                nice=nice,
            )
        case _:
            assert_never(config.engine)


def _password(given: str | None, file: Path) -> str:
    """The one that was given, or one that is made once and kept."""
    if given is not None:
        return given
    try:
        if not file.exists():
            write_whole(file, f"{new_key()}\n".encode())
        return file.read_text().strip()
    except OSError as exc:
        raise BackupError(f"cannot use the key {file}: {exc.strerror}") from exc
