import os
from pathlib import Path

import pytest

from intertie.automation.maintenance.places import is_cache, opened, parts
from intertie.errors import IntertieError

STATE = ".intertie"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/tmp",  # noqa: S108
        "..",
        "a/../../b",
        ".",
        "",
        "./",
        ".intertie",
        ".intertie/data/x",
        "./.intertie/run",
        "a\0b",
    ],
)
def test_what_is_not_below_the_suites_folder_is_refused(path: str) -> None:
    """And so is that folder itself, and the state folder with all in it."""
    with pytest.raises(IntertieError, match="cannot clean"):
        parts(path, state=STATE)


def test_a_folder_around_the_state_folder_is_refused() -> None:
    """Its content would be the state folder's too."""
    with pytest.raises(IntertieError, match="the state folder is in it"):
        parts("var", state="var/intertie")
    assert parts("var/tmp", state="var/intertie") == ("var", "tmp")


def test_a_folder_is_its_names() -> None:
    """However it is written."""
    assert parts("./a//b/", state=STATE) == ("a", "b")


def test_caches_are_known_by_their_name() -> None:
    """Nothing else is one."""
    assert [is_cache(path) for path in ("web/.cache", "cache/", "tmp", "caches.d")] == [
        True,
        True,
        False,
        False,
    ]


def test_no_name_of_a_path_may_be_a_link(tmp_path: Path) -> None:
    """Neither the last one nor one on the way."""
    (tmp_path / "real" / "inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")

    with opened(tmp_path, ("real", "inner")) as handle:
        assert os.path.samestat(os.fstat(handle), (tmp_path / "real" / "inner").stat())
    for names in (("link",), ("link", "inner")):
        with pytest.raises(OSError, match=r"links|directory"), opened(tmp_path, names):
            pass


def test_no_handle_is_left_open(tmp_path: Path) -> None:
    """Also when a name is missing."""
    (tmp_path / "a").mkdir()
    before = len(os.listdir("/proc/self/fd"))

    with opened(tmp_path, ("a",)):
        pass
    with pytest.raises(FileNotFoundError), opened(tmp_path, ("a", "none")):
        pass

    assert len(os.listdir("/proc/self/fd")) == before
