"""Backups looked at from the other end: chosen, restored in part, compared, put back, pruned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from intertie.automation.backup.choice import NEWEST, choose, parts_of, paths_of
from intertie.automation.backup.diff import Difference, View, diff, manifests, view
from intertie.automation.backup.port import BackupError, Snapshot
from intertie.automation.backup.prechecks import is_local
from intertie.automation.backup.prune_key import check_prune_key, make_prune_key
from intertie.automation.backup.restore_s3 import lay_out, restore_s3
from intertie.automation.backup.retention import keep, refusal
from intertie.automation.backup.snapshots import (
    RECORD,
    SOURCES,
    bucket_of,
    load,
    mongodb,
    stage,
)
from intertie.automation.backup.streams import in_thread
from intertie.automation.backup.tree import scratch
from intertie.control.backups import Backups
from intertie.suite.schedule import BackupSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What of a backup is meant; all of it where nothing is said."""

    source: str | None = None
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class Restores:
    """Each call raises BackupError, or IntertieError where the suite has no backups."""

    backups: Backups

    async def choose(self, id: str = NEWEST, *, at: datetime | None = None) -> Snapshot:
        """See `choice.choose`."""
        return choose(await self.backups.list(), id, at=at)

    async def restore(
        self, id: str, target: Path, *, part: Part, paths: Sequence[str] = ()
    ) -> None:
        """Write a part of a backup into a folder that is empty or not there."""
        if part == Part():
            await self.backups.restore(id, target, paths=paths)
            return
        if paths:
            why = "name either paths, or a source and a tenant"
            raise BackupError(f"cannot restore {id}: {why}")
        wanted = paths_of(self._sources, self._parts(part))
        await self.backups.restore(id, target, paths=wanted)
        missing = [path for path in wanted if not (target / path).exists()]
        if missing:
            raise BackupError(f"cannot restore {', '.join(missing)}: not in the backup {id}")

    async def since(self, folder: Path, *, part: Part) -> Sequence[Difference]:
        """What has changed since a backup that was restored into a folder: sources are read now."""
        parts = self._parts(part)
        older = await in_thread("compare", lambda _: view(load(folder), folder, parts=parts))
        job = self.backups.job()
        chosen = {name: self._sources[name] for name in parts}
        async with scratch(job.work, "diff-") as now:
            around = replace(job.around, hold=None)
            staged = await stage(chosen, now, at=self.backups.now(), around=around)
            newer = await in_thread("compare", lambda _: view(staged, now, parts=parts))
        return diff(older, newer)

    async def between(self, older: str, newer: str) -> Sequence[Difference]:
        """What has changed from one backup to the other."""
        return diff(await self._view(older), await self._view(newer))

    async def put_back(self, folder: Path, into: str, *, part: Part) -> str:
        """Bring a source that was restored into a folder back to a server; what was done.

        `into` is `s3://bucket/prefix`, a folder for objects, or a `mongodb://` address.
        """
        if part.source is None:
            raise BackupError("cannot put back: say which source, with `--source`")
        source = self._sources[part.source]
        within = self._parts(part)[part.source]
        dump = folder / SOURCES / part.source
        if source.kind == "s3":
            return await self._put_objects(dump, source, into, within)
        if source.kind == "mongodb":
            mongodb()
            from intertie.automation.backup.restore_mongodb import restore_mongodb  # noqa: PLC0415

            url = self.backups.resolve(into)
            return f"{await restore_mongodb(dump, url, only=within or None)} documents"
        why = "its files are in the folder: put them back by its own means"
        raise BackupError(f"cannot put back {part.source}, a {source.kind}: {why}")

    async def _put_objects(self, dump: Path, source: BackupSource, into: str, within: str) -> str:
        below = f"{within.rstrip('/')}/" if within else ""
        if not into.startswith("s3://"):
            count = await in_thread("lay out", lambda _: lay_out(dump, Path(into), part=below))
            return f"{count} files"
        parts = urlsplit(into)
        own = bucket_of(source, self.backups.resolve)
        bucket = replace(own, name=parts.netloc, prefix=parts.path.removeprefix("/"))
        done = await restore_s3(dump, bucket, part=below)
        return f"{done.written} objects written, {done.kept} were there already"

    async def make_prune_key(self) -> str:
        """A key that is shown once. Only for `engine: archive`."""
        place = self._growing()
        await self.backups.engine().init()
        return await in_thread("make a key", lambda _: make_prune_key(place))

    async def prune(self, key: str | None = None) -> Sequence[str]:
        """Remove what the retention does not keep from a repository that only grows; its ids.

        `engine: archive` wants the key; the others, that the repository's server allows it.
        """
        config = self.backups.config()
        if not config.append_only:
            why = "its repository does not only grow: `cleanup` removes what is not kept"
            raise BackupError(f"cannot prune: {why}")
        if config.engine == "archive":
            place = self._growing()
            await in_thread("check the key", lambda _: check_prune_key(place, key or ""))
        found, now = await self.backups.list(), self.backups.now()
        newest = self.backups.newest_drill()
        passed = newest.passed if newest else None
        job = self.backups.job()
        why_not = refusal(found, drill_passed=passed, interval=job.interval, now=now)
        if why_not is not None:
            raise BackupError(f"cannot prune: {why_not}")
        removable = [one.id for one in keep(found, config.retention, now)[1]]
        await job.engine.forget(removable)
        return removable

    def _growing(self) -> Path:
        config = self.backups.config()
        if config.engine != "archive" or not is_local(config.repository):
            why = "only `engine: archive` has one; elsewhere the repository's server decides"
            raise BackupError(f"cannot use a key to prune: {why}")
        return self.backups.root / config.repository

    async def _view(self, id: str) -> View:
        chosen = await self.choose(id)
        async with scratch(self.backups.job().work, "diff-") as made:
            record = made / "record"
            await self.backups.restore(chosen.id, record, paths=(RECORD,))
            staged = await in_thread("read the record", lambda _: load(record))
            wanted = manifests(staged)
            if not wanted:
                return await in_thread("compare", lambda _: view(staged, record))
            whole = made / "whole"
            await self.backups.restore(chosen.id, whole, paths=wanted)
            return await in_thread("compare", lambda _: view(staged, whole))

    def _parts(self, part: Part) -> Mapping[str, str]:
        return parts_of(self._sources, source=part.source, tenant=part.tenant)

    @property
    def _sources(self) -> Mapping[str, BackupSource]:
        return self.backups.job().sources
