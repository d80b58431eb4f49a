import hashlib
import os
from pathlib import Path

import pytest

from intertie.errors import StoreError
from intertie_media.upload.store import UploadFolder, free_bytes, write_at


@pytest.fixture
def folder(tmp_path: Path) -> UploadFolder:
    """A new upload."""
    made = UploadFolder(tmp_path / "u1")
    made.create(10_000_000)
    return made


def test_a_new_upload_has_its_size_but_takes_no_room(folder: UploadFolder) -> None:
    """The file is sparse; nobody else can look into the folder."""
    stat = folder.content.stat()

    assert stat.st_size == 10_000_000
    assert stat.st_blocks * 512 < 100_000
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert folder.load() == {}


def test_an_upload_is_not_created_twice(folder: UploadFolder) -> None:
    """Two uploads never share a folder."""
    with pytest.raises(StoreError, match="cannot create an upload"):
        folder.create(1)


def test_what_was_committed_is_there_after_a_restart(folder: UploadFolder) -> None:
    """Bytes and the set of chunks come from the disk."""
    descriptor = folder.open()
    write_at(descriptor, 5, b"hello")
    folder.commit(descriptor, 3, 0xCAFE)
    folder.commit(descriptor, 1, 0xBEEF)
    os.close(descriptor)

    again = UploadFolder(folder.path)

    assert again.load() == {3: 0xCAFE, 1: 0xBEEF}
    assert again.content.read_bytes()[5:10] == b"hello"


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_record_cut_off_by_a_crash_counts_for_nothing(folder: UploadFolder, cut: int) -> None:
    """What was whole before stays, and the journal goes on cleanly."""
    descriptor = folder.open()
    folder.commit(descriptor, 0, 7)
    folder.commit(descriptor, 1, 8)
    os.truncate(folder.journal, folder.journal.stat().st_size - cut)

    assert folder.load() == {0: 7}
    folder.commit(descriptor, 2, 9)
    os.close(descriptor)

    assert folder.load() == {0: 7, 2: 9}


def test_a_damaged_record_counts_for_nothing(folder: UploadFolder) -> None:
    """A chunk is sent again rather than trusted."""
    descriptor = folder.open()
    folder.commit(descriptor, 0, 7)
    os.close(descriptor)
    data = bytearray(folder.journal.read_bytes())
    data[3] ^= 1
    folder.journal.write_bytes(data)

    assert folder.load() == {}


def test_the_sha256_is_that_of_the_whole_file(tmp_path: Path) -> None:
    """Holes count as zeros."""
    folder = UploadFolder(tmp_path / "u2")
    folder.create(3_000_000)

    assert folder.sha256() == hashlib.sha256(bytes(3_000_000)).hexdigest()


def test_removing_leaves_nothing_and_may_be_repeated(folder: UploadFolder) -> None:
    """Also an upload that was never there can be removed."""
    folder.remove()
    folder.remove()

    assert not folder.path.exists()
    assert folder.changed_at() is None


def test_the_disk_has_room(tmp_path: Path) -> None:
    """The number is in bytes."""
    assert free_bytes(tmp_path) > 1_000_000
