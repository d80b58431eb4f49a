"""One encrypted file for each snapshot: tar, zstandard, age. It needs no program of others.

Each snapshot holds all of it again, so it suits what is small.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Event

from intertie.automation.backup.keys import Lock
from intertie.automation.backup.pack import pack, unpack
from intertie.automation.backup.port import BackupError, Part, Snapshot, Stats, Verified
from intertie.automation.backup.shelf import Entry, Index, Shelf, new_id
from intertie.automation.backup.streams import Watched, in_thread, read, write
from intertie.automation.backup.tree import empty, measure

log = logging.getLogger(__name__)
BIG_BYTES = 5 * 10**9
"""From here on the other engines, which take only what changed, are the better choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveEngine:
    """See BackupEngine.

    With a password the key lies in the repository, encrypted with it; without one in `key_file`, of
    which a copy belongs elsewhere: without it nothing can be read.
    """

    repository: Path
    key_file: Path
    password: str | None = field(default=None, repr=False)
    append_only: bool = False
    """Files are made read-only once they are whole."""

    @property
    def _lock(self) -> Lock:
        return Lock(repository=self.repository, key_file=self.key_file, password=self.password)

    @property
    def _shelf(self) -> Shelf:
        return Shelf(self.repository)

    async def init(self) -> None:
        """See BackupEngine."""
        await in_thread("prepare", self._init)

    async def snapshot(
        self, folder: Path, *, at: datetime, meta: Mapping[str, str] | None = None
    ) -> Snapshot:
        """See BackupEngine. A warning is logged when it is so big that another engine is better."""
        return await in_thread(
            f"back up to {self.repository}", lambda stop: self._snapshot(folder, at, meta, stop)
        )

    async def list(self) -> Sequence[Snapshot]:
        """See BackupEngine."""
        found = await in_thread(f"read {self.repository}", lambda _: self._shelf.entries())
        return [entry.snapshot for entry in found]

    async def verify(self, *, part: Part | None = None) -> Verified:
        """See BackupEngine. A part is always the newest snapshot and a share of the others."""
        return await in_thread(f"verify {self.repository}", lambda stop: self._verify(part, stop))

    async def restore(self, id: str, target: Path, *, paths: Sequence[str] = ()) -> None:
        """See BackupEngine. Each file is compared with its hash while it is written."""
        await in_thread(f"restore {id}", lambda stop: self._restore(id, target, tuple(paths), stop))

    async def forget(self, ids: Sequence[str]) -> None:
        """See BackupEngine."""
        await in_thread(f"remove from {self.repository}", lambda _: self._forget(ids))

    async def stats(self) -> Stats:
        """See BackupEngine."""
        return await in_thread(f"read {self.repository}", lambda _: self._stats())

    def _init(self, _: Event) -> None:
        self.repository.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._shelf.held():
            self._lock.make()

    def _snapshot(
        self, folder: Path, at: datetime, meta: Mapping[str, str] | None, stop: Event
    ) -> Snapshot:
        recipient = self._lock.open().to_public()
        files, size = measure(folder)
        if size > BIG_BYTES:
            told = "a backup is big for the archive engine; restic or borg take only what changed"
            log.warning(told, extra={"size_bytes": size})
        id = new_id(at)
        with self._shelf.held():
            stored, digest = write(self._shelf.partial(id), pack(folder), recipient, stop)
            index = Index(
                id=id,
                at=at,
                size_bytes=size,
                files=files,
                stored_bytes=stored,
                sha256=digest,
                meta=dict(meta or {}),
            )
            self._shelf.publish(index)
            if self.append_only:
                self._shelf.protect(id)
        return Snapshot(id=id, at=at, size_bytes=size, files=files, meta=index.meta)

    def _verify(self, part: Part | None, stop: Event) -> Verified:
        findings: list[str] = []
        try:
            self._lock.open()
        except BackupError as exc:
            findings.append(str(exc))
        entries = self._shelf.entries()
        chosen = [entry for place, entry in enumerate(entries) if _is_due(place, part)]
        findings += [
            f"{one.snapshot.id}: {one.snapshot.fault}" for one in entries if one.snapshot.fault
        ]
        findings += [found for entry in chosen if (found := self._damage(entry, stop))]
        told = f"read {len(chosen)} of {len(entries)} archives whole"
        return Verified(snapshots=len(entries), told=told, findings=tuple(findings))

    def _damage(self, entry: Entry, stop: Event) -> str | None:
        if entry.index is None or entry.snapshot.fault:
            return None
        with Watched.open(self._shelf.archive(entry.index.id), stop) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return None if digest == entry.index.sha256 else f"{entry.index.id}: its archive is damaged"

    def _restore(self, id: str, target: Path, paths: tuple[str, ...], stop: Event) -> None:
        archive = self._shelf.archive(id)
        if "/" in id or not archive.is_file():
            raise BackupError(f"cannot restore {id!r}: no such backup in {self.repository}")
        identity = self._lock.open()
        empty(target)
        read(archive, identity, stop, lambda stream: unpack(stream, target, paths=paths))

    def _forget(self, ids: Sequence[str]) -> None:
        known = {entry.snapshot.id for entry in self._shelf.entries()}
        unknown = [id for id in ids if id not in known]
        if unknown:
            raise BackupError(f"cannot remove {unknown[0]!r}: no such backup in {self.repository}")
        with self._shelf.held():
            for id in ids:
                self._shelf.remove(id)

    def _stats(self) -> Stats:
        entries = self._shelf.entries()
        files = [self._shelf.archive(entry.snapshot.id) for entry in entries]
        stored = sum(file.stat().st_size for file in files if file.exists())
        return Stats(snapshots=len(entries), stored_bytes=stored)


def _is_due(place: int, part: Part | None) -> bool:
    return part is None or place == 0 or place % part.of == part.number - 1
