"""Objects of a bucket: each as a file, and a manifest of their versions beside them.

A bucket with versions is copied as it was at one second of the store's clock, whatever is written
meanwhile. One without is copied as it is found, and what others wrote meanwhile is named.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from importlib import import_module
from itertools import groupby, islice
from pathlib import Path
from threading import Event
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from intertie.automation.backup.invariants import File, Invariants, sha256, table_of
from intertie.automation.backup.object_names import path_of
from intertie.automation.backup.object_store import (
    STREAMS,
    Bucket,
    Client,
    client_of,
    code_of,
    is_versioned,
    settled_second,
    told,
)
from intertie.automation.backup.port import BackupError
from intertie.automation.backup.streams import in_thread

MANIFEST = "manifest.jsonl"
OBJECTS = "objects"
_CHUNK = 1 << 20
_BATCH = 1000
_GONE = {"NoSuchKey", "NoSuchVersion", "404"}
_OTHER = {"PreconditionFailed", "412"}
_HEADERS = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
)


class Entry(BaseModel):
    """One object, as it was copied."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    """Without the source's prefix."""
    version: str | None
    etag: str
    size: int
    sha256: str
    headers: Mapping[str, str] = {}
    metadata: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Listed:
    """One object, as a listing shows it; its whole key."""

    key: str
    etag: str
    size: int
    version: str | None = None


async def dump_s3(bucket: Bucket, folder: Path) -> tuple[str, ...]:
    """Fill the folder; keys that others wrote while they were copied. Raises BackupError."""

    def work(stop: Event) -> tuple[str, ...]:
        client = client_of(bucket)
        try:
            with told(f"back up {bucket}"):
                return _Copy(client, bucket, folder, stop).run()
        finally:
            client.close()

    return await in_thread(f"back up {bucket}", work)


@dataclass(frozen=True, slots=True)
class _Copy:
    client: Client
    bucket: Bucket
    folder: Path
    stop: Event

    def run(self) -> tuple[str, ...]:
        (self.folder / OBJECTS).mkdir(mode=0o700)
        if is_versioned(self.client, self.bucket):
            mark = settled_second(self.client, self.bucket, self.stop)
            return tuple(self._write(versions_at(self.client, self.bucket, mark)))
        changed = self._write(current(self.client, self.bucket))
        changed |= self._changed_since()
        return tuple(sorted(changed))

    def _write(self, listing: Iterable[Listed]) -> set[str]:
        """Copy all of it and write the manifest in the listing's order; keys not as listed."""
        changed: set[str] = set()
        with (
            (self.folder / MANIFEST).open("x", encoding="utf-8") as manifest,
            ThreadPoolExecutor(STREAMS) as pool,
        ):
            for some in _batches(listing):
                for listed, entry in zip(some, pool.map(self._one, some), strict=True):
                    if entry is None or entry.etag != listed.etag:
                        changed.add(self._name(listed))
                    if entry is not None:
                        manifest.write(entry.model_dump_json() + "\n")
        return changed

    def _one(self, listed: Listed) -> Entry | None:
        """None: it is gone."""
        wanted = {"VersionId": listed.version} if listed.version else {}
        get = partial(self.client.get_object, Bucket=self.bucket.name, Key=listed.key, **wanted)
        try:
            return self._save(listed, _as_listed(get, listed))
        except import_module("botocore.exceptions").ClientError as exc:
            if listed.version is None and code_of(exc) in _GONE:
                return None
            raise

    def _save(self, listed: Listed, answer: Mapping[str, Any]) -> Entry:
        name = self._name(listed)
        place = self.folder / OBJECTS / path_of(name)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        digest, size = hashlib.sha256(), 0
        with place.open("xb") as file, answer["Body"] as body:
            for chunk in iter(lambda: body.read(_CHUNK), b""):
                if self.stop.is_set():
                    raise OSError("stopped")
                file.write(chunk)
                digest.update(chunk)
                size += len(chunk)
        if size != answer["ContentLength"]:
            raise BackupError(f"cannot back up {self.bucket}: {name!r} broke off at {size} bytes")
        return Entry(
            key=name,
            version=listed.version,
            etag=answer["ETag"],
            size=size,
            sha256=digest.hexdigest(),
            headers={each: answer[each] for each in _HEADERS if answer.get(each)},
            metadata=answer.get("Metadata", {}),
        )

    def _changed_since(self) -> set[str]:
        """Keys that a new listing shows otherwise than the manifest; both are sorted."""
        before = ((each.key, each.etag) for each in entries(self.folder))
        after = ((self._name(each), each.etag) for each in current(self.client, self.bucket))
        return set(_unlike(before, after))

    def _name(self, listed: Listed) -> str:
        return listed.key.removeprefix(self.bucket.prefix)


