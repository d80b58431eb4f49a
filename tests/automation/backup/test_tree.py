import os
from pathlib import Path

import pytest

from intertie.automation.backup.port import BackupError
from intertie.automation.backup.tree import each, empty, is_empty, measure, remove, scratch
from tests.automation.backup.trees import plant

pytestmark = pytest.mark.anyio


def test_a_folder_comes_before_what_is_in_it(tmp_path: Path) -> None:
    """Links are not followed, and what is left out is not gone into."""
    folder = plant(tmp_path.resolve() / "a")

    found = [path.relative_to(folder).as_posix() for path in each(folder)]
    less = [path.name for path in each(folder, without={folder / "deep"})]

    assert found.index("deep") < found.index("deep/er") < found.index("deep/secret")
    assert "deep/up" in found
    assert not [name for name in found if name.startswith("deep/up/")]
    assert "deep" not in less
    assert "secret" not in less
    assert "link" in less


def test_what_cannot_be_read_is_not_passed_over(tmp_path: Path) -> None:
    """A folder that is not there is an error, not an empty one."""
    with pytest.raises(FileNotFoundError):
        list(each(tmp_path / "gone"))


def test_sizes_add_up(tmp_path: Path) -> None:
    """Of files and links; pipes have none."""
    (tmp_path / "a").write_bytes(bytes(10))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c").write_bytes(bytes(5))
    os.mkfifo(tmp_path / "pipe")

    assert measure(tmp_path) == (2, 15)
    assert measure(tmp_path, without={tmp_path.resolve() / "b"}) == (1, 10)
    assert measure(tmp_path / "a") == (1, 10)


def test_a_target_must_be_empty(tmp_path: Path) -> None:
    """It is made where it is not there."""
    empty(tmp_path / "new" / "er")
    assert is_empty(tmp_path / "new" / "er")

    for busy in (tmp_path, tmp_path / "new"):
        with pytest.raises(BackupError, match="not empty"):
            empty(busy)
    (tmp_path / "file").touch()
    with pytest.raises(BackupError, match="cannot restore into"):
        empty(tmp_path / "file")


async def test_a_scratch_folder_goes_away(tmp_path: Path) -> None:
    """Also when something fails, and also what may not be written to."""
    with pytest.raises(ZeroDivisionError):
        await _fail_in(tmp_path / "parent")

    assert is_empty(tmp_path / "parent")


async def _fail_in(parent: Path) -> None:
    async with scratch(parent, "test-") as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        locked = plant(folder / "a") / "deep"
        locked.chmod(0o500)
        raise ZeroDivisionError


def test_removing_what_is_gone_is_nothing(tmp_path: Path) -> None:
    """No error."""
    remove(tmp_path / "gone")


async def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    """What another one is using is not, nor what belongs to something else."""
    plant(tmp_path / "test-left")
    plant(tmp_path / "other-left")

    async with scratch(tmp_path, "test-") as first, scratch(tmp_path, "test-") as second:
        assert {first, second, tmp_path / "other-left"} == set(_in(tmp_path))


def _in(folder: Path) -> list[Path]:
    return list(folder.iterdir())
