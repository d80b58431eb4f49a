"""Options that many commands share."""

from pathlib import Path

import pytest

from intertie.errors import DaemonError
from intertie.runtime.folder import find_suite


def test_the_nearest_file_above_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Compose does; the file of this very folder keeps its short name, for short messages."""
    (tmp_path / "suite.yaml").touch()
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)

    monkeypatch.chdir(inner)
    assert find_suite(None) == tmp_path / "suite.yaml"
    monkeypatch.chdir(tmp_path)
    assert find_suite(None) == Path("suite.yaml")


def test_a_named_file_is_taken_as_named() -> None:
    """Whether it exists is told by who reads it, with its faults."""
    assert find_suite(Path("other/suite.yaml")) == Path("other/suite.yaml")


def test_no_file_is_told_with_where_was_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And with the option that names one."""
    monkeypatch.chdir(tmp_path)

    with pytest.raises(DaemonError, match=r"no suite.yaml in .* or above; name one with --file"):
        find_suite(None)
