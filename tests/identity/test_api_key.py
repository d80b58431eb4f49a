"""The key of the management API."""

from pathlib import Path

import pytest

from intertie.identity.api_key import ApiKey


def test_the_right_key_passes_and_lies_in_a_private_file(tmp_path: Path) -> None:
    """This user's tools read the key from a file that nobody else can read."""
    file = tmp_path / "api.token"

    key = ApiKey.create(file)

    assert key.opens(f"Bearer {file.read_text()}")
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text() not in repr(key)


@pytest.mark.parametrize("shown", [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic {key}"])
def test_everything_else_is_refused(tmp_path: Path, shown: str | None) -> None:
    """No key, a wrong key, or the right one under another scheme."""
    file = tmp_path / "api.token"
    key = ApiKey.create(file)

    assert not key.opens(shown and shown.format(key=file.read_text()))


def test_each_daemon_has_a_new_key(tmp_path: Path) -> None:
    """A key that leaked is worth nothing after a restart."""
    file = tmp_path / "api.token"
    old = ApiKey.create(file)
    old_header = f"Bearer {file.read_text()}"

    new = ApiKey.create(file)

    assert old.opens(old_header)
    assert not new.opens(old_header)
