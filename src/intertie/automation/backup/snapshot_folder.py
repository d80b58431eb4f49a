"""A folder copied file by file; databases in it by what they have for that."""

import os
import shutil
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from intertie.automation.backup.snapshot_sqlite import copy_sqlite

_SQLITE = b"SQLite format 3\0"
_DUCKDB = b"DUCK"
_BESIDE = ("-wal", "-shm", "-journal")


@dataclass(slots=True)
class Copied:
    """How it went."""

    changed: list[str] = field(default_factory=list[str])
    """Files that others wrote while they were copied, or took away: their copy is not whole."""
    left: list[tuple[Path, Path]] = field(default_factory=list[tuple[Path, Path]])
    """Files that only their owner can copy, and where to."""


def copy_folder(
    folder: Path,
    target: Path,
    stop: Event,
    *,
    without: Collection[Path] = (),
    owned: Collection[Path] = (),
) -> Copied:
    """Copy all of it but `without`, and leave `owned` to their owners; both resolved.

    Raises OSError, BackupError.
    """
    copied = Copied()
    _folder(_Job(folder, stop, set(without), set(owned), copied), folder, target)
    return copied


@dataclass(frozen=True, slots=True)
class _Job:
    root: Path
    stop: Event
    without: set[Path]
    owned: set[Path]
    copied: Copied


def _folder(job: _Job, folder: Path, target: Path) -> None:
    target.mkdir(mode=0o700, exist_ok=True)
    with os.scandir(folder) as found:
        names = sorted(one.name for one in found)
    for name in names:
        if job.stop.is_set():
            raise OSError("stopped")
        path = folder / name
        if path.resolve() not in job.without or path.is_symlink():
            _one(job, path, target / name)
    shutil.copystat(folder, target)


def _one(job: _Job, path: Path, target: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            _folder(job, path, target)
            return
        whole = _file(job, path, target)
    except FileNotFoundError:
        whole = False
    if not whole:
        job.copied.changed.append(path.relative_to(job.root).as_posix())


def _file(job: _Job, path: Path, target: Path) -> bool:
    """Whether the copy is whole. What is no file has none, and is whole."""
    if path.is_symlink():
        shutil.copy2(path, target, follow_symlinks=False)
        return True
    if not path.is_file() or belongs_to_database(path):
        return True
    if path.resolve() in job.owned:
        job.copied.left.append((path, target))
    elif is_sqlite(path):
        copy_sqlite(path, target)
    elif is_duckdb(path):
        from intertie.automation.backup.snapshot_duckdb import copy_duckdb  # noqa: PLC0415 — slow

        copy_duckdb(path, target)
    else:
        return any(_copy(path, target) for _ in range(2))
    return True


def _copy(path: Path, target: Path) -> bool:
    """Whether nobody wrote to it meanwhile."""
    before = path.stat()
    shutil.copy2(path, target)
    after = path.stat()
    same = (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)
    return same and target.stat().st_size == after.st_size


def is_sqlite(path: Path) -> bool:
    """By its first bytes. Raises OSError."""
    with path.open("rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE


def is_duckdb(path: Path) -> bool:
    """By its first bytes. Raises OSError."""
    with path.open("rb") as file:
        return file.read(12)[8:] == _DUCKDB


def belongs_to_database(path: Path) -> bool:
    """Whether it is what a database keeps beside its file, of which a copy has no need."""
    for ending in _BESIDE:
        if path.name.endswith(ending):
            main = path.with_name(path.name.removesuffix(ending))
            return main.is_file() and is_sqlite(main)
    if path.name.endswith(".wal"):
        main = path.with_name(path.name.removesuffix(".wal"))
        return main.is_file() and is_duckdb(main)
    return False
