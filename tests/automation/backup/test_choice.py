"""Which backup, and which part of it."""

from datetime import UTC, datetime, timedelta

import pytest

from intertie.automation.backup.choice import choose, parts_of, paths_of
from intertie.automation.backup.port import BackupError, Snapshot
from intertie.suite.schedule import BackupSource

AT = datetime(2026, 1, 10, tzinfo=UTC)


def taken(day: int, fault: str | None = None) -> Snapshot:
    """Of a day of January."""
    at = datetime(2026, 1, day, tzinfo=UTC)
    return Snapshot(id=f"d{day}", at=at, size_bytes=1, files=1, fault=fault)


FOUND = [taken(9, "damaged"), taken(8), taken(5), taken(2)]


def test_the_newest_good_one_not_after_a_time() -> None:
    """One of just that time counts; a damaged one only where it is named."""
    assert choose(FOUND).id == "d8"
    assert choose(FOUND, at=AT - timedelta(days=3)).id == "d5"
    assert choose(FOUND, at=datetime(2026, 1, 5, tzinfo=UTC)).id == "d5"
    assert choose(FOUND, "d9").id == "d9"


def test_what_is_not_there_is_told() -> None:
    """With what there is."""
    with pytest.raises(BackupError, match=r"there is none so old; the oldest is of 2026-01-02"):
        choose(FOUND, at=datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(BackupError, match="there is none that is good yet"):
        choose(FOUND[:1])
    with pytest.raises(BackupError, match="cannot find the backup 'd7'"):
        choose(FOUND, "d7")


SOURCES = {
    "files": BackupSource(kind="folder", path="data", tenant_part="tenants/{tenant}"),
    "media": BackupSource(kind="s3", bucket="media", tenant_part="{tenant}/up"),
    "docs": BackupSource(kind="mongodb", url="mongodb://h", tenant_part="t.{tenant}"),
    "orders": BackupSource(kind="sqlite", path="orders.db"),
}


def test_a_tenants_part_of_each_source() -> None:
    """A path, a beginning of keys, a database; sources without such a part are left out."""
    parts = parts_of(SOURCES, tenant="acme")

    assert parts == {"files": "tenants/acme", "media": "acme/up", "docs": "t.acme"}
    assert paths_of(SOURCES, parts) == (
        "backup.json",
        "sources/files/tenants/acme",
        "sources/media/objects/acme%2F/up%2F",
        "sources/media/manifest.jsonl",
        "sources/docs/t%2Eacme",
    )


def test_one_source() -> None:
    """All of it, with the record of the backup."""
    parts = parts_of(SOURCES, source="orders")

    assert paths_of(SOURCES, parts) == ("backup.json", "sources/orders")


def test_parts_that_are_none_are_told() -> None:
    """A tenant's name never leads out of its part."""
    with pytest.raises(BackupError, match="known: files, media, docs, orders"):
        parts_of(SOURCES, source="other")
    with pytest.raises(BackupError, match="no source has `tenant_part`"):
        parts_of(SOURCES, source="orders", tenant="acme")
    for name in ("..", "a/b", ""):
        with pytest.raises(BackupError, match="that is no name"):
            parts_of(SOURCES, tenant=name)
