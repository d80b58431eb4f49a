"""Objects put back into a bucket."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from intertie.automation.backup.object_store import client_of
from intertie.automation.backup.port import BackupError
from intertie.automation.backup.restore_s3 import PutBack, lay_out, restore_s3
from intertie.automation.backup.snapshot_s3 import current, dump_s3, entries, s3_invariants
from tests.automation.backup.servers import bucket
from tests.automation.backup.test_snapshot_s3 import KEYS, put
from tests.moto import moto

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """Its address."""
    with moto() as address:
        yield address


async def test_another_bucket_gets_all_of_it(store: str, tmp_path: Path) -> None:
    """Each byte, header and key, also of 20 MB; backed up again it is the same."""
    here, there = bucket(store), bucket(store, prefix="copy/")
    client = client_of(here)
    for key in KEYS:
        put(client, here, key, key.encode(), ContentType="text/x", Metadata={"k": "v"})
    put(client, here, "big", bytes(20 << 20))
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    await dump_s3(here, tmp_path / "one")

    done = await restore_s3(tmp_path / "one", there)
    await dump_s3(there, tmp_path / "two")

    before, after = s3_invariants(tmp_path / "one"), s3_invariants(tmp_path / "two")
    assert done == PutBack(written=len(KEYS) + 1, kept=0)
    assert (before.tables, before.totals) == (after.tables, after.totals)


async def test_versions_that_are_there_stay(store: str, tmp_path: Path) -> None:
    """Only what was written over or deleted since gets a version again."""
    where = bucket(store, versioned=True)
    client = client_of(where)
    for key in ("same", "over", "gone"):
        put(client, where, key, b"before")
    await dump_s3(where, tmp_path)
    put(client, where, "over", b"after")
    client.delete_object(Bucket=where.name, Key="gone")

    done = await restore_s3(tmp_path, where)
    again = await restore_s3(tmp_path, where, part="same")

    etags = {each.key: each.etag for each in current(client, where)}
    assert (done, again) == (PutBack(2, 1), PutBack(0, 1))
    assert etags == {each.key: each.etag for each in entries(tmp_path)}


async def test_a_key_that_no_file_can_be_called_is_told(store: str, tmp_path: Path) -> None:
    """Nothing is written outside of the folder."""
    where = bucket(store)
    put(client_of(where), where, "../up", b"x")
    (tmp_path / "dump").mkdir()
    await dump_s3(where, tmp_path / "dump")

    with pytest.raises(BackupError, match=r"no file can be called '\.\./up'"):
        lay_out(tmp_path / "dump", tmp_path / "deep" / "out")
    assert not (tmp_path / "deep" / "up").exists()
