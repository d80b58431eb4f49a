"""A test run that is stopped in the middle leaves nothing behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.conftest import ROOT
from tests.e2e.shop import until

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_nothing_of_it_runs_on(tmp_path: Path, number: signal.Signals, workers: int) -> None:
    """Told to end or interrupted, alone or with workers: suites that were up are down."""
    folder = tmp_path / "runs"
    command = [sys.executable, "-m", "pytest", "-q", f"-n{workers}", f"--basetemp={folder}"]
    command += ["-p", "no:cacheprovider", "tests/cli/test_life.py"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    run = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        until(lambda: _has_daemon(folder) or run.poll() is not None, 60)
        assert run.poll() is None
        run.send_signal(number)

        assert run.wait() == pytest.ExitCode.INTERRUPTED
        until(lambda: not any(_of(folder)), 60)  # workers may end after it
    finally:
        run.kill()
        run.wait()


def _has_daemon(folder: Path) -> bool:
    return any("daemon" in line for line in _of(folder))


def _of(folder: Path) -> Iterator[list[str]]:
    """Command lines of what runs in a folder, but for the test run itself."""
    for process in psutil.process_iter():
        try:
            line = process.cmdline()
        except psutil.Error:
            continue
        if any(str(folder) in word for word in line) and "pytest" not in line:
            yield line
