"""Restoring for practice: the proof that a backup is one."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Event

from pydantic import BaseModel, ConfigDict

from intertie.automation.backup.invariants import differences
from intertie.automation.backup.port import BackupEngine, BackupError, Snapshot
from intertie.automation.backup.snapshots import SOURCES, Staged, invariants, load
from intertie.automation.backup.streams import in_thread
from intertie.automation.backup.tree import scratch
from intertie.errors import IntertieError
from intertie.suite.schedule import Drill

Start = Callable[[str, Path], Awaitable[None]]
"""Starts a service on a folder, waits until it is healthy, and stops it. Raises IntertieError."""


class DrillResult(BaseModel):
    """How a drill went."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: datetime
    snapshot: str | None
    """What was restored."""
    rto_s: float | None
    """What the restore took, with checks and starts of services."""
    rpo_s: float | None
    """How old the newest good backup was."""
    findings: tuple[str, ...]
    """What was not as it must be."""

    @property
    def passed(self) -> bool:
        """Whether everything was as it must be."""
        return not self.findings


@dataclass(frozen=True, slots=True, kw_only=True)
class Practice:
    """How a drill is done."""

    engine: BackupEngine
    scratch: Path
    """Folder in which one is made for the restore, and removed again whatever happens."""
    config: Drill
    start: Start | None = None
    clock_s: Callable[[], float] = time.monotonic


async def drill(practice: Practice, *, now: datetime, id: str | None = None) -> DrillResult:
    """Read all data, restore one snapshot (the newest), and compare it with what was recorded."""
    findings: list[str] = []
    rto_s = rpo_s = None
    chosen: Snapshot | None = None
    try:
        found = await practice.engine.list()
        chosen = _choose(found, id)
        good = [one for one in found if one.fault is None]
        rpo_s = (now - good[0].at).total_seconds() if good else None
        findings += (await practice.engine.verify()).findings
        began_s = practice.clock_s()
        findings += await _restored(practice, chosen)
        rto_s = practice.clock_s() - began_s
    except BackupError as exc:
        findings.append(str(exc))
    findings += _late(practice.config, rto_s, rpo_s)
    return DrillResult(
        at=now,
        snapshot=chosen.id if chosen else id,
        rto_s=rto_s,
        rpo_s=rpo_s,
        findings=tuple(dict.fromkeys(findings)),
    )


def _choose(found: Sequence[Snapshot], id: str | None) -> Snapshot:
    """Also one that shows a fault: then that is what the drill is about."""
    chosen = next((one for one in found if id is None or one.id == id), None)
    if chosen is None:
        raise BackupError(f"cannot practise a restore: there is no backup {id or 'yet'}")
    return chosen


def _late(config: Drill, rto_s: float | None, rpo_s: float | None) -> list[str]:
    late: list[str] = []
    if config.rto is not None and rto_s is not None and rto_s > config.rto:
        late.append(f"the restore took {rto_s:.1f} s and may take {config.rto:.1f} s")
    if config.rpo is not None and rpo_s is not None and rpo_s > config.rpo:
        late.append(f"the newest backup is {rpo_s:.0f} s old and may be {config.rpo:.0f} s old")
    return late


async def _restored(practice: Practice, snapshot: Snapshot) -> list[str]:
    """What is wrong with it once it is restored."""
    async with scratch(practice.scratch, "drill-") as made:
        folder = made / "restored"
        await practice.engine.restore(snapshot.id, folder)
        staged = await in_thread("read the record", lambda _: load(folder))
        findings = await in_thread("compare", lambda stop: _compare(staged, folder, stop))
        return findings or await _started(practice.start, staged, folder)


def _compare(staged: Staged, folder: Path, stop: Event) -> list[str]:
    findings: list[str] = []
    for name, source in staged.sources.items():
        if stop.is_set():
            break
        try:
            after = invariants(source.kind, folder / SOURCES / name)
        except BackupError as exc:
            findings.append(f"{name}: {exc}")
        else:
            findings += [f"{name}: {one}" for one in differences(source.invariants, after)]
    return findings


async def _started(start: Start | None, staged: Staged, folder: Path) -> list[str]:
    findings: list[str] = []
    for name, source in staged.sources.items():
        if start is None or source.service is None:
            continue
        try:
            await start(source.service, folder / SOURCES / name)
        except IntertieError as exc:
            findings.append(f"{name}: {source.service} does not start on it: {exc}")
    return findings
