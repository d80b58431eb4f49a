"""What is different."""

from datetime import UTC, datetime
from pathlib import Path

from intertie.automation.backup.diff import diff, manifests, view
from intertie.automation.backup.invariants import File, Invariants, Table
from intertie.automation.backup.snapshot_s3 import Entry
from intertie.automation.backup.snapshots import Staged, StagedSource


def staged(kind: str, **held: object) -> Staged:
    """A backup of one source."""
    source = StagedSource(kind=kind, invariants=Invariants.model_validate(held))
    return Staged(at=datetime(2026, 1, 1, tzinfo=UTC), sources={"one": source})


def file(text: str) -> File:
    """With that content."""
    return File(size=len(text), mode=0o644, sha256=text)


def test_files_are_told_with_their_sizes(tmp_path: Path) -> None:
    """Added, removed, changed; what is the same is not told."""
    older = staged("folder", files={"same": file("s"), "gone": file("gg"), "over": file("o")})
    newer = staged("folder", files={"same": file("s"), "new": file("nnn"), "over": file("oooo")})

    found = diff(view(older, tmp_path), view(newer, tmp_path))

    assert [str(each) for each in found] == [
        "- one: file gone (2 bytes)",
        "+ one: file new (3 bytes)",
        "~ one: file over (1 bytes -> 4 bytes)",
    ]


def test_tables_are_told_in_place_of_their_file(tmp_path: Path) -> None:
    """With how many rows they have."""
    older = staged("sqlite", files={"a.db": file("a")}, tables={"t": Table(rows=1, content="1")})
    newer = staged("sqlite", files={"a.db": file("b")}, tables={"t": Table(rows=2, content="2")})

    found = diff(view(older, tmp_path), view(newer, tmp_path))

    assert [str(each) for each in found] == ["~ one: table t (1 rows -> 2 rows)"]


def test_objects_are_told_by_their_keys(tmp_path: Path) -> None:
    """From the manifests, which must be restored for that."""
    held = staged("s3")
    for name, content in (("old", "1"), ("new", "2")):
        folder = tmp_path / name / "sources" / "one"
        folder.mkdir(parents=True)
        entry = Entry(key="a/b", version=None, etag=content, size=1, sha256=content)
        (folder / "manifest.jsonl").write_text(entry.model_dump_json() + "\n")

    found = diff(view(held, tmp_path / "old"), view(held, tmp_path / "new"))

    assert [str(each) for each in found] == ["~ one: object a/b (1 bytes -> 1 bytes)"]
    assert manifests(held) == ("sources/one/manifest.jsonl",)


def test_a_tenants_part_is_looked_at_alone(tmp_path: Path) -> None:
    """A name that only begins like it is another's."""
    held = staged("folder", files={"t/a/x": file("x"), "t/ab/y": file("y"), "z": file("z")})
    tables = {"acme.orders": Table(rows=1, content="1"), "acme2.orders": Table(rows=1, content="1")}

    files = view(held, tmp_path, parts={"one": "t/a"})
    documents = view(staged("mongodb", tables=tables), tmp_path, parts={"one": "acme"})

    assert [each.name for each in files] == ["t/a/x"]
    assert [each.name for each in documents] == ["acme.orders"]
    assert view(held, tmp_path, parts={"other": ""}) == {}
