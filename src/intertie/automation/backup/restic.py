"""Snapshots kept by restic, a program of its own: only what changed is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from anyio import to_thread
from pydantic import BaseModel, TypeAdapter, ValidationError

from intertie.automation.backup.marks import Mark
from intertie.automation.backup.port import BackupError, Part, Snapshot, Stats, Verified
from intertie.automation.backup.program import Program, said
from intertie.automation.backup.tree import empty, is_empty

_INSTALL = "install it (Debian: `apt-get install restic`) or use `engine: archive`"
_MOST_PARTS = 256
"""Restic sorts its files into parts by one byte."""


class _Listed(BaseModel):
    id: str
    tags: tuple[str, ...] | None = None


class _Summary(BaseModel):
    message_type: str
    snapshot_id: str


class _Size(BaseModel):
    total_size: int


_LIST = TypeAdapter(tuple[_Listed, ...])


@dataclass(frozen=True, slots=True, kw_only=True)
class ResticEngine:
    """See BackupEngine. Locks of others are never removed."""

    repository: str
    """A folder, or as restic has it: `sftp:`, `s3:`, `rest:` and so on."""
    password: str = field(repr=False)
    environment: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """What else it needs, such as the login of an object store."""
    nice: int = 0

    async def init(self) -> None:
        """See BackupEngine."""
        doing = f"open the repository {self.repository}"
        looked = await self._program.attempt(doing, ["cat", "config", "--no-cache"])
        if looked.returncode == 0:
            return
        why = said(looked)
        if "unable to open config file" not in why:
            raise BackupError(f"cannot {doing}: {why}")
        await self._run(f"make the repository {self.repository}", "init")

    async def snapshot(
        self, folder: Path, *, at: datetime, meta: Mapping[str, str] | None = None
    ) -> Snapshot:
        """See BackupEngine."""
        mark = await to_thread.run_sync(Mark.of, folder, at, meta)
        time = at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        words = ["--json", "--quiet", "--host", "intertie", "--time", time, "--tag", mark.word]
        doing = f"back up to {self.repository}"
        told = await self._run(doing, "backup", ".", *words, cwd=folder)
        try:
            short = _Summary.model_validate_json(told.strip().splitlines()[-1]).snapshot_id
        except (ValidationError, IndexError) as exc:
            raise BackupError(f"cannot {doing}: restic did not say what it kept") from exc
        found = [one for one in await self.list() if one.id.startswith(short)]
        if not found:
            raise BackupError(f"cannot {doing}: the new snapshot {short} is not in the list")
        return found[0]

    async def list(self) -> Sequence[Snapshot]:
        """See BackupEngine. Snapshots that others put there are left out."""
        doing = f"read {self.repository}"
        told = await self._run(doing, "snapshots", "--json", "--no-lock")
        try:
            listed = _LIST.validate_json(told)
        except ValidationError as exc:
            raise BackupError(f"cannot {doing}: restic's list is not as expected") from exc
        found = [
            mark.snapshot(one.id)
            for one in listed
            for mark in map(Mark.parse, one.tags or ())
            if mark is not None
        ]
        return sorted(found, key=lambda one: (one.at, one.id), reverse=True)

    async def verify(self, *, part: Part | None = None) -> Verified:
        """See BackupEngine. The structure is always checked whole."""
        what = "--read-data" if part is None else f"--read-data-subset={_share(part)}"
        doing = f"verify {self.repository}"
        done = await self._program.attempt(doing, ["check", what, "--no-cache"])
        if done.returncode:
            _raise_if_locked(doing, said(done))
            return Verified(snapshots=0, told="read with errors", findings=(said(done),))
        read = "all data" if part is None else f"part {_share(part)} of the data"
        return Verified(snapshots=len(await self.list()), told=f"read the structure and {read}")

    async def restore(self, id: str, target: Path, *, paths: Sequence[str] = ()) -> None:
        """See BackupEngine."""
        await to_thread.run_sync(empty, target)
        chosen = [word for path in paths for word in ("--include", f"/{_plain(path)}")]
        await self._run(
            f"restore {id}", "restore", id, "--verify", "--target", str(target), *chosen
        )
        if bool(paths) and await to_thread.run_sync(is_empty, target):
            raise BackupError(f"cannot restore {', '.join(paths)}: not in the backup")

    async def forget(self, ids: Sequence[str]) -> None:
        """See BackupEngine."""
        if ids:
            await self._run(f"remove from {self.repository}", "forget", "--prune", *ids)

    async def stats(self) -> Stats:
        """See BackupEngine."""
        doing = f"measure {self.repository}"
        told = await self._run(doing, "stats", "--mode", "raw-data", "--json", "--no-lock")
        try:
            stored = _Size.model_validate_json(told).total_size
        except ValidationError as exc:
            raise BackupError(f"cannot {doing}: restic's answer is not as expected") from exc
        return Stats(snapshots=len(await self.list()), stored_bytes=stored)

    @property
    def _program(self) -> Program:
        mine = {
            "RESTIC_REPOSITORY": self.repository,
            "RESTIC_PASSWORD": self.password,
            "TZ": "UTC",  # of --time
        }
        env = {**self.environment, **mine}
        return Program(name="restic", install=_INSTALL, env=env, nice=self.nice)

    async def _run(self, doing: str, *args: str, cwd: Path | None = None) -> bytes:
        done = await self._program.attempt(doing, [*args, "--no-cache"], cwd=cwd)
        if done.returncode:
            _raise_if_locked(doing, said(done))
            raise BackupError(f"cannot {doing}: {said(done)}")
        return done.stdout


def _share(part: Part) -> str:
    if part.of > _MOST_PARTS:
        raise BackupError(f"cannot verify one of {part.of} parts: restic has {_MOST_PARTS}")
    return f"{part.number}/{part.of}"


def _plain(path: str) -> str:
    """The path as a pattern that matches only itself."""
    return "".join(f"\\{sign}" if sign in "*?[\\" else sign for sign in path.strip("/"))


def _raise_if_locked(doing: str, why: str) -> None:
    if "already locked" in why:
        hint = "if nobody is using it any more, `restic unlock` removes the lock"
        raise BackupError(f"cannot {doing}: the repository is locked: {why}; {hint}")
