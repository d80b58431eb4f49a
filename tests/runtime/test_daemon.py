"""What makes a process a daemon."""

import json
import logging
import sys
from pathlib import Path

import pytest

from intertie.errors import DaemonError
from intertie.runtime.daemon import JsonLines, Lock, is_locked


def test_a_folder_has_one_daemon_at_a_time(tmp_path: Path) -> None:
    """The second is told what runs; when the first ends, the lock is free."""
    with Lock(tmp_path / "lock"), pytest.raises(DaemonError, match="another daemon runs there"):
        Lock(tmp_path / "lock").__enter__()

    with Lock(tmp_path / "lock"):
        pass


def test_a_log_line_is_json_with_its_fields() -> None:
    """Message, level and the extra fields; a traceback stays inside the line."""
    record = logging.LogRecord("intertie.x", logging.WARNING, "f", 1, "slow %s", ("api",), None)
    record.__dict__["service"] = "api"
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        record.exc_info = sys.exc_info()

    line = JsonLines().format(record)

    found = json.loads(line)
    assert "\n" not in line
    assert (found["level"], found["message"], found["service"]) == ("warning", "slow api", "api")
    assert "second" in found["exception"]


def test_it_can_be_asked_whether_a_daemon_runs(tmp_path: Path) -> None:
    """Also while it starts or ends; asking takes nothing from anybody."""
    assert not is_locked(tmp_path / "none")

    with Lock(tmp_path / "lock"):
        assert is_locked(tmp_path / "lock")

    assert not is_locked(tmp_path / "lock")
