from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.automation.backup.shelf import Index, Shelf, new_id, sealed, unsealed

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def index(id: str = "one", *, meta: dict[str, str] | None = None) -> Index:
    """Of a snapshot with four bytes."""
    return Index(id=id, at=AT, size_bytes=1, files=1, stored_bytes=4, sha256="", meta=meta or {})


@given(st.dictionaries(st.text(), st.text(), max_size=3), st.data())
def test_no_bit_of_an_index_may_change(meta: dict[str, str], data: st.DataObject) -> None:
    """It reads as it was written, and not at all with one bit changed."""
    held = sealed(index(meta=meta))
    at = data.draw(st.integers(0, len(held) - 1))
    changed = bytearray(held)
    changed[at] ^= 1 << data.draw(st.integers(0, 7))

    assert unsealed(held) == index(meta=meta)
    assert unsealed(bytes(changed)) is None


def test_ids_sort_by_time() -> None:
    """And two of one moment differ."""
    assert new_id(AT) < new_id(AT + timedelta(microseconds=1))
    assert new_id(AT) != new_id(AT)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """One with nothing on it."""
    return Shelf(tmp_path)


def put(shelf: Shelf, id: str = "one") -> None:
    """A snapshot that is written whole."""
    shelf.partial(id).write_bytes(b"four")
    shelf.publish(index(id))


def names(shelf: Shelf) -> list[str]:
    """All files but the lock."""
    return sorted(one.name for one in shelf.folder.iterdir() if one.name != ".lock")


def test_a_run_that_died_before_the_last_name_is_finished(shelf: Shelf) -> None:
    """The archive has its name, the index waits for its own."""
    put(shelf)
    shelf.index("one").rename(shelf.folder / ".one.json.partial")

    with shelf.held():
        pass

    assert [entry.snapshot.fault for entry in shelf.entries()] == [None]


def test_a_removal_that_died_is_finished(shelf: Shelf) -> None:
    """Whatever was gone already."""
    put(shelf)
    put(shelf, "two")
    (shelf.folder / ".one.gone").touch()
    shelf.archive("one").unlink()

    with shelf.held():
        pass

    assert names(shelf) == ["two.json", "two.tar.zst.age"]


def test_what_was_only_begun_is_cleared_away(shelf: Shelf) -> None:
    """It was never listed either."""
    put(shelf)
    shelf.partial("two").write_bytes(b"ab")
    (shelf.folder / ".two.json.partial").write_bytes(b"{")

    listed = shelf.entries()
    with shelf.held():
        pass

    assert [entry.snapshot.id for entry in listed] == ["one"]
    assert names(shelf) == ["one.json", "one.tar.zst.age"]


def test_an_index_under_another_name_is_not_believed(shelf: Shelf) -> None:
    """A copy of one snapshot's index does not make another snapshot."""
    put(shelf)
    shelf.index("two").write_bytes(shelf.index("one").read_bytes())

    found = {entry.snapshot.id: entry.snapshot.fault for entry in shelf.entries()}

    assert found == {"one": None, "two": "its index file is damaged"}


def test_an_archive_of_another_length_shows(shelf: Shelf) -> None:
    """Without reading it."""
    put(shelf)
    shelf.archive("one").write_bytes(b"fou")

    (entry,) = shelf.entries()

    assert entry.snapshot.fault == "its archive has 3 bytes and had 4"
