"""Objects of a bucket, against a server that implements the protocol."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from intertie.automation.backup.object_store import Bucket, client_of
from intertie.automation.backup.port import BackupError
from intertie.automation.backup.restore_s3 import lay_out
from intertie.automation.backup.snapshot_s3 import (
    MANIFEST,
    OBJECTS,
    current,
    dump_s3,
    entries,
    s3_invariants,
    versions_at,
)
from tests.automation.backup.servers import bucket
from tests.moto import moto

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

KEYS = ("a", "a/b", "a//b", "../up", "dir/", "ünï 漢字", "x" * 900, "pl%2Fus+&=", ".", "a/.")


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """Its address."""
    with moto() as address:
        yield address


def put(client: Any, where: Bucket, key: str, body: bytes, **more: Any) -> None:
    """One object below the prefix."""
    client.put_object(Bucket=where.name, Key=where.prefix + key, Body=body, **more)


async def test_any_key_is_kept_with_what_belongs_to_it(store: str, tmp_path: Path) -> None:
    """Keys that no file can be called, content types, metadata; nothing beside the prefix."""
    where = bucket(store, prefix="media/")
    client = client_of(where)
    for key in KEYS:
        put(client, where, key, key.encode())
    put(client, where, "page", b"<p>", ContentType="text/html", Metadata={"owner": "ada"})
    put(client, replace(where, prefix=""), "other", b"not ours")

    changed = await dump_s3(where, tmp_path)

    found = {entry.key: entry for entry in entries(tmp_path)}
    assert changed == ()
    assert set(found) == {*KEYS, "page"}
    assert found["page"].headers["ContentType"] == "text/html"
    assert found["page"].metadata == {"owner": "ada"}
    assert all(found[key].size == len(key.encode()) for key in KEYS)


async def test_more_than_a_page_is_kept(store: str, tmp_path: Path) -> None:
    """Each of 1,100 objects, in the order of their keys; the sum of their bytes is an invariant."""
    where = bucket(store)
    client = client_of(where)
    for number in range(1100):
        put(client, where, f"{number:04}", b"x" * (number % 7))

    await dump_s3(where, tmp_path)
    held = s3_invariants(tmp_path)

    assert [entry.key for entry in entries(tmp_path)] == [f"{each:04}" for each in range(1100)]
    assert held.tables[OBJECTS].rows == 1100
    assert held.totals == {"bytes": sum(number % 7 for number in range(1100))}


async def test_a_damaged_object_changes_the_invariants(store: str, tmp_path: Path) -> None:
    """They are read from the files, not from the manifest; a damaged manifest is told."""
    where = bucket(store)
    put(client_of(where), where, "a", b"right")
    await dump_s3(where, tmp_path)
    before = s3_invariants(tmp_path)
    [file] = [each for each in (tmp_path / OBJECTS).rglob("*") if each.is_file()]

    file.write_bytes(b"wrong")

    assert s3_invariants(tmp_path).tables != before.tables
    (tmp_path / MANIFEST).write_text("{")
    with pytest.raises(BackupError, match="it is damaged"):
        s3_invariants(tmp_path)


async def test_a_versioned_bucket_is_of_one_moment(store: str, tmp_path: Path) -> None:
    """What is written over, added or deleted after the mark is in the backup as it was."""
    where = bucket(store, versioned=True)
    client = client_of(where)
    for key in ("over", "gone", "same"):
        put(client, where, key, b"before")
    put(client, where, "deleted before", b"x")
    client.delete_object(Bucket=where.name, Key="deleted before")
    newest = max(
        each["LastModified"]
        for kind in ("Versions", "DeleteMarkers")
        for each in client.list_object_versions(Bucket=where.name)[kind]
    )
    mark = newest.replace(microsecond=0)
    while next_second(client, where) <= mark:
        Event().wait(0.05)
    put(client, where, "over", b"after")
    put(client, where, "new", b"after")
    client.delete_object(Bucket=where.name, Key="gone")

    then = [each.key for each in versions_at(client, where, mark)]
    now = [each.key for each in current(client, where)]
    await dump_s3(where, tmp_path)

    assert then == ["gone", "over", "same"]
    assert now == ["new", "over", "same"]
    assert [entry.key for entry in entries(tmp_path)] == now
    assert all(entry.version for entry in entries(tmp_path))


def next_second(client: Any, where: Bucket) -> Any:
    """The second of the store's clock, as an object written now would bear it."""
    put(client, where, "clock", b"")
    at = client.head_object(Bucket=where.name, Key="clock")["LastModified"]
    client.delete_object(Bucket=where.name, Key="clock")
    versions = client.list_object_versions(Bucket=where.name, Prefix="clock")
    for each in (*versions.get("Versions", ()), *versions.get("DeleteMarkers", ())):
        client.delete_object(Bucket=where.name, Key="clock", VersionId=each["VersionId"])
    return at.replace(microsecond=0)


async def test_what_is_written_meanwhile_is_named(store: str, tmp_path: Path) -> None:
    """Without versions a backup under writes says which keys are not of one moment."""
    where = bucket(store)
    client = client_of(where)
    for number in range(400):
        put(client, where, f"{number:03}", b"first")
    over = Event()

    def write() -> None:
        count = 0
        while not over.is_set():
            count += 1
            put(client, where, f"{count % 400:03}", f"{count}".encode())

    writer = Thread(target=write)
    writer.start()
    try:
        changed = await dump_s3(where, tmp_path)
    finally:
        over.set()
        writer.join()

    assert changed
    assert set(changed) <= {f"{number:03}" for number in range(400)}


async def test_a_bucket_that_is_not_there_is_told(store: str, tmp_path: Path) -> None:
    """By its name, without the keys of who asks."""
    where = replace(bucket(store), name="nowhere-at-all")

    with pytest.raises(BackupError, match=r"cannot back up s3://nowhere-at-all/: .*NoSuchBucket"):
        await dump_s3(where, tmp_path)
    assert "of-no-use-anywhere" not in repr(where)


async def test_objects_are_laid_out_as_files(store: str, tmp_path: Path) -> None:
    """Under their keys; a key that no file can be called is told."""
    where = bucket(store)
    client = client_of(where)
    put(client, where, "acme/a.txt", b"a")
    put(client, where, "other/b.txt", b"b")
    (tmp_path / "dump").mkdir()
    await dump_s3(where, tmp_path / "dump")

    count = lay_out(tmp_path / "dump", tmp_path / "out", part="acme/")

    assert count == 1
    assert (tmp_path / "out" / "acme" / "a.txt").read_bytes() == b"a"
    assert not (tmp_path / "out" / "other").exists()
