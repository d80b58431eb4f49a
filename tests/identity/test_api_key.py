"""The key of the management API."""

from pathlib import Path

import pytest

from intertie.errors import AccessDeniedError
from intertie.identity.api_key import ApiKey


def test_the_right_key_passes_and_lies_in_a_private_file(tmp_path: Path) -> None:
    """This user's tools read the key from a file that nobody else can read."""
    file = tmp_path / "api.token"

    key = ApiKey.create(file)

    key.check(f"Bearer {file.read_text()}")
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text() not in repr(key)


@pytest.mark.parametrize("shown", [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic {key}"])
def test_everything_else_is_refused(tmp_path: Path, shown: str | None) -> None:
    """No key, a wrong key, or the right one under another scheme."""
    file = tmp_path / "api.token"
    key = ApiKey.create(file)

    with pytest.raises(AccessDeniedError, match="management key"):
        key.check(shown and shown.format(key=file.read_text()))
