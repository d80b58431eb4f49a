"""The files of an archive's repository: one archive and one index for each snapshot.

Nothing appears under its final name before it is whole. What an interrupted run leaves has a name
that begins with a dot; the next run finishes or removes it.
"""

import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from intertie.automation.backup.keys import sync_folder
from intertie.automation.backup.port import BackupError, Snapshot

ARCHIVE = ".tar.zst.age"
_INDEX = ".json"
_PARTIAL = ".partial"
_GONE = ".gone"
_STAMP = "%Y%m%dT%H%M%S.%fZ"
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class Index(BaseModel):
    """What is known of a snapshot without opening it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    at: datetime
    size_bytes: int
    files: int
    stored_bytes: int
    sha256: str
    """Of the archive as it is stored."""
    meta: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """A snapshot as its files show it; `index` is None where it cannot be trusted."""

    snapshot: Snapshot
    index: Index | None


@dataclass(frozen=True, slots=True)
class Shelf:
    """The folder. Every call raises OSError."""

    folder: Path

    def archive(self, id: str) -> Path:
        """The file with the content."""
        return self.folder / f"{id}{ARCHIVE}"

    def index(self, id: str) -> Path:
        """The file that tells of it."""
        return self.folder / f"{id}{_INDEX}"

    def partial(self, id: str) -> Path:
        """Where the content is written."""
        return self.folder / f".{id}{ARCHIVE}{_PARTIAL}"

    @contextmanager
    def held(self) -> Iterator[None]:
        """One writer at a time; leftovers of a run that died are cleared away. Or BackupError."""
        with (self.folder / ".lock").open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as exc:
                why = "another backup is writing to it; wait until it has ended"
                raise BackupError(f"cannot write to {self.folder}: {why}") from exc
            self._tidy()
            yield

    def publish(self, index: Index) -> None:
        """Give a snapshot that is written whole its final name."""
        waiting = self._waiting(index.id)
        with waiting.open("xb") as file:
            file.write(sealed(index))
            file.flush()
            os.fsync(file.fileno())
        sync_folder(self.folder)
        self.partial(index.id).rename(self.archive(index.id))
        waiting.rename(self.index(index.id))
        sync_folder(self.folder)

    def protect(self, id: str) -> None:
        """Nobody writes to it by mistake; its owner and root still can."""
        for file in (self.archive(id), self.index(id)):
            file.chmod(0o400)

    def remove(self, id: str) -> None:
        """Take a snapshot away."""
        gone = self.folder / f".{id}{_GONE}"
        gone.touch(0o600)
        self._finish_removal(gone)

    def entries(self) -> list[Entry]:
        """Newest first; also those of which a file is missing or damaged."""
        names = {
            path.name.removesuffix(suffix)
            for suffix in (ARCHIVE, _INDEX)
            for path in self.folder.glob(f"[!.]*{suffix}")
        }
        found = [self._entry(name) for name in names]
        return sorted(found, key=lambda one: (one.snapshot.at, one.snapshot.id), reverse=True)

    def _entry(self, id: str) -> Entry:
        try:
            index = unsealed(self.index(id).read_bytes())
        except FileNotFoundError:
            return Entry(_faulty(id, "its index file is missing"), None)
        if index is None or index.id != id:
            return Entry(_faulty(id, "its index file is damaged"), None)
        try:
            size = self.archive(id).stat().st_size
        except FileNotFoundError:
            return Entry(_told(index, "its archive is missing"), index)
        short = f"its archive has {size} bytes and had {index.stored_bytes}"
        return Entry(_told(index, None if size == index.stored_bytes else short), index)

    def _waiting(self, id: str) -> Path:
        return self.folder / f".{id}{_INDEX}{_PARTIAL}"

    def _tidy(self) -> None:
        for gone in self.folder.glob(f".*{_GONE}"):
            self._finish_removal(gone)
        for waiting in self.folder.glob(f".*{_INDEX}{_PARTIAL}"):
            id = waiting.name[1:].removesuffix(f"{_INDEX}{_PARTIAL}")
            if self.archive(id).exists():  # it died between the two names
                waiting.rename(self.index(id))
        for left in self.folder.glob(f".*{_PARTIAL}"):
            left.unlink(missing_ok=True)

    def _finish_removal(self, gone: Path) -> None:
        id = gone.name[1:].removesuffix(_GONE)
        self.archive(id).unlink(missing_ok=True)
        self.index(id).unlink(missing_ok=True)
        gone.unlink(missing_ok=True)


def new_id(at: datetime) -> str:
    """A name that sorts by time."""
    return f"{at.astimezone(UTC).strftime(_STAMP)}-{secrets.token_hex(4)}"


def sealed(index: Index) -> bytes:
    """The index with the hash of itself before it."""
    text = json.dumps(index.model_dump(mode="json"), sort_keys=True).encode()
    return hashlib.sha256(text).hexdigest().encode() + b"\n" + text + b"\n"


def unsealed(content: bytes) -> Index | None:
    """The index, or None unless each byte is as it was written."""
    try:
        index = Index.model_validate_json(content.partition(b"\n")[2])
    except ValidationError:
        return None
    return index if sealed(index) == content else None


def _faulty(id: str, fault: str) -> Snapshot:
    try:
        at = datetime.strptime(id.partition("-")[0], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        at = NEVER
    return Snapshot(id=id, at=at, size_bytes=0, files=0, fault=fault)


def _told(index: Index, fault: str | None) -> Snapshot:
    return Snapshot(
        id=index.id,
        at=index.at,
        size_bytes=index.size_bytes,
        files=index.files,
        meta=index.meta,
        fault=fault,
    )
