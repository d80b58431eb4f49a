"""One backup from beginning to end: checks, snapshot, keeping, proof, tidying up."""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Literal, assert_never

from pydantic import BaseModel, ConfigDict

from intertie.automation.backup.barrier import Barrier, Hold
from intertie.automation.backup.drill import DrillResult
from intertie.automation.backup.engine import BORG
from intertie.automation.backup.port import BackupEngine, BackupError, Part, Snapshot
from intertie.automation.backup.prechecks import (
    Checked,
    ServiceStatus,
    is_local,
    need_bytes,
    network_connectivity,
    service_status,
    source_bytes,
    storage_space,
)
from intertie.automation.backup.retention import keep, refusal
from intertie.automation.backup.snapshots import Export, Staged, Surroundings, stage
from intertie.automation.backup.streams import in_thread
from intertie.automation.backup.tree import scratch
from intertie.errors import IntertieError
from intertie.suite.schedule import Backup, BackupSource, BackupTask, PreCheck

log = logging.getLogger(__name__)
PARTS = 30
"""Verification reads one of so many parts of the data each day, so all of it in a month."""


class StepReport(BaseModel):
    """One check or task."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    outcome: Literal["done", "refused", "failed"]
    """Refused: left out for a reason that is no fault of this run."""
    told: str
    took_s: float


class BackupReport(BaseModel):
    """How a backup went."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: datetime
    snapshot: str | None
    """What was kept."""
    size_bytes: int | None
    """Of what was taken, before it was compressed."""
    files: int | None
    changed: tuple[str, ...]
    """Files that others wrote while they were copied."""
    notes: tuple[str, ...] = ()
    """What else is to be known of how whole it is."""
    barrier: Barrier | None = None
    """How services stood still, where they did."""
    removed: tuple[str, ...]
    """Backups that were removed."""
    steps: tuple[StepReport, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return all(step.outcome != "failed" for step in self.steps)

    @property
    def took_s(self) -> float:
        """Of all steps."""
        return sum(step.took_s for step in self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupJob:
    """What a backup is made of."""

    config: Backup
    engine: BackupEngine
    root: Path
    """The suite file's folder."""
    state: Path
    """The suite's state folder; backed up where the configuration names nothing."""
    interval: timedelta
    """Between two runs by the schedule."""
    newest_drill: Callable[[], DrillResult | None] = lambda: None
    services: ServiceStatus | None = None
    exports: Mapping[Path, Export] = field(default_factory=dict[Path, Export])
    """See Surroundings."""
    urls: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """See Surroundings."""
    resolve: Callable[[str], str] = str
    """See Surroundings."""
    hold: Hold | None = None
    """See Surroundings."""
    clock_s: Callable[[], float] = time.monotonic

    @property
    def work(self) -> Path:
        """Where sources are brought together, and restored in drills; no part of a backup."""
        return self.state / "backup-work"

    @property
    def sources(self) -> Mapping[str, BackupSource]:
        """What is backed up."""
        state = BackupSource(kind="folder", path=str(self.state.absolute()))
        return self.config.sources or {"state": state}

    @property
    def around(self) -> Surroundings:
        """What its sources stand in; the repository is no part of a backup."""
        repository = self.root / self.config.repository
        own = [self.work, self.state / BORG]
        without = [*own, *([repository] if is_local(self.config.repository) else [])]
        return Surroundings(
            root=self.root,
            without=without,
            exports=self.exports,
            urls=self.urls,
            resolve=self.resolve,
            hold=self.hold,
            limit_s=self.config.barrier,
        )

    async def run(self, now: datetime) -> BackupReport:
        """Do all of it; the first step that fails is the last one. Never raises BackupError.

        Cancelled, it leaves older backups as they are and nothing of its own.
        """
        run = _Run(self, now)
        try:
            async with scratch(self.work, "staging-") as folder:
                await run.all(folder)
        except BackupError as exc:
            run.add("snapshot_creation", "failed", str(exc), 0.0)
        return run.report()


@dataclass(slots=True)
class _Run:
    """One run, as far as it went."""

    job: BackupJob
    now: datetime
    steps: list[StepReport] = field(default_factory=list[StepReport])
    staged: Staged | None = None
    kept: Snapshot | None = None
    removed: tuple[str, ...] = ()

    def report(self) -> BackupReport:
        return BackupReport(
            at=self.now,
            snapshot=self.kept.id if self.kept else None,
            size_bytes=self.kept.size_bytes if self.kept else None,
            files=self.kept.files if self.kept else None,
            changed=self.staged.changed if self.staged else (),
            notes=self.staged.notes if self.staged else (),
            barrier=self.staged.barrier if self.staged else None,
            removed=self.removed,
            steps=tuple(self.steps),
        )

    async def all(self, folder: Path) -> None:
        for check in self.job.config.pre_checks:
            if not await self._timed(check, partial(self._check, check)):
                return
        for task in self.job.config.tasks:
            if not await self._timed(task, partial(self._task, task, folder)):
                return

    def add(
        self, name: str, outcome: Literal["done", "refused", "failed"], told: str, took_s: float
    ) -> None:
        self.steps.append(StepReport(name=name, outcome=outcome, told=told, took_s=took_s))

    async def _timed(self, name: str, act: Callable[[], Awaitable[str]]) -> bool:
        """Whether to go on."""
        began_s = self.job.clock_s()
        try:
            told = await act()
        except _Refused as exc:
            self.add(name, "refused", str(exc), self.job.clock_s() - began_s)
        except IntertieError as exc:
            self.add(name, "failed", str(exc), self.job.clock_s() - began_s)
            return False
        else:
            self.add(name, "done", told, self.job.clock_s() - began_s)
        return True

    async def _check(self, check: PreCheck) -> str:
        match check:
            case "storage_space":
                found = await self._space()
            case "service_status":
                found = await service_status(self.job.services)
            case "network_connectivity":
                found = await network_connectivity(self.job.config.repository)
            case _:
                assert_never(check)
        if not found.passed:
            raise BackupError(f"cannot begin the backup: {found.told}")
        return found.told

    async def _space(self) -> Checked:
        job = self.job
        await job.engine.init()
        history = await job.engine.list()
        source = await in_thread("measure", lambda _: source_bytes(job.sources, job.around))
        need = need_bytes(history, source, at=self.now)
        # What a server's copy takes is known from earlier ones only.
        has_servers = any(one.path is None for one in job.sources.values())
        needs = {job.work: max(source, need) if has_servers else source}
        if is_local(job.config.repository):
            needs[job.root / job.config.repository] = need
        return await in_thread("measure the free space", lambda _: storage_space(needs))

    async def _task(self, task: BackupTask, folder: Path) -> str:
        match task:
            case "snapshot_creation":
                return await self._stage(folder)
            case "backup_execution":
                return await self._keep(folder)
            case "verification":
                return await self._verify()
            case "cleanup":
                return await self._cleanup()
            case _:
                assert_never(task)

    async def _stage(self, folder: Path) -> str:
        self.staged = await stage(self.job.sources, folder, at=self.now, around=self.job.around)
        count = sum(len(one.invariants.files) for one in self.staged.sources.values())
        told = f"{count} files of {len(self.staged.sources)} sources"
        if self.staged.changed:
            told += f"; {len(self.staged.changed)} were written meanwhile and may not be whole"
            log.warning("files changed while they were backed up", extra={"files": count})
        return "; ".join([told, *self.staged.notes])

    async def _keep(self, folder: Path) -> str:
        if self.staged is None:
            raise BackupError("cannot keep a backup: `snapshot_creation` must come before it")
        await self.job.engine.init()
        sources = ",".join(self.staged.sources)
        self.kept = await self.job.engine.snapshot(folder, at=self.now, meta={"sources": sources})
        return f"kept as {self.kept.id}"

    async def _verify(self) -> str:
        part = Part(number=self.now.toordinal() % PARTS + 1, of=PARTS)
        found = await self.job.engine.verify(part=part)
        if not found.passed:
            raise BackupError(f"cannot trust the repository: {'; '.join(found.findings)}")
        return found.told

    async def _cleanup(self) -> str:
        if self.job.config.append_only:
            told = "the repository only grows; `intertie backup prune` removes what is too much"
            raise _Refused(f"nothing is removed: {told}")
        snapshots = await self.job.engine.list()
        newest = self.job.newest_drill()
        why = refusal(
            snapshots,
            drill_passed=newest.passed if newest else None,
            interval=self.job.interval,
            now=self.now,
        )
        if why is not None:
            raise _Refused(f"nothing is removed: {why}")
        kept, removable = keep(snapshots, self.job.config.retention, self.now)
        await self.job.engine.forget(_ids(removable))
        self.removed = tuple(_ids(removable))
        return f"{len(removable)} removed, {len(kept)} stay"


class _Refused(Exception):
    """A task that is left out for a reason."""


def _ids(snapshots: Sequence[Snapshot]) -> list[str]:
    return [one.id for one in snapshots]
