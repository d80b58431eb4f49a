"""Whether the daemon of a suite runs."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

from intertie.cli.running import find_daemon, is_alive, wait_gone
from intertie.drivers import proc
from intertie.runtime.folder import Daemon, StateFolder


def daemon_of(pid: int) -> Daemon:
    """A process as if it were a daemon."""
    identity = proc.identify(pid)
    assert identity is not None
    return Daemon(pid, identity.start_ticks, "http://here", None, "suite.yaml", "1")


def test_a_reused_pid_is_not_the_daemon(tmp_path: Path) -> None:
    """The start time must be the same too."""
    ours = daemon_of(os.getpid())
    folder = StateFolder(tmp_path)
    folder.create()

    folder.announce(ours)
    assert find_daemon(folder) == ours
    folder.announce(replace(ours, start_ticks=ours.start_ticks + 1))
    assert find_daemon(folder) is None


def test_waiting_for_its_end_sees_the_end() -> None:
    """Also while nobody has taken note of the dead process."""
    process = subprocess.Popen(["sleep", "100"])
    daemon = daemon_of(process.pid)

    assert not wait_gone(daemon, 0.05)
    process.kill()
    assert wait_gone(daemon, 10)
    assert not is_alive(daemon)
    process.wait()
