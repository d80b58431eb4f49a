"""Sources brought together in one folder, each of one moment, with what must hold of them later."""

import sqlite3
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from pathlib import Path
from threading import Event
from types import ModuleType
from typing import assert_never

from pydantic import BaseModel, ConfigDict, ValidationError

from intertie.automation.backup.barrier import Barrier, Hold, barrier
from intertie.automation.backup.invariants import (
    Invariants,
    folder_files,
    sqlite_tables,
)
from intertie.automation.backup.object_store import Bucket
from intertie.automation.backup.port import BackupError
from intertie.automation.backup.snapshot_folder import copy_folder
from intertie.automation.backup.snapshot_postgresql import dump_postgresql
from intertie.automation.backup.snapshot_redis import dump_redis
from intertie.automation.backup.snapshot_s3 import dump_s3, s3_invariants
from intertie.automation.backup.snapshot_sqlite import copy_sqlite
from intertie.automation.backup.streams import in_thread
from intertie.suite.schedule import BackupSource

SOURCES = "sources"
RECORD = "backup.json"

Export = Callable[[Path], Awaitable[None]]
"""Writes a copy of something to a file that is not there yet."""


class StagedSource(BaseModel):
    """One source, as it was taken."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    service: str | None = None
    changed: tuple[str, ...] = ()
    """Files that were written while they were copied."""
    notes: tuple[str, ...] = ()
    """What is to be known of how whole it is."""
    invariants: Invariants


class Staged(BaseModel):
    """All sources of a backup; it is kept in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: datetime
    sources: Mapping[str, StagedSource]
    barrier: Barrier | None = None
    """How services stood still meanwhile."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be known of how whole it is, with the source before it."""
        found = [f"{name}: {note}" for name, one in self.sources.items() for note in one.notes]
        return (*found, *(self.barrier.notes if self.barrier else ()))

    @property
    def changed(self) -> tuple[str, ...]:
        """Files that were written while they were copied, with their source before them."""
        return tuple(f"{name}/{path}" for name, one in self.sources.items() for path in one.changed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What sources stand in."""

    root: Path
    """What paths of sources begin at."""
    without: Collection[Path] = ()
    """Files and folders that are left out, such as the repository itself."""
    exports: Mapping[Path, Export] = field(default_factory=dict[Path, Export])
    """Files that only their owner can copy, and how it does: a DuckDB file that is open."""
    urls: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """Of servers, by their source's name, where the configuration has a reference for it."""
    resolve: Callable[[str], str] = str
    """Text with its references to secrets replaced: the keys of an object store."""
    hold: Hold | None = None
    """Makes services stand still; None where none are to."""
    limit_s: float = 5.0
    """The longest that they do."""


@dataclass(frozen=True, slots=True)
class Taken:
    """How the copy of a source went; see StagedSource."""

    changed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


async def stage(
    sources: Mapping[str, BackupSource], folder: Path, *, at: datetime, around: Surroundings
) -> Staged:
    """Fill an empty folder: each source in `sources/<name>`, the record beside. Or BackupError."""
    found: dict[str, Taken] = {}
    async with barrier(around.hold, around.limit_s) as held:
        for name, source in sources.items():
            found[name] = await _take(name, source, folder / SOURCES / name, around)
    staged = Staged(
        at=at,
        sources={name: await _read(name, sources[name], folder, found[name]) for name in found},
        barrier=held.result,
    )
    text = staged.model_dump_json()
    await in_thread("record the backup", lambda _: (folder / RECORD).write_text(text))
    return staged


async def _read(name: str, source: BackupSource, folder: Path, taken: Taken) -> StagedSource:
    """What must hold of the copy; read when services go on already."""
    target = folder / SOURCES / name
    found = await in_thread(f"read the copy of {name}", lambda _: invariants(source.kind, target))
    return StagedSource(
        kind=source.kind,
        service=source.service,
        changed=taken.changed,
        notes=taken.notes,
        invariants=found,
    )


def load(folder: Path) -> Staged:
    """The record of a backup that was restored. Raises BackupError."""
    try:
        return Staged.model_validate_json((folder / RECORD).read_bytes())
    except (OSError, ValidationError) as exc:
        raise BackupError(f"cannot read the record of the backup in {folder}") from exc


def invariants(kind: str, folder: Path) -> Invariants:
    """Of a source as it lies in a folder. Raises BackupError when it cannot be read."""
    try:
        if kind == "s3":
            return s3_invariants(folder)
        files = folder_files(folder)
        if kind == "mongodb":
            mongodb()
            from intertie.automation.backup.mongodb_files import mongodb_tables  # noqa: PLC0415

            return Invariants(files=files, tables=mongodb_tables(folder))
        if kind == "sqlite":
            return Invariants(files=files, tables=sqlite_tables(_only(folder)))
        if kind == "duckdb":
            from intertie.automation.backup.snapshot_duckdb import duckdb_tables  # noqa: PLC0415

            return Invariants(files=files, tables=duckdb_tables(_only(folder)))
    except (OSError, sqlite3.Error) as exc:
        why = str(exc).partition("\n")[0]
        raise BackupError(f"cannot read the {kind} in {folder}: {why}") from exc
    return Invariants(files=files)


def _only(folder: Path) -> Path:
    found = [path for path in folder.iterdir() if path.is_file()]
    if len(found) != 1:
        raise BackupError(f"cannot read {folder}: it has {len(found)} files and should have one")
    return found[0]


async def _take(name: str, source: BackupSource, target: Path, around: Surroundings) -> Taken:
    url = around.urls.get(name, source.url or "")
    await in_thread(f"make {target}", lambda _: target.mkdir(mode=0o700, parents=True))
    match source.kind:
        case "folder":
            place = around.root / (source.path or "")
            return Taken(changed=await _folder(name, place, target, around))
        case "sqlite" | "duckdb":
            await _database(name, source, target, around)
        case "redis":
            await dump_redis(url, target)
        case "postgresql":
            await dump_postgresql(url, target)
        case "mongodb":
            return Taken(notes=await mongodb().dump_mongodb(url, target))
        case "s3":
            bucket = bucket_of(source, around.resolve)
            return Taken(changed=await dump_s3(bucket, target))
        case _:
            assert_never(source.kind)
    return Taken()


def mongodb() -> ModuleType:
    """Needs a library that few suites have. Raises BackupError."""
    try:
        return import_module("intertie.automation.backup.snapshot_mongodb")
    except ModuleNotFoundError as exc:
        why = "pymongo is not installed; install `intertie[mongodb]`"
        raise BackupError(f"cannot back up a mongodb: {why}") from exc


def bucket_of(source: BackupSource, resolve: Callable[[str], str]) -> Bucket:
    """Where the objects of a source are."""
    keys = (source.access_key, source.secret_key)
    access_key, secret_key = (None if each is None else resolve(each) for each in keys)
    return Bucket(
        name=source.bucket or "",
        prefix=source.prefix,
        endpoint=source.endpoint,
        region=source.region,
        access_key=access_key,
        secret_key=secret_key,
    )


async def _folder(name: str, place: Path, target: Path, around: Surroundings) -> tuple[str, ...]:
    without = {path.resolve() for path in around.without}
    exports = {path.resolve(): export for path, export in around.exports.items()}

    def copy(stop: Event) -> tuple[list[str], list[tuple[Path, Path]]]:
        done = copy_folder(place.resolve(), target, stop, without=without, owned=exports)
        return done.changed, done.left

    changed, left = await in_thread(f"copy {name}", copy)
    for path, to in left:
        await exports[path.resolve()](to)
    return tuple(changed)


async def _database(name: str, source: BackupSource, target: Path, around: Surroundings) -> None:
    path = around.root / (source.path or "")
    exports = {place.resolve(): export for place, export in around.exports.items()}
    if path.resolve() in exports:
        await exports[path.resolve()](target / path.name)
        return
    # SQLite and DuckDB would make a file that is not there.
    await in_thread(f"copy {name}", lambda _: path.stat())
    if source.kind == "sqlite":
        await in_thread(f"copy {name}", lambda _: copy_sqlite(path, target / path.name))
        return
    from intertie.automation.backup.snapshot_duckdb import copy_duckdb  # noqa: PLC0415 — slow

    await in_thread(f"copy {name}", lambda _: copy_duckdb(path, target / path.name))