def _as_listed(get: Callable[..., Mapping[str, Any]], listed: Listed) -> Mapping[str, Any]:
    """The content with the ETag of the listing, else whatever there is now."""
    if listed.version is not None:
        return get()
    try:
        return get(IfMatch=listed.etag)
    except import_module("botocore.exceptions").ClientError as exc:
        if code_of(exc) in _OTHER:
            return get()
        raise


def _unlike(before: Iterable[tuple[str, str]], after: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Keys that only one of them has, or both with different ETags."""
    older, newer = iter(before), iter(after)
    one, other = next(older, None), next(newer, None)
    while one is not None or other is not None:
        if one == other:
            one, other = next(older, None), next(newer, None)
            continue
        first = min(_order(each[0]) for each in (one, other) if each is not None)
        yield first.decode()
        if one is not None and _order(one[0]) == first:
            one = next(older, None)
        if other is not None and _order(other[0]) == first:
            other = next(newer, None)


def _batches(listing: Iterable[Listed]) -> Iterator[list[Listed]]:
    """So that a big bucket's listing is never all in memory."""
    left = iter(listing)
    while some := list(islice(left, _BATCH)):
        yield some


def _order(key: str) -> bytes:
    """Stores sort by the bytes of a key."""
    return key.encode()


def current(client: Client, bucket: Bucket) -> Iterator[Listed]:
    """Objects as they are now, by key."""
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket=bucket.name, Prefix=bucket.prefix
    )
    for page in pages:
        for each in page.get("Contents", ()):
            yield Listed(each["Key"], each["ETag"], each["Size"])


def versions_at(client: Client, bucket: Bucket, at: datetime) -> Iterator[Listed]:
    """Objects as they were at the end of that second, by key."""
    pages = client.get_paginator("list_object_versions").paginate(
        Bucket=bucket.name, Prefix=bucket.prefix
    )
    for _, group in groupby(_versions(pages), key=lambda each: each["Key"]):
        told_until = (each for each in group if _second(each) <= at)
        newest = max(told_until, key=_age, default=None)
        if newest is not None and "ETag" in newest:  # a delete marker has none
            yield Listed(newest["Key"], newest["ETag"], newest["Size"], newest["VersionId"])


def _versions(pages: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Versions and delete markers together, by key. A page ends anywhere, also within a key."""
    for page in pages:
        both = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        yield from sorted(both, key=lambda each: _order(each["Key"]))


def _second(version: Mapping[str, Any]) -> datetime:
    at: datetime = version["LastModified"]
    return at.replace(microsecond=0)


def _age(version: Mapping[str, Any]) -> tuple[datetime, bool]:
    """Of two of one moment the one that the store calls the newest."""
    return version["LastModified"], bool(version.get("IsLatest"))


def entries(folder: Path) -> Iterator[Entry]:
    """The manifest, line by line. Raises BackupError, OSError."""
    with (folder / MANIFEST).open("rb") as manifest:
        for line in manifest:
            try:
                yield Entry.model_validate_json(line)
            except ValidationError as exc:
                raise BackupError(f"cannot read {folder / MANIFEST}: it is damaged") from exc


def s3_invariants(folder: Path) -> Invariants:
    """How many objects, their bytes, the manifest's hash, and that each is as it says. Or OSError.

    What is told of each object is read from its file, not from the manifest.
    """
    sizes: list[int] = []

    def found(entry: Entry) -> tuple[object, ...]:
        place = folder / OBJECTS / path_of(entry.key)
        sizes.append(place.stat().st_size)
        about = json.dumps([entry.headers, entry.metadata], sort_keys=True)
        return (entry.key, sizes[-1], sha256(place), about)

    table = table_of(map(found, entries(folder)))
    manifest = folder / MANIFEST
    file = File(size=manifest.stat().st_size, mode=0, sha256=sha256(manifest))
    return Invariants(files={MANIFEST: file}, tables={OBJECTS: table}, totals={"bytes": sum(sizes)})
