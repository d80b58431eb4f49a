"""Snapshots kept by Borg, a program of its own: only what changed is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from anyio import CancelScope, to_thread
from pydantic import BaseModel, ValidationError

from intertie.automation.backup.marks import Mark
from intertie.automation.backup.port import BackupError, Part, Snapshot, Stats, Verified
from intertie.automation.backup.program import Program, said
from intertie.automation.backup.shelf import new_id
from intertie.automation.backup.streams import in_thread
from intertie.automation.backup.tree import empty

_INSTALL = "install it (Debian: `apt-get install borgbackup`) or use `engine: archive`"
_LOCK_WAIT_S = "5"
_WARNED = 1
"""How it ends when something was not as it should be, and it went on."""


class _Archive(BaseModel):
    name: str
    comment: str = ""


class _Archives(BaseModel):
    archives: tuple[_Archive, ...]


class _CacheStats(BaseModel):
    unique_csize: int


class _Cache(BaseModel):
    stats: _CacheStats


class _Info(BaseModel):
    cache: _Cache


@dataclass(frozen=True, slots=True, kw_only=True)
class BorgEngine:
    """See BackupEngine. Locks of others are never removed."""

    repository: str
    """A folder, or `ssh://user@host/path`."""
    password: str = field(repr=False)
    base: Path
    """A folder for what Borg remembers on this machine: its cache, and which repositories it knows.
    """
    environment: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    nice: int = 0
    append_only: bool = False
    """The repository keeps what is removed from it, until `forget` is asked to let it go."""

    async def init(self) -> None:
        """See BackupEngine."""
        doing = f"open the repository {self.repository}"
        await in_thread(doing, lambda _: self.base.mkdir(0o700, parents=True, exist_ok=True))
        looked = await self._program.attempt(doing, self._args("info"))
        if looked.returncode == 0:
            return
        why = said(looked)
        if "does not exist" not in why:
            raise _refused(doing, why)
        doing = f"make the repository {self.repository}"
        only = ["--append-only"] if self.append_only else []
        words = ["--make-parent-dirs", "--encryption=repokey-blake2", *only]
        await self._run(doing, "init", *words)

    async def snapshot(
        self, folder: Path, *, at: datetime, meta: Mapping[str, str] | None = None
    ) -> Snapshot:
        """See BackupEngine. A file that could not be read makes it fail, and nothing is kept."""
        mark = await to_thread.run_sync(Mark.of, folder, at, meta)
        id = new_id(at)
        time = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        words = ["--comment", mark.word, "--timestamp", time, f"::{id}", "."]
        doing = f"back up to {self.repository}"
        done = await self._program.attempt(doing, self._args("create", *words), cwd=folder)
        if done.returncode == _WARNED:
            await self._run(doing, "delete", f"::{id}")
        if done.returncode:
            raise _refused(doing, said(done))
        return mark.snapshot(id)

    async def list(self) -> Sequence[Snapshot]:
        """See BackupEngine. Archives that others put there are left out."""
        doing = f"read {self.repository}"
        told = await self._run(doing, "list", "--json", "--format", "{comment}")
        try:
            listed = _Archives.model_validate_json(told).archives
        except ValidationError as exc:
            raise BackupError(f"cannot {doing}: Borg's list is not as expected") from exc
        found = [
            mark.snapshot(one.name)
            for one in listed
            if (mark := Mark.parse(one.comment)) is not None
        ]
        return sorted(found, key=lambda one: (one.at, one.id), reverse=True)

    async def verify(self, *, part: Part | None = None) -> Verified:
        """See BackupEngine. Borg reads all data or none: with parts, all of it for the first one.

        Every part checks the structure, and the checksums of what is stored.
        """
        whole = part is None or part.number == 1
        doing = f"verify {self.repository}"
        words = ["check", *(["--verify-data"] if whole else [])]
        done = await self._program.attempt(doing, self._args(*words))
        if done.returncode:
            why = said(done)
            if "lock" in why.lower():
                raise _refused(doing, why)
            return Verified(snapshots=0, told="read with errors", findings=(why,))
        read = "all data" if whole else "its checksums"
        return Verified(snapshots=len(await self.list()), told=f"read the structure and {read}")

    async def restore(self, id: str, target: Path, *, paths: Sequence[str] = ()) -> None:
        """See BackupEngine."""
        await to_thread.run_sync(empty, target)
        chosen = [f"pp:{path.strip('/')}" for path in paths]
        doing = f"restore {id}"
        done = await self._program.attempt(
            doing, self._args("extract", f"::{id}", *chosen), cwd=target
        )
        if done.returncode and "never matched" in said(done):
            raise BackupError(f"cannot restore {', '.join(paths)}: not in the backup")
        if done.returncode:
            raise _refused(doing, said(done))

    async def forget(self, ids: Sequence[str]) -> None:
        """See BackupEngine."""
        if not ids:
            return
        doing = f"remove from {self.repository}"
        if self.append_only:
            await self._run(doing, "config", "::", "append_only", "0")
        try:
            await self._run(doing, "delete", "::", *ids)
            await self._run(doing, "compact")
        finally:
            if self.append_only:
                with CancelScope(shield=True):  # Borg ends by itself: it waits for locks 5 s
                    await self._run(doing, "config", "::", "append_only", "1")

    async def stats(self) -> Stats:
        """See BackupEngine."""
        doing = f"measure {self.repository}"
        told = await self._run(doing, "info", "--json")
        try:
            stored = _Info.model_validate_json(told).cache.stats.unique_csize
        except ValidationError as exc:
            raise BackupError(f"cannot {doing}: Borg's answer is not as expected") from exc
        return Stats(snapshots=len(await self.list()), stored_bytes=stored)

    @property
    def _program(self) -> Program:
        mine = {
            "BORG_REPO": self.repository,
            "BORG_PASSPHRASE": self.password,
            "BORG_BASE_DIR": str(self.base),
            "TZ": "UTC",  # of --timestamp
        }
        env = {**self.environment, **mine}
        return Program(name="borg", install=_INSTALL, env=env, nice=self.nice)

    def _args(self, command: str, *words: str) -> Sequence[str]:
        return [command, "--lock-wait", _LOCK_WAIT_S, *words]

    async def _run(self, doing: str, command: str, *words: str) -> bytes:
        done = await self._program.attempt(doing, self._args(command, *words))
        if done.returncode:
            raise _refused(doing, said(done))
        return done.stdout


def _refused(doing: str, why: str) -> BackupError:
    if "acquire the lock" in why:
        hint = "if nobody is using it any more, `borg break-lock` removes the lock"
        return BackupError(f"cannot {doing}: the repository is locked: {why}; {hint}")
    return BackupError(f"cannot {doing}: {why}")
