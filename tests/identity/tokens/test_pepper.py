"""The secret that is not in the database."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from intertie.errors import StoreError
from intertie.identity.tokens.pepper import Pepper


def test_it_outlives_the_process_and_stays_private(tmp_path: Path) -> None:
    """Only the owner may read it, and it is never shown."""
    first = Pepper.open(tmp_path / "keys")

    again = Pepper.open(tmp_path / "keys")

    assert again.hash("a", "b") == first.hash("a", "b")
    assert (tmp_path / "keys" / "pepper").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    assert repr(first) == "Pepper(****)"


def test_all_who_open_it_first_have_the_same(tmp_path: Path) -> None:
    """However many make it at once; nothing else is left in the folder."""
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: Pepper.open(tmp_path / "keys").hash("a"), range(32)))

    assert len(set(made)) == 1
    assert [each.name for each in (tmp_path / "keys").iterdir()] == ["pepper"]


def test_purposes_and_parts_are_apart() -> None:
    """A hash for one thing is worth nothing for the next."""
    pepper = Pepper(b"x" * 32)

    made = {
        pepper.hash("a", "b"),
        pepper.hash("b", "a"),
        pepper.hash("a", "b", ""),
        pepper.hash("ab"),
        pepper.hash("a", "b1:c"),
        pepper.hash("a", "b", "c"),
        Pepper(b"y" * 32).hash("a", "b"),
    }

    assert len(made) == 7


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    """Its contents are not."""
    (tmp_path / "pepper").write_text("short")

    with pytest.raises(StoreError, match=r"pepper.*damaged") as caught:
        Pepper.open(tmp_path)

    assert "short" not in str(caught.value)
