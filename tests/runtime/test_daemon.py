"""What makes a process a daemon."""

import json
import logging
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from intertie.errors import DaemonError
from intertie.runtime.daemon import JsonLines, Lock, is_locked
from intertie.trace_context import Tracer, use

HEIR = """
import os, sys
from pathlib import Path
from intertie.runtime.daemon import Lock
with Lock(Path(sys.argv[1]), int(sys.argv[2])) as lock:
    print("held,", "inherited" if os.get_inheritable(lock.fileno()) else "not inherited")
    sys.stdin.readline()
"""


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
    assert found["service.name"] == "intertie"
    assert datetime.fromisoformat(found["time"]).tzinfo is UTC
    assert "trace_id" not in found


def test_a_log_line_within_a_trace_has_its_ids() -> None:
    """And the name of the process that it was told."""
    context = Tracer().begin()
    record = logging.LogRecord("intertie.x", logging.INFO, "f", 1, "hello", (), None)

    with use(context):
        found = json.loads(JsonLines("intertie-door").format(record))

    assert found["service.name"] == "intertie-door"
    assert (found["trace_id"], found["span_id"]) == (context.trace_text, context.span_text)


def test_it_can_be_asked_whether_a_daemon_runs(tmp_path: Path) -> None:
    """Also while it starts or ends; asking takes nothing from anybody."""
    assert not is_locked(tmp_path / "none")

    with Lock(tmp_path / "lock"):
        assert is_locked(tmp_path / "lock")

    assert not is_locked(tmp_path / "lock")


def test_a_lock_can_be_handed_down(tmp_path: Path) -> None:
    """It is held from before the child begins until the child ends."""
    file = tmp_path / "lock"
    with Lock(file) as lock:
        child = subprocess.Popen(
            [sys.executable, "-c", HEIR, str(file), str(lock.fileno())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=[lock.fileno()],
        )

    assert is_locked(file)
    told, _ = child.communicate("end\n")

    assert told == "held, not inherited\n"
    assert not is_locked(file)
