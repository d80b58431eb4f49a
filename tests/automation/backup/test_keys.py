from pathlib import Path

import pytest

from intertie.automation.backup.keys import Lock, write_whole
from intertie.automation.backup.port import BackupError


@pytest.fixture
def lock(tmp_path: Path) -> Lock:
    """Of a repository that has no key yet."""
    (tmp_path / "repository").mkdir()
    return Lock(repository=tmp_path / "repository", key_file=tmp_path / "state" / "key")


def test_a_key_is_made_once(lock: Lock) -> None:
    """It stays the same, and only its owner can read it."""
    lock.make()
    first = lock.key_file.read_bytes()
    lock.make()

    assert lock.key_file.read_bytes() == first
    assert lock.key_file.stat().st_mode & 0o777 == 0o600
    assert str(lock.open().to_public()).startswith("age1")


def test_a_key_that_is_there_is_used(lock: Lock, tmp_path: Path) -> None:
    """Two repositories may share one."""
    lock.make()
    (tmp_path / "second").mkdir()
    second = Lock(repository=tmp_path / "second", key_file=lock.key_file)
    second.make()

    assert str(second.open().to_public()) == str(lock.open().to_public())


def test_a_repository_without_its_mark_is_not_opened(lock: Lock) -> None:
    """It was never made, or it is damaged."""
    lock.make()
    (lock.repository / "recipient").unlink()

    with pytest.raises(BackupError, match="cannot open"):
        lock.open()


def test_what_is_no_key_is_said(lock: Lock) -> None:
    """Without showing what it is."""
    lock.make()
    lock.key_file.write_text("AGE-SECRET-KEY-BROKEN")

    with pytest.raises(BackupError, match="no key") as failed:
        lock.open()

    assert "BROKEN" not in str(failed.value)


def test_a_password_is_not_shown(tmp_path: Path) -> None:
    """In what it looks like."""
    assert "hidden" not in repr(Lock(repository=tmp_path, key_file=tmp_path, password="hidden"))


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    """What was there is replaced, and nothing else is left."""
    write_whole(tmp_path / "a", b"first")
    write_whole(tmp_path / "a", b"second")

    assert (tmp_path / "a").read_bytes() == b"second"
    assert [one.name for one in tmp_path.iterdir()] == ["a"]
