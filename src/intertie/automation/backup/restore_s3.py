"""Objects of a backup put back: into a bucket, or as files of their keys."""

import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from pathlib import Path, PurePosixPath
from threading import Event

from intertie.automation.backup.object_names import path_of
from intertie.automation.backup.object_store import (
    STREAMS,
    Bucket,
    Client,
    client_of,
    code_of,
    told,
)
from intertie.automation.backup.port import BackupError
from intertie.automation.backup.snapshot_s3 import OBJECTS, Entry, entries
from intertie.automation.backup.streams import in_thread
from intertie.automation.backup.tree import empty

_BATCH = 256


@dataclass(frozen=True, slots=True)
class PutBack:
    """How it went."""

    written: int
    kept: int
    """Objects whose version in the bucket is the one of the backup already."""


async def restore_s3(dump: Path, bucket: Bucket, *, part: str = "") -> PutBack:
    """Put the objects below `part` into the bucket, below its prefix. Raises BackupError.

    What is there and is the version of the backup is left as it is; any other object of such a key
    gets a new version. Objects that the backup does not have stay.
    """

    def work(stop: Event) -> PutBack:
        client = client_of(bucket)
        try:
            with told(f"restore into {bucket}"):
                return _Put(client, bucket, dump, stop).run(part)
        finally:
            client.close()

    return await in_thread(f"restore into {bucket}", work)


@dataclass(frozen=True, slots=True)
class _Put:
    client: Client
    bucket: Bucket
    dump: Path
    stop: Event

    def run(self, part: str) -> PutBack:
        chosen = (each for each in entries(self.dump) if each.key.startswith(part))
        counts = {True: 0, False: 0}
        with ThreadPoolExecutor(STREAMS) as pool:
            while some := list(islice(chosen, _BATCH)):
                begun = [pool.submit(self._one, each) for each in some]
                for wrote in self._results(begun):
                    counts[wrote] += 1
        return PutBack(written=counts[True], kept=counts[False])

    def _results(self, begun: list[Future[bool]]) -> Iterator[bool]:
        try:
            for each in begun:
                yield each.result()
        finally:
            for each in begun:
                each.cancel()

    def _one(self, entry: Entry) -> bool:
        """Whether it had to be written."""
        if self.stop.is_set():
            raise OSError("stopped")
        key = self.bucket.prefix + entry.key
        if entry.version is not None and self._version_there(key) == entry.version:
            return False
        self.client.upload_file(
            str(self.dump / OBJECTS / path_of(entry.key)),
            self.bucket.name,
            key,
            ExtraArgs={**entry.headers, "Metadata": dict(entry.metadata)},
        )
        return True

    def _version_there(self, key: str) -> str | None:
        try:
            answer = self.client.head_object(Bucket=self.bucket.name, Key=key)
        except import_module("botocore.exceptions").ClientError as exc:
            if code_of(exc) in {"404", "NoSuchKey", "NotFound"}:
                return None
            raise
        version = answer.get("VersionId")
        return None if version is None else str(version)


def lay_out(dump: Path, folder: Path, *, part: str = "") -> int:
    """Files as the keys name them, in a folder that is empty or not there; how many.

    Raises BackupError for a key that no file can be called, or when the folder is not empty.
    """
    empty(folder)
    count = 0
    for entry in entries(dump):
        if not entry.key.startswith(part):
            continue
        place = folder / _plain(entry.key)
        try:
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copyfile(dump / OBJECTS / path_of(entry.key), place)
        except OSError as exc:
            why = f"no file can be called {entry.key!r} here ({exc.strerror})"
            raise BackupError(f"cannot lay out the objects in {folder}: {why}") from exc
        count += 1
    return count


def _plain(key: str) -> PurePosixPath:
    parts = key.split("/")
    if any(part in {"", ".", ".."} or "\0" in part for part in parts):
        why = f"no file can be called {key!r}; restore it into a bucket"
        raise BackupError(f"cannot lay out the objects: {why}")
    return PurePosixPath(*parts)
