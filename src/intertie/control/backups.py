"""Backups of a suite: taken, practised, listed, restored; also where no daemon runs any more."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from intertie.automation import cron
from intertie.automation.backup.barrier import Hold
from intertie.automation.backup.drill import DrillResult, Practice, Start, drill
from intertie.automation.backup.engine import open_engine
from intertie.automation.backup.job import BackupJob, BackupReport
from intertie.automation.backup.port import BackupEngine, Snapshot, Verified
from intertie.automation.backup.prechecks import ServiceStatus
from intertie.automation.backup.snapshots import Export
from intertie.automation.record import Outcome
from intertie.errors import StoreError
from intertie.suite.schedule import Backup

_DRILL = "drill.json"
_REPORT = "backup.json"
_GOOD = "backup-good.json"
_GENTLE = 19

Pause = Callable[[Sequence[str]], AbstractAsyncContextManager[tuple[str, ...]]]
"""Services stand still inside; those that did."""

Kept = TypeVar("Kept", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backups:
    """Each call raises BackupError, or IntertieError where the suite has no backups."""

    config: Callable[[], Backup]
    root: Path
    """The suite file's folder."""
    state: Path
    """The suite's state folder."""
    record: Path
    """Folder for what is known of the newest backup and drill."""
    resolve: Callable[[str], str]
    """Text with its references to secrets replaced."""
    services: ServiceStatus | None = None
    start: Start | None = None
    exports: Callable[[], Mapping[Path, Export]] = dict
    """Files that somebody has open, and how they are copied."""
    pause: Pause | None = None
    """Makes services stand still; None where no daemon runs."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def job(self) -> BackupJob:
        """One backup, as the configuration is now."""
        config = self.config()
        return BackupJob(
            config=config,
            engine=self.engine(),
            root=self.root,
            state=self.state,
            interval=_interval(config, self.now()),
            newest_drill=self.newest_drill,
            services=self.services,
            exports=self.exports(),
            urls=self._urls(config),
            resolve=self.resolve,
            hold=self._hold(config),
        )

    async def back_up(self) -> Outcome:
        """Take one; the outcome's output is the report as JSON."""
        report = await self.job().run(self.now())
        self._keep(_REPORT, report)
        if report.passed and report.snapshot is not None:
            self._keep(_GOOD, report)
        failed = next((step for step in report.steps if step.outcome == "failed"), None)
        error = f"{failed.name}: {failed.told}" if failed else ""
        return Outcome(ok=report.passed, output=_json(report), error=error)

    async def practise(self, id: str | None = None) -> Outcome:
        """Restore the newest, or this one, for practice; the output is the result as JSON."""
        config = self.config()
        practice = Practice(
            engine=self.engine(nice=_GENTLE),
            scratch=self.state / "backup-work",
            config=config.drill,
            start=self.start,
        )
        result = await drill(practice, now=self.now(), id=id)
        self._keep(_DRILL, result)
        return Outcome(ok=result.passed, output=_json(result), error="; ".join(result.findings))

    async def list(self) -> Sequence[Snapshot]:
        """Newest first."""
        return await self.engine().list()

    async def verify(self) -> Verified:
        """Read all that is kept."""
        return await self.engine().verify()

    async def restore(self, id: str, target: Path, *, paths: Sequence[str] = ()) -> None:
        """Write a backup, or these paths of it, into a folder that is empty or not there."""
        await self.engine().restore(id, target, paths=paths)

    def newest_drill(self) -> DrillResult | None:
        """None: there was none yet."""
        return _read(self.record / _DRILL, DrillResult)

    def newest_report(self, *, good: bool = False) -> BackupReport | None:
        """How the newest backup went, or the newest that went well. None: there was none yet."""
        return _read(self.record / (_GOOD if good else _REPORT), BackupReport)

    def age_limit_s(self) -> float:
        """How old the newest good one may be: as the drill's `rpo` says, else two intervals."""
        config = self.config()
        if config.drill.rpo is not None:
            return config.drill.rpo
        return 2 * _interval(config, self.now()).total_seconds()

    def _hold(self, config: Backup) -> Hold | None:
        """What makes services stand still; nothing where none are to, or where no daemon runs."""
        names = config.pause_services
        return partial(self.pause, names) if names and self.pause is not None else None

    def engine(self, *, nice: int = 0) -> BackupEngine:
        """What keeps them."""
        config = self.config()
        password = self.resolve(config.password) if config.password is not None else None
        return open_engine(
            config,
            root=self.root,
            state=self.state,
            password=password,
            environment=_login(os.environ),
            nice=nice,
        )

    def _urls(self, config: Backup) -> Mapping[str, str]:
        return {
            name: self.resolve(source.url)
            for name, source in config.sources.items()
            if source.url is not None
        }

    def _keep(self, name: str, what: BaseModel) -> None:
        part = self.record / f"{name}.part"
        try:
            self.record.mkdir(mode=0o700, parents=True, exist_ok=True)
            part.write_bytes(_json(what))
            part.replace(self.record / name)
        except OSError as exc:
            raise StoreError(f"cannot keep {self.record / name}: {exc.strerror}") from exc


def _interval(config: Backup, now: datetime) -> timedelta:
    """Between the next two runs."""
    first, second = cron.occurrences(config, now, count=2)
    return max(second - first, timedelta(minutes=1))


def _read(path: Path, kind: type[Kept]) -> Kept | None:
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise StoreError(f"cannot read {path}: {exc.strerror}") from exc
    except ValidationError as exc:
        why = exc.errors()[0]["msg"]
        raise StoreError(f"cannot read {path}: {why}; remove it") from exc


def _json(what: BaseModel) -> bytes:
    return what.model_dump_json(indent=1).encode()


def _login(environ: Mapping[str, str]) -> dict[str, str]:
    """What programs need to reach a repository elsewhere."""
    wanted = ("AWS_", "AZURE_", "B2_", "GOOGLE_", "OS_", "RCLONE_", "SSH_", "HOME")
    return {name: value for name, value in environ.items() if name.startswith(wanted)}
