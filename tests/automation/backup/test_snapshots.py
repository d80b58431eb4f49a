import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from intertie.automation.backup.port import BackupError
from intertie.automation.backup.snapshots import (
    SOURCES,
    Surroundings,
    invariants,
    load,
    stage,
)
from intertie.suite.schedule import BackupSource
from tests.automation.backup.trees import look, plant

pytestmark = pytest.mark.anyio
AT = datetime(2026, 1, 1, tzinfo=UTC)


async def test_every_kind_of_file_is_staged(tmp_path: Path) -> None:
    """Each source has its folder, and what was recorded of it holds of that folder."""
    plant(tmp_path / "files")
    with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS n")
    with duckdb.connect(tmp_path / "b.duckdb") as other:
        other.execute("CREATE TABLE u AS SELECT 2 AS n")
    sources = {
        "files": BackupSource(kind="folder", path="files", service="api"),
        "small": BackupSource(kind="sqlite", path="a.db"),
        "metrics": BackupSource(kind="duckdb", path="b.duckdb"),
    }
    (tmp_path / "out").mkdir()

    staged = await stage(sources, tmp_path / "out", at=AT, around=Surroundings(root=tmp_path))

    assert load(tmp_path / "out") == staged
    assert look(tmp_path / "out" / SOURCES / "files") == look(tmp_path / "files")
    assert staged.sources["files"].service == "api"
    assert staged.sources["small"].invariants.tables["t"].rows == 1
    assert staged.sources["metrics"].invariants.tables["main.u"].rows == 1
    for name, one in staged.sources.items():
        assert invariants(one.kind, tmp_path / "out" / SOURCES / name) == one.invariants
    assert staged.changed == ()


async def test_owners_copy_their_own(tmp_path: Path) -> None:
    """A file with an export is copied by it, alone and within a folder."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "live.duckdb").write_bytes(b"not to be read")
    (tmp_path / "state" / "backups").mkdir()

    async def export(target: Path) -> None:
        with duckdb.connect(target) as connection:
            connection.execute("CREATE TABLE t AS SELECT 3 AS n")

    around = Surroundings(
        root=tmp_path,
        without=[tmp_path / "state" / "backups"],
        exports={tmp_path / "state" / "live.duckdb": export},
    )
    (tmp_path / "out").mkdir()
    staged = await stage(
        {
            "state": BackupSource(kind="folder", path="state"),
            "metrics": BackupSource(kind="duckdb", path="state/live.duckdb"),
        },
        tmp_path / "out",
        at=AT,
        around=around,
    )

    assert set(staged.sources["state"].invariants.files) == {"live.duckdb"}
    assert staged.sources["metrics"].invariants.tables["main.t"].rows == 1


@pytest.mark.parametrize("kind", ["folder", "sqlite", "duckdb"])
async def test_a_source_that_is_gone_is_named(tmp_path: Path, kind: str) -> None:
    """No empty backup is made of it."""
    source = BackupSource.model_validate({"kind": kind, "path": "gone"})
    (tmp_path / "out").mkdir()

    with pytest.raises(BackupError, match="gone does not exist"):
        await stage({"a": source}, tmp_path / "out", at=AT, around=Surroundings(root=tmp_path))


async def test_a_reference_is_looked_up_by_its_source(tmp_path: Path) -> None:
    """The address that it stands for is used, and not shown."""
    sources = {"cache": BackupSource(kind="redis", url="${secret:cache}")}
    around = Surroundings(root=tmp_path, urls={"cache": "redis://:hidden@127.0.0.1:1"})
    (tmp_path / "out").mkdir()

    with pytest.raises(BackupError, match=r"redis at 127\.0\.0\.1:1") as failed:
        await stage(sources, tmp_path / "out", at=AT, around=around)

    assert "hidden" not in str(failed.value) + repr(around)


def test_a_record_must_be_there(tmp_path: Path) -> None:
    """And be one."""
    with pytest.raises(BackupError, match="cannot read the record"):
        load(tmp_path)
    (tmp_path / "backup.json").write_text("{}")
    with pytest.raises(BackupError, match="cannot read the record"):
        load(tmp_path)


def test_a_database_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Also when it is not alone in its folder."""
    (tmp_path / "a.db").write_bytes(b"x" * 5000)
    for kind in ("sqlite", "duckdb"):
        with pytest.raises(BackupError, match=f"cannot read the {kind}"):
            invariants(kind, tmp_path)
    (tmp_path / "b.db").touch()
    with pytest.raises(BackupError, match="has 2 files"):
        invariants("sqlite", tmp_path)
