"""The key to remove."""

from pathlib import Path

import pytest

from intertie.automation.backup.port import BackupError
from intertie.automation.backup.prune_key import check_prune_key, make_prune_key


def test_only_the_key_that_was_made_is_the_one(tmp_path: Path) -> None:
    """It is not in the repository, and is made once."""
    with pytest.raises(BackupError, match="it has no key yet"):
        check_prune_key(tmp_path, "any")
    key = make_prune_key(tmp_path)

    check_prune_key(tmp_path, f"{key}\n")

    with pytest.raises(BackupError, match="that is not its key"):
        check_prune_key(tmp_path, "any")
    with pytest.raises(BackupError, match="there is one already"):
        make_prune_key(tmp_path)
    [file] = tmp_path.iterdir()
    assert key not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o400
